"""Take up where an earlier process left: what stood, what was not judged, what was not told."""

from broker.topics import SensorKey
from ingestor.alarms.commands import AlarmCommands
from ingestor.alarms.episode import key_of
from ingestor.alarms.evaluation.evaluator import Evaluator
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.records import AlarmRecords
from ingestor.alarms.rules.rule import NEVER
from ingestor.alarms.sensor_state import NONE, SensorState
from ingestor.alarms.supervision.reject_rate import RejectRateMonitor
from ingestor.documents import AlarmDocument, SensorDocument


async def resume(
    manager: AlarmManager,
    evaluator: Evaluator,
    records: AlarmRecords,
    reject_rate: RejectRateMonitor,
    commands: AlarmCommands,
) -> list[SensorDocument]:
    """Fill the manager from what is kept, and mark what must be judged anew; before any reading.

    Returns:
        What was known of the sensors.
    """
    evaluator.began = manager.clock.now()
    since = await records.checkpoint.own()
    if since is None:
        # What was stored before there were alarms raises none.
        since = manager.clock.now()
        await records.checkpoint.set(since)
    known = await records.known_sensors()
    for each in known:
        _resume(manager, each)
    for document in sorted(await records.listed(), key=lambda each: each["since"]):
        _list(manager, document)
    for key, unevaluated_since in await records.unevaluated(since):
        evaluator.mark_dirty(manager.sensor(key), unevaluated_since)
    for rejected in await records.rejected_since(manager.clock.now() - manager.config.longest_quiet()):
        reject_rate.on_rejected(*rejected)
    for sensor in manager.sensors.values():
        reject_rate.resume(sensor)
        commands.resume(sensor)
        _notify_unsent(manager, sensor)
        sensor.update_quiet()
    for document in sorted(await records.changed_since(since), key=lambda each: each["changed_at"]):
        # Perhaps nobody was told of it; whoever was hears it twice.
        manager.republish(document)
    return known


def _resume(manager: AlarmManager, known: SensorDocument) -> None:
    sensor = manager.sensor(SensorKey(known["site"], known["sensor_id"]))
    sensor.at = known.get("last_reading") or NEVER
    sensor.shelved = known.get("shelved") or NONE
    sensor.is_primed = not sensor.rules.settings.looks_back
    if (interval_s := known.get("interval_s")) is not None:
        sensor.interval_s, sensor.to_learn = interval_s, 0
        manager.to_watch.append(sensor)


def _list(manager: AlarmManager, document: AlarmDocument) -> None:
    """List an episode of a rule: an active one rather than an ended one, else the newer."""
    sensor = manager.sensor(key_of(document))
    if document["cleared_at"] is not None and sensor.is_active(document["rule"]):
        return
    sensor.alarms = {**sensor.alarms, document["rule"]: document}
    sensor.rules.resume(sensor.alarms)


def _notify_unsent(manager: AlarmManager, sensor: SensorState) -> None:
    for document in sensor.alarms.values():
        if document["notified_at"] is None and not document["in_storm"]:
            manager.notify(sensor, document["rule"])
