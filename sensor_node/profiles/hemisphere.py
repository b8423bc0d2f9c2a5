"""The hemisphere of a time zone, and with it the season of its summer."""

from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=64)
def is_southern(zone: str) -> bool:
    """Whether a time zone's city is south of the equator; a zone without a city is not.

    The time zone database has the position of each city in ``zone.tab``, such as ``-3352+15113``, and the
    other names of a zone in ``tzdata.zi``, such as ``L Australia/Sydney Australia/NSW``.
    """
    database = files("tzdata") / "zoneinfo"
    known = {name: position for _, position, name, *_ in _rows(database.joinpath("zone.tab").read_text())}
    if zone not in known:
        lines = (line.split() for line in database.joinpath("tzdata.zi").read_text().splitlines())
        zone = next((line[1] for line in lines if line[0] == "L" and line[2] == zone), zone)
    return known.get(zone, "").startswith("-")


def _rows(table: str) -> list[list[str]]:
    return [line.split("\t") for line in table.splitlines() if line and not line.startswith("#")]
