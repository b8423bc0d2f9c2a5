"""The time zone of people."""

from zoneinfo import ZoneInfo

import tzlocal


def machine_zone() -> ZoneInfo:
    """The time zone of this machine, UTC if nobody has set one that is known by a name."""
    try:
        return ZoneInfo(tzlocal.get_localzone_name().removeprefix("Etc/"))
    except (LookupError, OSError, ValueError, TypeError):
        return ZoneInfo("UTC")
