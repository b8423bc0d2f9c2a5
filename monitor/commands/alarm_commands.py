"""What people tell the ingestor, and how its answers to that read."""

from datetime import datetime, timedelta
from functools import partial

from broker.alarm_messages import Acknowledge, AlarmState, Shelve
from broker.topics import SensorKey
from ingestor.documents import AlarmDocument, format_timestamp, utc_now
from monitor.cli.alarms import DisplayOptions
from monitor.commands.client import AlarmCommand


def acknowledge_alarm(alarm: AlarmDocument, user: str | None) -> AlarmCommand:
    """The command that acknowledges an alarm."""
    key = SensorKey(alarm["site"], alarm["sensor_id"])
    command = Acknowledge(acknowledge=alarm["_id"], user=user)
    return AlarmCommand(key, command, alarm["_id"], partial(_read_acknowledged, alarm))


def shelve_rule(key: SensorKey, command: Shelve, before: datetime | None) -> AlarmCommand:
    """The command that shelves a rule, or ends that; ``before`` is until when it was shelved (UTC, naive)."""
    about = f"{command.shelve} of {key.name}"
    return AlarmCommand(key, command, about, partial(_read_shelved, about, command, before))


def _read_acknowledged(before: AlarmDocument, state: AlarmState) -> str | None:
    name = before["_id"]
    alarm = next((each for each in state.alarms if each.id == name), None)
    if alarm is not None:
        return f"{name} is acknowledged." if alarm.acknowledged else None
    # One that waits goes when it is acknowledged; another may have ended by itself just now.
    was_seen = before["waits"] or before["acknowledged_at"] is not None
    return f"{name} is acknowledged." if was_seen else f"{name} has ended."


def _read_shelved(about: str, command: Shelve, before: datetime | None, state: AlarmState) -> str | None:
    # Only what stands is listed. If that is not this rule, any new state has to do as an answer.
    listed = [each.shelved_until for each in state.alarms if each.rule == command.shelve]
    if command.minutes == 0:
        return None if any(listed) else f"{about} is no longer muted."
    until = utc_now() + timedelta(minutes=command.minutes)
    if listed:
        if listed[0] is None or (before and listed[0] == format_timestamp(before)):
            return None
        until = datetime.fromisoformat(listed[0]).replace(tzinfo=None)
    return f"{about} is muted until {DisplayOptions.for_stdout().clock(until)}."
