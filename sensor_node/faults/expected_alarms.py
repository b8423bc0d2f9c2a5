"""The alarms that a silent meter must raise."""

from datetime import datetime, timedelta

from broker.ledger import ExpectedAlarmEntry
from sensor_node.meter.meter import Meter

# The rule `silent` waits for five learned intervals, at least 5 s. A learned interval may be somewhat longer
# than the real one.
MUST_ALARM_INTERVALS = 8
MUST_ALARM_AFTER = timedelta(seconds=8)
NO_ALARM_INTERVALS = 4
NO_ALARM_WITHIN = timedelta(seconds=4)


def expected_silence(
    meter: Meter, interval: timedelta, moment: datetime, *, is_told: bool
) -> list[ExpectedAlarmEntry]:
    """The alarm of a meter that has just fallen silent; none if the silence is short.

    ``moment`` is the time of its first missing reading. An alarm only reports live readings (``is_told``).
    """
    quiet = interval * (meter.silent_readings + 1)
    begins = moment - interval
    if quiet <= max(NO_ALARM_WITHIN, NO_ALARM_INTERVALS * interval):
        return []
    must = (
        is_told
        and meter.is_interval_known
        and quiet >= max(MUST_ALARM_AFTER, MUST_ALARM_INTERVALS * interval)
    )
    return [
        ExpectedAlarmEntry(
            event="trouble",
            site=meter.sensor_key.site,
            sensor_id=meter.sensor_key.name,
            rule="silent",
            begins=begins,
            ends=begins + quiet,
            must=must,
        )
    ]
