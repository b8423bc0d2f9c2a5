"""An episode's document, and what is kept and told when it changes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from broker.alarm_messages import AlarmEntry, AlarmState
from broker.connection import OutgoingMessage
from broker.topics import SensorKey, Topics
from ingestor.alarms.notify.notifier import Notice
from ingestor.alarms.rules.setting_types import RuleSettings
from ingestor.documents import AlarmDocument, alarm_id, format_timestamp


class AlarmChange(NamedTuple):
    """What is to be kept and told, in this order.

    Attributes:
        document: The episode as it is now, to be written first; None for what is written nowhere.
        message: Its sensor's state; None if it is not told now.
        notice: What is sent to phones, if anything is.
    """

    document: AlarmDocument | None
    message: OutgoingMessage | None
    notice: Notice | None = None


def begin(
    key: SensorKey, name: str, rule: RuleSettings, since: datetime, raised_at: datetime
) -> AlarmDocument:
    """The document of an episode that begins, raised later than its first reading if there is an on-delay."""
    return {
        "_id": alarm_id(key.name, name, since),
        "sensor_id": key.name,
        "site": key.site,
        "rule": name,
        "severity": rule.severity,
        "message": "",
        "since": since,
        "raised_at": raised_at,
        "cleared_at": None,
        "limit_kwh": None,
        "peak_kwh": None,
        "waits": rule.wait_for_acknowledgement,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "in_storm": False,
        "retracted_at": None,
        "changed_at": raised_at,
        "notified_at": None,
    }


def key_of(document: AlarmDocument) -> SensorKey:
    """The site and the sensor of an episode."""
    return SensorKey(document["site"], document["sensor_id"])


def stands(document: AlarmDocument) -> bool:
    """Whether an episode is still to be listed: it goes on, or is over and waits to be seen."""
    if document["retracted_at"] is not None:
        return False
    if document["cleared_at"] is None:
        return True
    return document["waits"] and document["acknowledged_at"] is None


def note_peak(document: AlarmDocument, value_kwh: float) -> bool:
    """Keep the highest reading of an episode; whether it is this one."""
    if document["peak_kwh"] is not None and value_kwh <= document["peak_kwh"]:
        return False
    document["peak_kwh"] = value_kwh
    return True


def to_state(
    topics: Topics,
    key: SensorKey,
    documents: Iterable[AlarmDocument],
    shelved: Mapping[str, datetime],
    now: datetime,
) -> OutgoingMessage:
    """The retained message of one sensor: its alarms that stand."""
    alarms = [
        AlarmEntry(
            id=each["_id"],
            rule=each["rule"],
            severity=each["severity"],
            state="active" if each["cleared_at"] is None else "cleared",
            acknowledged=each["acknowledged_at"] is not None,
            since=format_timestamp(each["since"]),
            message=each["message"],
            acknowledged_by=each["acknowledged_by"],
            shelved_until=format_timestamp(shelved[each["rule"]]) if each["rule"] in shelved else None,
        )
        for each in documents
    ]
    state = AlarmState(sensor_id=key.name, site=key.site, updated=format_timestamp(now), alarms=alarms)
    payload = state.model_dump_json(exclude_none=True).encode()
    return OutgoingMessage(topics.alarms(*key), payload, retain=True)


def to_notice(document: AlarmDocument) -> Notice:
    """What is sent to phones of an episode that began or ended."""
    over = " is over" if document["cleared_at"] is not None else ""
    title = f"{document['sensor_id']}: {document['rule']}{over}"
    body = f"{document['message']} ({document['severity']}, {document['site']})"
    return Notice(document["_id"], document["severity"], title, body)
