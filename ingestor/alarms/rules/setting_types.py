"""What the settings of rules in `alarms.toml` are made of, and those that every rule has."""

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from broker.program.settings import parse_duration

MAX_WINDOW = timedelta(hours=24)
ZERO = timedelta(0)

Severity = Literal["critical", "major", "minor", "warning"]


def _read_span(value: object) -> object:
    # A number without a unit would be taken for seconds, and true for one second.
    return parse_duration(value if isinstance(value, str | timedelta) else "")


def _check_span(span: timedelta) -> timedelta:
    if not ZERO <= span <= MAX_WINDOW:
        raise ValueError("a time here is at least 0s and at most 24h")
    return span


def _check_window(span: timedelta) -> timedelta:
    if not span:
        raise ValueError("this time is more than 0s")
    return span


# Strict: no setting is guessed from text, and true is no 1.
Flag = Annotated[bool, Field(strict=True)]
Span = Annotated[timedelta, BeforeValidator(_read_span), AfterValidator(_check_span)]
Window = Annotated[Span, AfterValidator(_check_window)]
Count = Annotated[int, Field(ge=1, le=1000, strict=True)]
Kwh = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False, strict=True)]
Deadband = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False, strict=True)]


class ConfigTable(BaseModel):
    """One table of the file. Unknown settings are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleSettings(ConfigTable):
    """What every rule has.

    Attributes:
        needs: The setting without which the rule is off; None if it needs none.
        wait_for_acknowledgement: Whether an alarm that is over is listed until somebody acknowledges it.
    """

    needs: ClassVar[str | None] = None

    enabled: Flag = True
    severity: Severity = "major"
    wait_for_acknowledgement: Flag = False

    @property
    def is_on(self) -> bool:
        """Whether it is enabled and has the setting that it needs."""
        return self.enabled and (self.needs is None or getattr(self, self.needs) is not None)

    @property
    def looks_back(self) -> bool:
        """Whether its state follows from earlier readings, not from its active alarm alone."""
        return True
