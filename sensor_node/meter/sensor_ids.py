"""The names of a node's meters: they count up from the first."""

from broker.messages import MAX_SENSORS_PER_NODE, numbered_sensor_ids
from broker.topics import ID_RULE, SensorKey


def count_up(first: str, count: int) -> tuple[str, ...]:
    """Name the meters of a node.

    Args:
        first: Its first meter.
        count: How many it has.

    Raises:
        ValueError: There are too many, or the last one's name would be no sensor id.
    """
    if count > MAX_SENSORS_PER_NODE:
        raise ValueError(f"a node has at most {MAX_SENSORS_PER_NODE:,} meters, not {count:,}")
    names = tuple(numbered_sensor_ids(first, count))
    # No other is longer.
    if not SensorKey("site", names[-1]).is_valid:
        raise ValueError(
            f"the last of {count:,} meters counted up from {first} would be {names[-1]}: {ID_RULE}"
        )
    return names
