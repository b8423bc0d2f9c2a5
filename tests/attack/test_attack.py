"""``scripts/attack`` measures what it says, and says when something is more than promised."""

from pathlib import Path

import pytest

from tests.attack.attacks import ATTACKS
from tests.attack.gauge import Gauge
from tests.attack.run import run_attack
from tests.attack.verdict import HEADINGS, Limits, measured_line, table_line
from tests.programs import run_program


def gauge(**changed: object) -> Gauge:
    """What costs nobody anything, with some things changed."""
    one = Gauge(stored_s=0.1, answered_s=0.1, readings=1)
    one.memory_mib = {"ingestor": 100.0, "broker": 20.0, "page": 100.0}
    for name, value in changed.items():
        setattr(one, name, value)
    return one


def test_what_is_within_the_limits_is_fine() -> None:
    assert Limits.promised().exceeded(gauge()) == []
    assert Limits.promised().exceeded(gauge(stored_s=9.0, had_outage=True)) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stored_s": float("inf"), "had_outage": True}, "a neighbour waited inf s"),
        ({"stored_s": 2.5}, "a neighbour waited 2.5 s, more than 2"),
        ({"readings": 0}, "no reading of a neighbour was stored"),
        ({"memory_mib": {"ingestor": 301.0}}, "the ingestor took 301 MiB, more than 300"),
        ({"memory_mib": {"broker": 1e6}}, "the broker took 1000000 MiB"),
        ({"memory_mib": {"page": 401.0}}, "the page took 401 MiB, more than 400"),
    ],
)
def test_what_is_more_than_promised_is_said(changed: dict[str, object], said: str) -> None:
    (sentence,) = Limits.promised().exceeded(gauge(**changed))
    assert sentence.startswith(said)


def test_table_fits_a_terminal() -> None:
    lines = [table_line(*HEADINGS), Limits.promised().line()]
    lines += [measured_line(name, gauge()) for name in ATTACKS]
    assert len({len(line) for line in lines}) == 1
    assert max(map(len, lines)) <= 80


def test_attack_that_does_not_exist_is_told() -> None:
    ended = run_program("tests.attack", "everything")
    assert ended.status == 2
    assert "there is no such attack; there are headers, connections" in ended.errors
    assert "Traceback" not in ended.errors


@pytest.mark.integration
async def test_one_who_sends_long_topics_is_measured(tmp_path: Path) -> None:
    measured = await run_attack(ATTACKS["topics"], 2, tmp_path)
    assert measured.readings > 0
    assert measured.memory_mib.keys() == {"ingestor", "broker", "page"}
    assert all(mib > 1 for mib in measured.memory_mib.values())
