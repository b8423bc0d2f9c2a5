"""All alarm rules. A new rule is a file beside this one, a line here, and a test."""

from typing import Any

from ingestor.alarms.rules.budget import BUDGET
from ingestor.alarms.rules.flatline import FLATLINE
from ingestor.alarms.rules.offline import OFFLINE
from ingestor.alarms.rules.overconsumption import OVERCONSUMPTION
from ingestor.alarms.rules.rejections import CLOCK, REJECTING
from ingestor.alarms.rules.rule import AlarmRule
from ingestor.alarms.rules.stale import STALE
from ingestor.alarms.rules.sustained import SUSTAINED

RULES: tuple[AlarmRule[Any], ...] = (
    OVERCONSUMPTION,
    SUSTAINED,
    BUDGET,
    FLATLINE,
    STALE,
    OFFLINE,
    CLOCK,
    REJECTING,
)
