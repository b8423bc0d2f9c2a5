"""An ingestor that knows no alarms, to be measured beside the one that users run.

python -m bench.measure.without_alarms --name bench
"""

from unittest.mock import AsyncMock, MagicMock, patch

from ingestor import service
from ingestor.__main__ import main


def nothing(*_: object) -> MagicMock:
    """Stands in the place of the alarms, and does nothing."""
    alarms = MagicMock()
    alarms.thresholds_kwh = {}
    alarms.saw = lambda *_: None
    for name in ("load", "work", "finish", "obey"):
        setattr(alarms, name, AsyncMock(return_value=None))
    alarms.keep.rest = AsyncMock()
    return alarms


if __name__ == "__main__":
    patch.object(service, "Alarms", nothing).start()
    main()
