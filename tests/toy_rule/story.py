"""What a file with the toy rule means, and what three readings make of it, as JSON.

With the name of a fault point, the list of rules that is there lacks the toy rule.
"""

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

from broker.messages import ReadingRow
from broker.topics import SensorKey, Topics
from ingestor.alarms.commands import read_command
from ingestor.alarms.config.explanation import explain
from ingestor.alarms.config.parse import parse_config
from ingestor.alarms.episode import AlarmChange
from ingestor.alarms.evaluation.evaluator import Evaluator
from ingestor.alarms.manager import AlarmClock, AlarmManager
from ingestor.documents import format_timestamp, to_measure
from ingestor.flag import Thresholds
from tests.fault_points import ingestor

FILE = '[rules.unused]\nlimit_kwh = 0.5\n[sites.annex.unused]\nseverity = "critical"\n'
BEGIN = datetime(2026, 11, 23, 10)  # noqa: DTZ001 - as documents have it
KEY = SensorKey("annex", "S-1")


def tell() -> Iterator[tuple[str, object]]:
    config, changes = parse_config(FILE), list[AlarmChange]()
    yield "explained", [line for line in explain(config, 12.0) if line.startswith("  idle")]
    yield "shelved", read_command(b'{"shelve": "idle", "minutes": 5}')
    manager = AlarmManager(Topics(), config, Thresholds(12.0), changes.append, AlarmClock(lambda: BEGIN))
    evaluator = Evaluator(manager)
    for second, value_kwh in enumerate((0.1, 0.2, 0.7)):
        at = BEGIN + timedelta(seconds=second)
        stamp = format_timestamp(at)
        row = ReadingRow(sensor_id=KEY.name, value_kwh=value_kwh, timestamp=stamp)
        evaluator.on_stored([to_measure(row, KEY, (at, stamp), None, at)], at)
    yield "peaks", [each["peak_kwh"] for each in evaluator.new_peaks.values()]
    published = [each.message for each in changes if each.message]
    yield (
        "published",
        [(each.topic, each.retain, json.loads(each.payload)["alarms"]) for each in published],
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        point = getattr(ingestor, name)
        point.replace(point.original[:-1]).start()
    sys.stdout.write(json.dumps(dict(tell()), default=repr))
