"""Text from outside does nothing where it is shown: what is not seen is escaped."""

import json
import re
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.alarm_messages import Acknowledge
from broker.program.escape import escape_text, escape_truncated
from broker.topics import SensorKey, Topics
from ingestor.alarms.commands import AlarmCommands
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.episode import AlarmChange
from ingestor.alarms.manager import AlarmClock, AlarmManager
from ingestor.documents import Measure
from ingestor.flag import Thresholds
from monitor.cli.watch import reading_line
from monitor.export.formats import CsvWriter, JsonLinesWriter
from monitor.verify.verifier import Verdict, verdict_lines
from monitor.web.widgets.charts import totals_chart

HOSTILE = "a\x1b[2J\u202eb\nc"
SHOWN = r"a\u001b[2J\u202eb\nc"
RAW = json.dumps(HOSTILE, ensure_ascii=False)
UNSEEN = [
    *map(chr, [*range(0x20), *range(0x7F, 0xA0)]),
    *"\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069",
    *"\u061c\ufeff\u00ad\ud800\udfff\U000e0001\U000e0041\U000e0100\ufff9",
    *"\u034f\u115f\u1160\u17b4\u180b\u180e\u2800\u3164\ufe00\ufe0e\ufe0f\uffa0\U0001d159",
]
LOG = """
import asyncio, logging
from broker.program.process import run

class Lost(Exception):
    pass

async def main(_):
    log = logging.getLogger("x")
    log.warning("Sensor %s is here.", {text!r})
    try:
        raise ValueError({text!r})
    except ValueError:
        log.exception("It is bad: %s", {text!r})
    raise Lost({text!r})

run("ingestor", main, Lost)
"""


def add_nothing(change: AlarmChange) -> None:
    """Takes what a board has to keep and tell, of which there is nothing here."""
    raise AssertionError(change)


@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
def test_what_is_not_seen_is_escaped(character: str) -> None:
    shown = escape_text(f"Room {character}7")
    assert shown.isprintable()
    assert character not in shown
    assert re.fullmatch(r"Room (\\[bfnrt]|(\\u[0-9a-f]{4}){1,2})7", shown)


@pytest.mark.parametrize(
    "text", ["", "Room 7", "Büro 界 🔴", "a\\b", "e\u0301", "Roof \u2600\ufe0f", '"<b>&']
)
def test_what_is_seen_stays(text: str) -> None:
    assert escape_text(text) == text


@given(st.text(st.characters(codec=None)))
def test_any_text_is_one_line_and_can_be_told_from_what_it_hides(text: str) -> None:
    shown = escape_text(text)
    assert shown.isprintable()
    assert escape_text(shown) == shown
    assert not any(unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for each in shown)
    written = "".join(each if each not in '"\\' else f"\\{each}" for each in text)
    assert json.loads(f'"{escape_text(written)}"', strict=False) == json.loads(json.dumps(text))


@given(st.text(), st.integers(1, 80))
def test_short_text_is_no_longer_than_it_may_be(text: str, most: int) -> None:
    assert len(escape_truncated(text, most)) <= most
    assert escape_truncated(text, most) == escape_text(text) or escape_truncated(text, most).endswith("…")


def test_log_of_a_process_has_one_line_for_each_record(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(LOG.format(text=HOSTILE))
    ended = subprocess.run(  # noqa: S603 - ours
        [sys.executable, str(program)],
        env={"PYTHONPATH": str(Path(__file__).parent.parent.parent)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    lines = ended.stderr.splitlines()
    assert lines[0].endswith(f" ingestor: Sensor {SHOWN} is here.")
    assert lines[1].endswith(f" ingestor: It is bad: {SHOWN}")
    assert lines[2].startswith("Traceback")
    assert lines[-1] == f"ingestor: {SHOWN}"
    assert all(line.isprintable() for line in lines)


def test_command_to_a_hostile_topic_is_rejected_in_a_short_sentence() -> None:
    commands = AlarmCommands(
        AlarmManager(Topics(), AlarmConfig(), Thresholds(12.0), add_nothing, AlarmClock())
    )
    reason = commands.execute(SensorKey(HOSTILE, "s" * 60_000), Acknowledge(acknowledge="x"))
    assert reason == f"no sensor {'s' * 63}… of site {SHOWN} is known"


def test_line_of_a_stored_reading_is_escaped() -> None:
    moment = datetime(2026, 11, 23, 10, tzinfo=UTC).replace(tzinfo=None)
    measure = Measure(
        _id=HOSTILE, sensor_id=HOSTILE, site=HOSTILE, location=HOSTILE, value_kwh=1.0, timestamp=moment,
        is_anomaly=False, status_message=HOSTILE, received_at=moment,
    )  # fmt: skip
    assert reading_line(measure, 500, UTC) == f"10:00:00 🟢 {SHOWN} 1.00 kWh, {SHOWN}, {SHOWN}"


def test_verdict_is_escaped() -> None:
    lines = verdict_lines(Verdict(1, 0, 0, lost=[HOSTILE], alerts_wrong=[HOSTILE]))
    assert lines.count(f"  {SHOWN}") == 2
    assert all(line.isprintable() for line in lines)


def test_names_in_charts_are_escaped() -> None:
    assert totals_chart(["Mon"], {HOSTILE: [1.0]})["series"][0]["name"] == SHOWN


@pytest.mark.parametrize(("writer", "cell"), [(CsvWriter, f",{SHOWN},"), (JsonLinesWriter, RAW)])
def test_csv_is_escaped_and_a_file_for_programs_has_what_was_sent(
    tmp_path: Path, writer: type[CsvWriter | JsonLinesWriter], cell: str
) -> None:
    moment = datetime(2026, 11, 23, 10, tzinfo=UTC).replace(tzinfo=None)
    measure = Measure(
        _id="x", sensor_id="S-1", site="lari", location=HOSTILE, value_kwh=1.0, timestamp=moment,
        is_anomaly=False, status_message="", received_at=moment,
    )  # fmt: skip
    with (tmp_path / "x").open("wb") as out:
        writer(out).write([measure])
    assert cell in (tmp_path / "x").read_bytes().decode()
