"""The file ``alarms.toml``. It is rejected in one sentence, or means what is written in it."""

import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from broker.program.escape import escape_text
from ingestor.alarms.config.config import AlarmConfig
from ingestor.alarms.config.explanation import explain
from ingestor.alarms.config.parse import AlarmConfigError, read_config
from ingestor.alarms.rules.overconsumption import OVERCONSUMPTION
from ingestor.alarms.rules.rule_settings import AllRuleSettings
from tests.fuzz.oracles import assert_is_sentence

MOST_KWH = 1e12
LONGEST = timedelta(hours=24)
OTHER_NAMES = {"stuck": "flatline", "silent": "stale"}
_OWN = b'[sites.lari.overconsumption]\nthreshold_kwh = 9.5\n[sensors."S.1".silent]\ninterval = "2s"\n'
SEEDS = (
    b"",
    b'time_zone = "Europe/Berlin"\n[rules.budget]\nlimit_kwh = 50\nperiod = "month"\n' + _OWN,
    b'[rules.stuck]\nreadings = 5\nzeros = true\n[rules.sustained]\nlimit_kwh = 3.5\nwindow = "15m"\n',
    b'[storm]\nalarms_per_minute = 3\n[notifications]\nseverities = ["critical"]\nmost_per_hour = 1\n',
    b"a = " + b"[" * 50_000,
    b"a" + b".a" * 5_000 + b" = 1",
    b"[rules.budget]\nlimit_kwh = " + b"9" * 400,
    b"[rules.budget]\nlimit_kwh = " + b"9" * 5000,
    b"[rules.budget]\nlimit_kwh = 0x" + b"f" * 60_000,
    b"[rules.budget]\nlimit_kwh = nan",
    b"[rules.budget]\nlimit_kwh = -inf",
    b"[rules.budget]\nlimit_kwh = true",
    b"[rules.stuck]\nreadings = 2.0",
    b'[rules.flatline]\nreadings = 5\n[sites.lari.stuck]\nzeros = true\n[sensors.S-1.stale]\ninterval = "2s"',
    b"[rules.stale]\n[rules.silent]",
    b'[rules.silent]\nat_least = "-5s"',
    b'[rules.silent]\ninterval = "0s"',
    b'[rules.silent]\ninterval = "' + b"9" * 400 + b'h"',
    b"[rules.silent]\nat_least = 5",
    b"[rules.overconsumption]\nthreshold_kwh = 5",
    b"[rules.budget]\n[rules.budget]",
    b"[rules.\"bud\xe2\x80\xaeget\"]\nlimit_kwh = 1",
    b'time_zone = "a\\u202e\\u001b[2J"',
    b'time_zone = "../../../etc/passwd"',
    b'time_zone = "' + b"x" * 60_000 + b'"',
    b'time_zone = "\\u0000"',
    b"time_zone = 1979-05-27T07:32:00Z",
    b'[sites."a b".silent]\nenabled = false',
    b"[sensors.S.1.silent]\nenabled = false",
    b"[sensors.S]\nsilent = 5",
    b"sites = 5",
    b"rules = [1]",
    b"\xef\xbb\xbf[rules.silent]\nintervals = 3.0",
    b"\xff\xfe",
    b"x = '\xe2\x80\xae",
    b"a = \x1b",
    b"#" * 1_048_577,
    b"[notifications]\nseverities = [[[]]]",
    b'[notifications]\nseverities = ["critical", {a = "\\u202e"}]',
)  # fmt: skip
TOKENS = tuple(
    b"time_zone [rules.budget] [rules.silent] [rules.stuck] [rules.sustained] "
    b"[rules.flatline] [rules.stale] "
    b"[rules.overconsumption] [rules.clock] [rules.rejecting] [rules.offline] [storm] "
    b"[notifications] [sites.lari.budget] [sensors.S-1.silent] limit_kwh= threshold_kwh= "
    b"deadband_kwh= on_readings= on_delay= enabled= severity= interval= at_least= period= "
    b'"month" "2s" "24h" "critical" true false nan inf 1e12 0x \\u202e """ [['.split()
)


def check(data: bytes) -> None:
    try:
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(data)
            config = read_config(Path(file.name))
    except AlarmConfigError as error:
        assert_is_sentence(escape_text(str(error)), 1000)
        assert "\n" not in str(error)
        return
    said = tomllib.loads(data.decode("utf-8-sig"))
    assert said.keys() <= {"time_zone", "rules", "storm", "notifications", "sites", "sensors"}
    datetime.now(UTC).astimezone(config.zone)
    for table, read in (("storm", config.storm), ("notifications", config.notifications)):
        _check_table(said.get(table, {}), read)
    _check_rules(config, said)
    assert timedelta(0) < config.longest_quiet() <= LONGEST
    assert all(0 < each <= MOST_KWH for own in config.thresholds() for each in own.values())
    assert config.rules.of(OVERCONSUMPTION).threshold_kwh is None
    assert all(escape_text(line).isprintable() for line in explain(config, 12.0))


def _check_rules(config: AlarmConfig, said: Mapping[str, Any]) -> None:
    """The sensor's own before those of its site before those of all, everywhere."""
    everywhere, sites, sensors = (said.get(each, {}) for each in ("rules", "sites", "sensors"))
    for site in (*sites, "elsewhere"):
        for sensor in (*sensors, "another"):
            rules = config.of(site, sensor)
            for number in _numbers(rules):
                assert 0 <= number <= MOST_KWH
            for rule in AllRuleSettings.model_fields:
                tables = (
                    each.get(rule, each.get(OTHER_NAMES.get(rule), {}))
                    for each in (everywhere, sites.get(site, {}), sensors.get(sensor, {}))
                )
                wanted: dict[str, Any] = {}
                for table in tables:
                    wanted |= table
                _check_table(wanted, getattr(rules, rule))


def _check_table(said: Mapping[str, Any], read: object) -> None:
    """Nothing that is said is lost or changed."""
    for setting, value in said.items():
        kept = getattr(read, setting)
        if isinstance(kept, timedelta):
            assert isinstance(value, str)
            assert timedelta(0) <= kept <= LONGEST
        elif isinstance(kept, tuple):
            assert list(kept) == value
        else:
            assert kept == value, f"{setting} is {kept}, not {value}"
            assert isinstance(kept, bool) == isinstance(value, bool)


def _numbers(rules: AllRuleSettings) -> Iterator[float]:
    for rule in rules.model_dump().values():
        yield from (each for each in rule.values() if isinstance(each, int | float))
