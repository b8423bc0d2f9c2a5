"""What an alarm rule is: a name, settings, sentences that explain them, and a state per sensor.

The terms are those of ISA-18.2 and IEC 62682: deadband, on-delay and off-delay keep an alarm from flapping.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from ingestor.alarms.evaluation.reading_history import ReadingHistory
from ingestor.alarms.rules.setting_types import RuleSettings
from ingestor.documents import Measure

NANO = 1_000_000_000
NEVER = datetime.min  # noqa: DTZ901 - before any reading
S = TypeVar("S", bound=RuleSettings)


class Finding(NamedTuple):
    """What a rule found at the reading that raised an alarm.

    Attributes:
        limit_kwh: What was exceeded; None for a rule without a limit.
        peak_kwh: The highest reading so far; None if it is the one that raised the alarm.
    """

    message: str
    limit_kwh: float | None = None
    peak_kwh: float | None = None


@dataclass(slots=True, eq=False)
class RuleState(Generic[S]):
    """What a rule knows of one sensor. Readings come in the order of their times.

    A state reads no clock: the same readings give the same alarms, whenever they arrive.

    Attributes:
        peak_from: Whose reading is the first that counts for the highest of an episode.
        since: When the alarm began that is active; None if none is. ``step`` sets it.
    """

    peak_from: ClassVar[Literal["since", "raised_at"]] = "since"

    name: str
    settings: S
    zone: ZoneInfo
    since: datetime | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether a reading that is not flagged would change nothing; most readings then cost one look."""
        return False

    def step(self, measure: Measure, threshold_kwh: float) -> None:
        """Take in the next reading."""
        raise NotImplementedError

    def describe(self, measure: Measure) -> Finding:
        """Say what was found, right after the reading that raised the alarm."""
        raise NotImplementedError

    def late(self, measure: Measure) -> None:
        """Note a reading that came too late to change an alarm."""

    async def look_back(self, history: ReadingHistory, threshold_kwh: float, changed_at: datetime) -> None:
        """Become what the state was at the moment of a history; ``since`` is already set.

        Args:
            history: The stored readings of the sensor.
            threshold_kwh: Its threshold.
            changed_at: The reading that last raised or cleared the rule's alarm; ``NEVER`` if none did.
        """


@dataclass(frozen=True, kw_only=True)
class AlarmRule(Generic[S]):
    """One rule, as the registry lists it.

    Attributes:
        name: In `alarms.toml`, on topics and in documents.
        alias: Another name that `alarms.toml` may use.
        settings: Its table in `alarms.toml`.
        explain: Says when it is raised and cleared, for a threshold in kWh.
        phrases: What one setting of a site or a sensor means.
        state: What it does with readings; None for a rule that follows silence, status or rejections.
    """

    name: str
    alias: str | None = None
    settings: type[S]
    explain: Callable[[S, float], str]
    phrases: Mapping[str, Callable[[Any], str]]
    state: type[RuleState[S]] | None = None


def to_nano(value_kwh: float) -> int:
    """Energy in billionths of a kWh: whole numbers add up exactly."""
    return round(value_kwh * NANO)
