"""On which half of the Earth a time zone is, and with it when summer is there."""

from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=64)
def is_southern(zone: str) -> bool:
    """Tell whether a time zone's city is south of the equator; of a zone without a city it is not.

    The time zone database has the position of each city in ``zone.tab``, as ``-3352+15113``, and in
    ``tzdata.zi`` the other names that a zone goes by, as ``L Australia/Sydney Australia/NSW``.

    Args:
        zone: Name of the time zone, as Australia/Sydney.
    """
    database = files("tzdata") / "zoneinfo"
    known = {name: position for _, position, name, *_ in _rows(database.joinpath("zone.tab").read_text())}
    if zone not in known:
        lines = (line.split() for line in database.joinpath("tzdata.zi").read_text().splitlines())
        zone = next((line[1] for line in lines if line[0] == "L" and line[2] == zone), zone)
    return known.get(zone, "").startswith("-")


def _rows(table: str) -> list[list[str]]:
    return [line.split("\t") for line in table.splitlines() if line and not line.startswith("#")]
