"""`alarms.toml`: what it may hold, what is said of a wrong one, and what a good one means."""

import json
import re
import subprocess
import sys
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestor.alarms.config.check_config import check_config
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.config.explanation import explain
from ingestor.alarms.config.parse import (
    MAX_BYTES,
    NAME_RULE,
    AlarmConfigError,
    parse_config,
    read_config,
)
from ingestor.alarms.rules.flatline import FLATLINE, FlatlineSettings
from ingestor.alarms.rules.overconsumption import OVERCONSUMPTION
from ingestor.alarms.rules.rule_settings import RULE_NAMES as NAMES
from ingestor.alarms.rules.rule_settings import AllRuleSettings
from ingestor.alarms.rules.setting_types import Severity
from ingestor.alarms.rules.stale import STALE

FILE = Path(__file__).parent.parent.parent / "alarms.toml"
EXAMPLE = re.compile(r"^#(?=\S)", flags=re.MULTILINE)
RULE_LIST = ", ".join(NAMES)
DURATION = "write a duration as 2s, 500ms, 10m or 1h30m"
ZONE = "write a time zone as Europe/Berlin, Asia/Kolkata or UTC"
SEVERITIES = "input should be 'critical', 'major', 'minor' or 'warning', not 'bad'"
OWN_KWH = "sensors.S.overconsumption.threshold_kwh"
SET_OWN_KWH = "[sensors.S.overconsumption]\nthreshold_kwh"

# Of each setting three values: for all, for a site, for a sensor.
VALUES: dict[str, tuple[Any, Any, Any]] = {
    "enabled": (False, True, False),
    "severity": ("warning", "critical", "minor"),
    "wait_for_acknowledgement": (True, False, True),
    "threshold_kwh": (None, 9.5, 20.0),
    "on_readings": (2, 3, 4),
    "on_delay": ("10s", "20s", "0s"),
    "deadband_kwh": (0.5, 0.0, 1.5),
    "off_readings": (5, 1, 6),
    "off_delay": ("40s", "0s", "50s"),
    "limit_kwh": (1.5, 2.5, 3.5),
    "window": ("1m", "2m", "3m"),
    "period": ("month", "day", "month"),
    "readings": (10, 20, 30),
    "zeros": (True, False, True),
    "intervals": (2.5, 3.0, 1.0),
    "interval": ("4s", "5s", "6s"),
    "at_least": ("7s", "0s", "8s"),
    "after": ("9s", "0s", "11s"),
    "payloads": (7, 8, 9),
    "quiet": ("12s", "13s", "14s"),
}
SETTINGS = [(name, setting) for name in NAMES for setting in type(AllRuleSettings().named(name)).model_fields]

RICH = """
time_zone = "Asia/Kolkata"
[rules.overconsumption]
severity = "critical"
wait_for_acknowledgement = true
on_readings = 3
on_delay = "30s"
deadband_kwh = 0.5
off_readings = 2
[rules.sustained]
limit_kwh = 8
deadband_kwh = 0.5
[rules.budget]
limit_kwh = 3000.0
period = "month"
[rules.stuck]
readings = 22
zeros = true
[rules.silent]
interval = "1m30s"
intervals = 2.5
[rules.offline]
after = "0s"
[rules.clock]
payloads = 2
quiet = "1h"
[rules.rejecting]
enabled = false
[storm]
alarms_per_minute = 1
[notifications]
severities = ["critical", "critical"]
cleared = true
most_per_hour = 1
[sites.annex.overconsumption]
threshold_kwh = 9.5
on_readings = 1
on_delay = "0s"
deadband_kwh = 0
[sites.annex.budget]
period = "day"
[sites.annex.silent]
enabled = false
interval = "5s"
[sites.annex.rejecting]
payloads = 1
[sites.empty.silent]
[sensors."Hall.7".overconsumption]
threshold_kwh = 20
severity = "warning"
wait_for_acknowledgement = false
off_readings = 4
off_delay = "500ms"
[sensors."Hall.7".sustained]
window = "1h30m"
deadband_kwh = 0.25
limit_kwh = 18.0
[sensors."Hall.7".stuck]
zeros = false
readings = 5
[sensors."Hall.7".silent]
enabled = true
intervals = 1
at_least = "0s"
[sensors."Hall.7".offline]
after = "2m"
[sensors."Hall.7".clock]
quiet = "2m"
[sensors."Hall.7".rejecting]
payloads = 10
"""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALARMS", "THRESHOLD_KWH"):
        monkeypatch.delenv(f"ENERGY_{name}", raising=False)


def test_the_file_says_what_holds_without_it() -> None:
    assert read_config(FILE) == AlarmConfig() == parse_config("")


def test_the_file_shows_every_setting() -> None:
    shown = tomllib.loads(EXAMPLE.sub("", FILE.read_text()))
    assert set(shown) == set(AlarmConfig.model_fields)
    for table, model in (("storm", AlarmConfig().storm), ("notifications", AlarmConfig().notifications)):
        assert set(shown[table]) == set(type(model).model_fields)
    for name in NAMES:
        assert set(shown["rules"][name]) == {each for rule, each in SETTINGS if rule == name} - {
            "threshold_kwh"
        }


def test_every_example_in_the_file_works_when_its_sign_is_taken_away() -> None:
    text = FILE.read_text()
    config = parse_config(EXAMPLE.sub("", text))
    assert (config.time_zone, config.of("annex", "S").of(STALE).enabled) == ("Europe/Berlin", False)
    assert all(
        config.rules.named(name) != AlarmConfig().rules.named(name)
        for name in ("sustained", "budget", "stuck")
    )
    assert config.thresholds() == ({"Sensor-LARI-02": 20.0}, {"annex": 9.5})
    examples = re.findall(r"(?:^#\S.*\n)+", text, flags=re.MULTILINE)
    assert len(examples) == 9
    for example in examples:
        assert parse_config(text.replace(example, EXAMPLE.sub("", example))) != AlarmConfig()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[a", "it is no TOML: expected ']' at the end of a table declaration (at end of document)"),
        ("a = ", "it is no TOML: invalid value (at end of document)"),
        ("\na = .", "it is no TOML: invalid value (at line 2, column 5)"),
        (f"time_zone = {'[' * 100_000}", "its lists or tables are nested too deeply"),
        (f"[storm]\nalarms_per_minute = {'9' * 5000}", "a number in it has too many digits"),
        ("[rule.silent]", "rule: there is no such setting; did you mean rules?"),
        ("[rules.silnt]", "rules.silnt: there is no such rule; did you mean silent?"),
        ("[rules.fire]", f"rules.fire: there is no such rule; there are {RULE_LIST}"),
        (
            "[rules.silent]\nintervall = 5",
            "rules.silent.intervall: there is no such setting; did you mean interval?",
        ),
        ("[storm]\nmost = 5", "storm.most: there is no such setting; there are alarms_per_minute"),
        ('[storm]\n"a\\nb" = 5', "storm.'a\\nb': there is no such setting; there are alarms_per_minute"),
        ("[rules.fire.a]", f"rules.fire: there is no such rule; there are {RULE_LIST}"),
        ("rules = 5", "rules: write a table, not 5"),
        ("[rules]\nsilent = false", "rules.silent: write a table, not false"),
        ("[sites]\nlari = 5", "sites.lari: write a table, not 5"),
        ("[sites.lari]\nsilent = false", "sites.lari.silent: write a table, not false"),
        (
            "[sites.lari]\nthreshold_kwh = 9",
            f"sites.lari.threshold_kwh: there is no such rule; there are {RULE_LIST}",
        ),
        ("[sites.lari.silnt]", "sites.lari.silnt: there is no such rule; did you mean silent?"),
        ("[rules.flatlin]", "rules.flatlin: there is no such rule; did you mean flatline?"),
        ("[rules.stale]\n[rules.silent]", "rules.stale: stale and silent are the same rule"),
        ("[sensors.S.silent]\n[sensors.S.stale]", "sensors.S.stale: stale and silent are the same rule"),
        (
            "[rules.flatline]\nreadings = 1",
            "rules.flatline.readings: input should be greater than or equal to 2, not 1",
        ),
        ("[sites.a.stale]\nenabled = 1", "sites.a.stale.enabled: write true or false, not 1"),
        (
            "[sensors.S.offline]\nquiet = 1",
            "sensors.S.offline.quiet: there is no such setting; "
            "there are enabled, severity, wait_for_acknowledgement, after",
        ),
        (
            "[sensors.Hall.7.silent]",
            "sensors.Hall.7: there is no such rule; a name with a dot stands in quotes",
        ),
        ('[sensors."Hall 7".silent]', f"sensors.'Hall 7': {NAME_RULE}"),
        ("[sites.-x.silent]", f"sites.-x: {NAME_RULE}"),
        ("[rules.silent]\nenabled = 1", "rules.silent.enabled: write true or false, not 1"),
        ('[rules.silent]\nenabled = "yes"', "rules.silent.enabled: write true or false, not 'yes'"),
        ("[rules.stuck]\nreadings = 3.0", "rules.stuck.readings: write a whole number, not 3.0"),
        (
            "[rules.stuck]\nreadings = 1",
            "rules.stuck.readings: input should be greater than or equal to 2, not 1",
        ),
        ("[rules.silent]\nintervals = true", "rules.silent.intervals: write a number, not true"),
        (
            "[rules.silent]\nintervals = nan",
            "rules.silent.intervals: input should be a finite number, not nan",
        ),
        ("[rules.silent]\nseverity = 'bad'", f"rules.silent.severity: {SEVERITIES}"),
        ("[notifications]\nseverities = ['bad']", f"notifications.severities: {SEVERITIES}"),
        (
            "[notifications]\nseverities = 5",
            'notifications.severities: write a list, as ["critical", "major"], not 5',
        ),
        (f"{SET_OWN_KWH} = -1", f"{OWN_KWH}: input should be greater than 0, not -1"),
        (f"{SET_OWN_KWH} = '9'", f"{OWN_KWH}: write a number, not '9'"),
        (f"{SET_OWN_KWH} = [9]", f"{OWN_KWH}: write a number, not a list"),
        (f"{SET_OWN_KWH}.a = 9", f"{OWN_KWH}: write a number, not a table"),
        (f"{SET_OWN_KWH} = 0x{'f' * 5000}", f"{OWN_KWH}: write a number, not so large a number"),
        (f"{SET_OWN_KWH} = {'9' * 400}", f"{OWN_KWH}: write a number, not {'9' * 60}…"),
        (
            "[rules.overconsumption]\nthreshold_kwh = 9",
            "rules.overconsumption.threshold_kwh: the threshold of all sensors is ENERGY_THRESHOLD_KWH; "
            "here a site or a sensor may have its own",
        ),
        ("[rules.silent]\nat_least = '5 s'", f"rules.silent.at_least: {DURATION}, not '5 s'"),
        ("[rules.silent]\nat_least = 5", f"rules.silent.at_least: {DURATION}, not 5"),
        ("[rules.silent]\nat_least = true", f"rules.silent.at_least: {DURATION}, not true"),
        ("[rules.silent]\nat_least = 00:00:05", f"rules.silent.at_least: {DURATION}, not 00:00:05"),
        (
            "[rules.silent]\nat_least = '25h'",
            "rules.silent.at_least: a time here is at least 0s and at most 24h, not '25h'",
        ),
        (
            "[sensors.S.silent]\ninterval = '0s'",
            "sensors.S.silent.interval: this time is more than 0s, not '0s'",
        ),
        ("time_zone = 5", "time_zone: write it in quotes, not 5"),
        ("time_zone = ''", f"time_zone: {ZONE}, not ''"),
        ("time_zone = 'europe/berlin'", f"time_zone: {ZONE}, not 'europe/berlin'"),
        (f"time_zone = '{'x' * 1000}'", f"time_zone: {ZONE}, not '{'x' * 59}…"),
    ],
)
def test_a_wrong_file_is_rejected_with_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(AlarmConfigError) as rejected:
        parse_config(text)
    assert str(rejected.value) == sentence


def test_a_file_that_cannot_be_read_is_rejected_with_one_sentence(tmp_path: Path) -> None:
    for name, content, sentence in (
        ("large.toml", b"#" * (MAX_BYTES + 1), "it is larger than 1 MiB"),
        ("latin.toml", "# größer".encode("latin-1"), "it is no text in UTF-8"),
        ("windows.toml", "# größer".encode("utf-16"), "it is no text in UTF-8"),
        ("missing.toml", None, "it cannot be read (no such file or directory)"),
        ("", None, "it cannot be read (is a directory)"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(AlarmConfigError) as rejected:
            read_config(tmp_path / name)
        assert str(rejected.value) == sentence


def test_a_file_from_windows_and_one_of_the_largest_size_are_welcome(tmp_path: Path) -> None:
    file = tmp_path / "alarms.toml"
    file.write_bytes(b"\xef\xbb\xbf[storm]\r\nalarms_per_minute = 5\r\n")
    assert read_config(file).storm.alarms_per_minute == 5
    file.write_bytes(b"#" * MAX_BYTES)
    assert read_config(file) == AlarmConfig()


def rejection(text: str) -> str:
    try:
        parse_config(text)
    except AlarmConfigError as error:
        return str(error)
    return ""


def test_any_wrong_value_is_told_in_one_line() -> None:
    odd = (
        "true",
        "-1",
        "0",
        "1e999",
        "nan",
        "'x'",
        "''",
        "'-1s'",
        "'9999h'",
        "[]",
        "{}",
        "2026-11-23",
        "'\\n'",
    )
    for name, setting in SETTINGS:
        for value in odd:
            said = rejection(f"[sensors.S.{name}]\n{setting} = {value}")
            assert not said or re.fullmatch(rf"sensors\.S\.{name}\.{setting}: [^\n]{{1,200}}", said)


@given(st.text(max_size=60) | st.text(alphabet="[]{}=.,'\"# \nab1-", max_size=60))
def test_any_text_is_a_configuration_or_rejected(text: str) -> None:
    assert "\n" not in rejection(text)


def table(where: str, setting: str, value: object) -> str:
    return "" if value is None else f"[{where}]\n{setting} = {json.dumps(value)}\n"


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_a_sensor_is_asked_before_its_site_and_that_before_all(name: str, setting: str) -> None:
    everywhere, site, sensor = VALUES[setting]
    texts = [
        table(f"rules.{name}", setting, everywhere),
        table(f"sites.annex.{name}", setting, site),
        table(f"sensors.S-1.{name}", setting, sensor),
    ]
    config = parse_config("".join(texts))
    for_all = config.rules.named(name)
    model = type(for_all)

    def expected(value: object) -> object:
        return getattr(model.model_validate({setting: value}), setting)

    def found(place: str, sensor_id: str) -> object:
        rule = config.of(place, sensor_id).named(name)
        assert rule == for_all.model_copy(update={setting: getattr(rule, setting)})
        return getattr(rule, setting)

    assert found("lari", "S-2") == expected(everywhere)
    assert found("annex", "S-2") == expected(site)
    assert found("annex", "S-1") == expected(sensor)
    assert found("lari", "S-1") == expected(sensor)
    assert config == parse_config("".join(texts)), "asking makes no difference"
    assert config.of("annex", "S-1") is config.of("annex", "S-1")


@pytest.mark.parametrize("table", ["[rules.clock]", "[sites.lari.rejecting]", "[sensors.Sensor-1.clock]"])
def test_a_rejection_counts_as_long_as_it_may_anywhere(table: str) -> None:
    assert parse_config("").longest_quiet() == timedelta(minutes=1)
    assert parse_config(f'{table}\nquiet = "2h"\n').longest_quiet() == timedelta(hours=2)


def test_a_rule_may_be_called_by_its_other_name() -> None:
    names = {"flatline": "stuck", "stale": "silent"}
    text = (
        "[rules.flatline]\nreadings = 7\n[sites.annex.flatline]\nzeros = true\n"
        '[sites.other.stuck]\nreadings = 9\n[sensors.S.stale]\ninterval = "5s"\n'
    )
    old = re.sub(r"\.(flatline|stale)\]", lambda found: f".{names[found[1]]}]", text)
    assert parse_config(text) == parse_config(old)
    assert explain(parse_config(text), 12.0) == explain(parse_config(old), 12.0)
    assert parse_config(text).of("annex", "S").of(FLATLINE) == FlatlineSettings(readings=7, zeros=True)
    assert parse_config(text).of("annex", "S").of(STALE).interval == timedelta(seconds=5)


def test_settings_of_one_rule_come_from_all_three_places() -> None:
    config = parse_config(RICH)
    rule = config.of("annex", "Hall.7").of(OVERCONSUMPTION)
    assert (rule.threshold_kwh, rule.severity, rule.on_readings) == (20.0, "warning", 1)
    assert (rule.off_readings, rule.off_delay) == (4, timedelta(milliseconds=500))
    assert (rule.on_delay, rule.deadband_kwh) == (timedelta(0), 0.0)
    assert config.of("elsewhere", "S-1") is config.rules


DEFAULTS_IN_WORDS = """\
For all sensors:
  overconsumption (major): Raised by the first reading above the sensor's
    threshold (12.0 kWh unless it has its own). Cleared by the first reading at
    or below the threshold.
  silent (major): Raised when no reading of a sensor has come for 5 times the
    usual interval, which is learned from its readings, and for at least 5 s;
    not while its node is offline. Cleared by its next reading.
  offline (minor): Raised when a node has been offline for 5 s. Cleared when it
    is back.
  clock (minor): Raised by the first reading of a sensor that is rejected for
    its time. Cleared when none was for 1 min.
  rejecting (minor): Raised when 3 payloads or rows of a sensor are rejected for
    anything but their time within 1 min. Cleared when none was for 1 min.
  Off: sustained (no limit_kwh), budget (no limit_kwh), stuck (no readings).
  None waits for an acknowledgement: an alarm that is over is gone.
If more than 20 alarms start at a site within a minute, one summary stands for
  the rest.
Sent to phones, if ENERGY_NOTIFY says where to: alarms of severity critical,
  major or minor, when they start, not when they are over; at most 20 messages
  an hour, the rest gathered into one.
Days and months begin at midnight in UTC.
"""

RICH_IN_WORDS = """\
For all sensors:
  overconsumption (critical): Raised when at least 3 readings in a row are above
    the sensor's threshold (12.0 kWh unless it has its own), the last at least
    30 s after the first. Cleared by the second reading in a row at least
    0.5 kWh below the threshold (at or below 11.5 kWh if that is 12.0 kWh). It
    stands until it is over and acknowledged.
  sustained (major): Raised when the mean of the readings of the last 15 min is
    above 8.0 kWh, if the sensor has been known for at least that long. Cleared
    when the mean is at or below 7.5 kWh.
  budget (minor): Raised when a sensor has used more than 3000.0 kWh since the
    first of the month. Cleared by its first reading of another month.
  stuck (minor): Raised by the 22nd reading in a row with the same value, 0.0 as
    well. Cleared by another value.
  silent (major): Raised when no reading of a sensor has come for 3 min 45 s;
    not while its node is offline. Cleared by its next reading.
  offline (minor): Raised when a node goes offline. Cleared when it is back.
  clock (minor): Raised when 2 readings of a sensor are rejected for their time
    within 1 h. Cleared when none was for 1 h.
  Off: rejecting (enabled = false).
If more than 1 alarm starts at a site within a minute, one summary stands for
  the rest.
Sent to phones, if ENERGY_NOTIFY says where to: alarms of severity critical,
  when they start, and when they are over; at most 1 message an hour, the rest
  gathered into one.
Days and months begin at midnight in Asia/Kolkata.
Different for the site annex:
  overconsumption: the threshold in this file is 9.5 kWh; raising it takes at
    least 1 reading; it is raised without delay; to clear it, a reading is at or
    below the threshold.
  budget: the limit is for a day.
  silent: it is off.
  rejecting: raising it takes 1 rejection; still it is off (enabled = false).
Different for the sensor Hall.7:
  overconsumption: the threshold in this file is 20.0 kWh; its severity is
    warning; it stands until it is over; clearing it takes at least 4 readings
    in a row; clearing it takes at least 500 ms.
  sustained: the mean is that of 1 h 30 min; to clear it, the mean is at least
    0.25 kWh below the limit; the limit is 18.0 kWh.
  stuck: readings of 0.0 do not count; the fifth reading with the same value
    raises it.
  silent: it is enabled; raising it takes at least 1 interval without a reading;
    no silence is too short to be one.
  offline: it is raised when a node has been offline for 2 min.
  clock: a rejection counts for 2 min.
  rejecting: raising it takes 10 rejections; still it is off (enabled = false),
    unless its site says otherwise.
What is set for a sensor counts more than what is set for its site.
"""


def test_the_defaults_in_words() -> None:
    assert "\n".join(explain(AlarmConfig(), 12.0)) + "\n" == DEFAULTS_IN_WORDS


def test_a_rich_file_in_words() -> None:
    assert "\n".join(explain(parse_config(RICH), 12.0)) + "\n" == RICH_IN_WORDS


def in_words(text: str, threshold_kwh: float = 12.0) -> str:
    return " ".join(line.strip() for line in explain(parse_config(text), threshold_kwh))


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("overconsumption]\non_readings = 10", "Raised by the tenth reading in a row above the sensor's"),
        ("overconsumption]\non_readings = 11", "Raised by the 11th reading in a row above"),
        ("overconsumption]\non_readings = 21", "Raised by the 21st reading in a row above"),
        ("overconsumption]\non_readings = 112", "Raised by the 112th reading in a row above"),
        ("overconsumption]\non_readings = 123", "Raised by the 123rd reading in a row above"),
        (
            "overconsumption]\non_delay = '1m'",
            "when readings in a row are above the sensor's threshold (12.0",
        ),
        (
            "overconsumption]\noff_delay = '1m'",
            "Cleared when readings in a row are at or below the threshold,",
        ),
        ("overconsumption]\noff_readings = 2", "Cleared by the second reading in a row at or below the"),
        (
            "overconsumption]\ndeadband_kwh = 12",
            "12.0 kWh below the threshold (at or below 0.0 kWh if that is",
        ),
        ("overconsumption]\ndeadband_kwh = 11.9", "(at or below 0.1 kWh if that is 12.0 kWh)."),
        (
            "overconsumption]\ndeadband_kwh = 12.5",
            "at least 12.5 kWh below the threshold. With a threshold of",
        ),
        ("overconsumption]\ndeadband_kwh = 12.5", "of 12.0 kWh no reading is that low: it is never cleared."),
        ("sustained]\nlimit_kwh = 0.3", "is above 0.3 kWh, if the sensor has been known for at least that"),
        ("sustained]\nlimit_kwh = 1\ndeadband_kwh = 1.0", "Cleared when the mean is at or below 0.0 kWh."),
        ("sustained]\nlimit_kwh = 1\ndeadband_kwh = 1.1", "With such a deadband it is never cleared."),
        (
            "budget]\nlimit_kwh = 9",
            "more than 9.0 kWh since midnight. Cleared by its first reading of another day.",
        ),
        ("stuck]\nreadings = 2", "Raised by the second reading in a row with the same value other than 0.0."),
        (
            "silent]\nintervals = 1",
            "has come for the usual interval, which is learned from its readings, and",
        ),
        ("silent]\nat_least = '0s'", "times the usual interval, which is learned from its readings; not"),
        ("silent]\ninterval = '100ms'", "has come for 5 s; not while"),
        ("silent]\ninterval = '24h'\nintervals = 1.5", "has come for 1 d 12 h; not while"),
        ("offline]\nafter = '1500us'", "has been offline for 1.5 ms. Cleared"),
        ("offline]\nafter = '59.999999s'", "has been offline for 59.999999 s. Cleared"),
        ("offline]\nafter = '23h59m1.5s'", "has been offline for 23 h 59 min 1.5 s. Cleared"),
        (
            "rejecting]\npayloads = 1",
            "Raised by the first payload or row of a sensor that is rejected for any",
        ),
        (
            "budget]\nenabled = false",
            "Off: sustained (no limit_kwh), budget (enabled = false), stuck (no readings).",
        ),
    ],
)
def test_no_sentence_is_wrong(rule: str, sentence: str) -> None:
    assert sentence in in_words(f"[rules.{rule}\n")


def test_what_is_off_is_not_explained() -> None:
    off = "".join(f"[rules.{name}]\nenabled = false\nwait_for_acknowledgement = true\n" for name in NAMES)
    said = in_words(off + "[notifications]\nseverities = []\n")
    assert said.startswith("For all sensors: Off: overconsumption (enabled = false), sustained (enabled")
    assert "Nothing is sent to phones." in said
    assert "Raised" not in said
    assert "acknowledgement" not in said


SPANS = st.sampled_from(("0s", "1us", "500ms", "90s", "24h")) | st.integers(0, 86_400_000).map("{}ms".format)
WINDOWS = SPANS.filter(lambda span: span not in {"0s", "0ms"})
KWH = st.floats(0, 1e12, exclude_min=True) | st.integers(1, 100)
IDS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
FREELY: dict[str, st.SearchStrategy[object]] = {
    "enabled": st.booleans(),
    "severity": st.sampled_from(get_args(Severity)),
    "wait_for_acknowledgement": st.booleans(),
    "threshold_kwh": KWH,
    "on_readings": st.integers(1, 1000),
    "on_delay": SPANS,
    "deadband_kwh": KWH | st.just(0),
    "off_readings": st.integers(1, 1000),
    "off_delay": SPANS,
    "limit_kwh": KWH,
    "window": WINDOWS,
    "period": st.sampled_from(("day", "month")),
    "readings": st.integers(2, 1000),
    "zeros": st.booleans(),
    "intervals": st.floats(1, 1000),
    "interval": WINDOWS,
    "at_least": SPANS,
    "after": SPANS,
    "payloads": st.integers(1, 1000),
    "quiet": WINDOWS,
}


def tables(*, threshold: bool) -> st.SearchStrategy[dict[str, dict[str, object]]]:
    """Any rules of the file, any settings of them."""
    rules: dict[str, st.SearchStrategy[dict[str, object]]] = {
        name: st.fixed_dictionaries(
            {},
            optional={
                each: FREELY[each]
                for rule, each in SETTINGS
                if rule == name and (threshold or each != "threshold_kwh")
            },
        )
        for name in NAMES
    }
    return st.fixed_dictionaries({}, optional=rules)


CONFIGS = st.fixed_dictionaries(
    {
        "time_zone": st.sampled_from(("UTC", "Europe/Berlin", "America/Argentina/ComodRivadavia")),
        "rules": tables(threshold=False),
        "storm": st.fixed_dictionaries({"alarms_per_minute": st.integers(1, 100_000)}),
        "notifications": st.fixed_dictionaries(
            {
                "severities": st.lists(st.sampled_from(get_args(Severity)), max_size=5),
                "cleared": st.booleans(),
                "most_per_hour": st.integers(1, 3600),
            }
        ),
        "sites": st.dictionaries(IDS, tables(threshold=True), max_size=3),
        "sensors": st.dictionaries(IDS, tables(threshold=True), max_size=3),
    }
).map(AlarmConfig.model_validate)


@settings(deadline=None)
@given(CONFIGS, st.floats(0, 1e12, exclude_min=True))
def test_every_configuration_can_be_said_in_lines_of_80_columns(
    config: AlarmConfig, threshold_kwh: float
) -> None:
    lines = explain(config, threshold_kwh)
    assert [line for line in lines if len(line) > 80 or line != line.rstrip() or not line.isprintable()] == []
    text = " ".join(line.strip() for line in lines)
    for_all = text.partition(" If more than ")[0]
    for name in NAMES:
        assert len(re.findall(rf"(?<![\w.-]){name} \(", for_all)) == 1, "each rule is on or off"
    for kind, own in (("site", config.sites), ("sensor", config.sensors)):
        for whose, each in own.items():
            assert any(each.values()) == (f" Different for the {kind} {whose}: " in text)


def test_check_config_explains_a_good_file(capsys: pytest.CaptureFixture[str]) -> None:
    check_config([str(FILE)])
    assert capsys.readouterr() == (f"{FILE} is well.\n{DEFAULTS_IN_WORDS}", "")
    check_config([str(FILE), "--threshold-kwh", "9.5"])
    assert "(9.5 kWh unless it has its own)" in capsys.readouterr().out


def test_check_config_reads_alarms_toml_and_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "alarms.toml").write_text(RICH)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENERGY_THRESHOLD_KWH", "7.5")
    check_config([])
    out = capsys.readouterr().out
    assert out.startswith("alarms.toml is well.\nFor all sensors:\n  overconsumption (critical): Raised")
    assert "threshold (7.5 kWh" in out
    monkeypatch.setenv("ENERGY_ALARMS", str(FILE))
    check_config([])
    assert capsys.readouterr().out.startswith(f"{FILE} is well.\n")
    check_config(["alarms.toml"])
    assert capsys.readouterr().out == out


def test_check_config_ends_with_one_sentence_for_a_wrong_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text("[rules.silent]\nintervals = 0")
    for file, sentence in (
        ("mine.toml", "rules.silent.intervals: input should be greater than or equal to 1, not 0"),
        ("alarms.toml", "it cannot be read (no such file or directory)"),
    ):
        with pytest.raises(SystemExit) as stopped:
            check_config([file])
        assert stopped.value.code == 1
        assert capsys.readouterr() == ("", f"ingestor check-config: {file}: {sentence}\n")


def test_check_config_as_a_process(tmp_path: Path) -> None:
    (tmp_path / "alarms.toml").write_text("[rules.fire]")
    code = (
        "import sys; from ingestor.alarms.config.check_config import check_config; check_config(sys.argv[1:])"
    )
    environment = {"PYTHONPATH": str(FILE.parent), "PYTHONUTF8": "1"}
    for file, status in ((FILE, 0), (tmp_path / "alarms.toml", 1)):
        ended = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", code, str(file)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, bool(ended.stdout)) == (status, status == 0)
        assert (
            ended.stderr
            == f"ingestor check-config: {file}: rules.fire: there is no such rule; there are {RULE_LIST}\n"
            * status
        )


def test_check_config_has_help_that_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stopped:
        check_config(["--help"])
    assert not stopped.value.code
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Example: ingestor check-config ") for line in lines)
    assert [line for line in lines if len(line) > 80] == []
