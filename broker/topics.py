"""Every topic of the system, built and read in this one place.

A site or sensor id is one topic level: it cannot hold a separator, a wildcard or a control character.
"""

import re
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import StringConstraints

from broker.program.escape import ELLIPSIS

MAX_ID = 64
_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
ID_PATTERN = f"^{_ID}$"
ID_RULE = "use 1 to 64 letters, digits, dots, underscores and dashes, and begin with a letter or digit"
_is_id = re.compile(ID_PATTERN.replace("$", r"\Z")).match
SiteId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
SensorId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
TopicRoot = Annotated[str, StringConstraints(pattern=f"^{_ID}(/{_ID}){{0,7}}$")]


class SensorKey(NamedTuple):
    """The last two levels of a topic: a site and a sensor (or node) of it, as they were sent."""

    site: str
    name: str

    @property
    def is_valid(self) -> bool:
        """Whether both are ids."""
        return bool(_is_id(self.site) and _is_id(self.name))


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics below one root; with ``+`` for a site or an id, the filters for all of them.

    Args:
        root: First topic level(s), without a slash at either end.
    """

    root: str = "energy"

    def readings(self, site: str, sensor_id: str) -> str:
        """Where a sensor publishes its readings."""
        return f"{self.root}/readings/{site}/{sensor_id}"

    def status(self, site: str, node_id: str) -> str:
        """Where a sensor node says (retained) whether it is online."""
        return f"{self.root}/status/{site}/{node_id}"

    def stored(self, site: str, sensor_id: str) -> str:
        """Where the ingestor confirms what is in the database."""
        return f"{self.root}/stored/{site}/{sensor_id}"

    def alerts(self, site: str, sensor_id: str) -> str:
        """Where the ingestor announces a reading above the threshold."""
        return f"{self.root}/alerts/{site}/{sensor_id}"

    def alarms(self, site: str, sensor_id: str) -> str:
        """Where the ingestor says (retained) which alarms of a sensor stand."""
        return f"{self.root}/alarms/{site}/{sensor_id}"

    def alarm_flood(self, site: str) -> str:
        """Where the ingestor says (retained) whether a site has an alarm flood."""
        return f"{self.root}/alarms/{site}"

    def commands(self, site: str, sensor_id: str) -> str:
        """Where people acknowledge and shelve alarms of a sensor."""
        return f"{self.root}/commands/{site}/{sensor_id}"

    def rejected(self, key: SensorKey) -> str:
        """Where the ingestor says why it rejected a payload; the key is given back as it came."""
        return f"{self.root}/rejected/{key.site}/{key.name}"

    def ingestors(self, name: str) -> str:
        """Where an ingestor says (retained) how it is."""
        return f"{self.root}/ingestors/{name}"

    def site_filter(self, site: str) -> str:
        """The filter for everything about the sensors and nodes of a site."""
        return f"{self.root}/+/{site}/+"

    @property
    def readings_prefix(self) -> str:
        """The beginning of all topics for readings, and of no other."""
        return f"{self.root}/readings/"

    @property
    def commands_prefix(self) -> str:
        """The beginning of all topics for commands, and of no other."""
        return f"{self.root}/commands/"

    @staticmethod
    def sensor_key(topic: str) -> SensorKey:
        """Take site and name from a topic that matched one of the filters above."""
        site, name = topic.rsplit("/", 2)[-2:]
        return SensorKey(site, name)

    @staticmethod
    def truncate(topic: str) -> str:
        """Cut the levels that are longer than an id may be; what is left of such a level is no id."""
        levels = topic.split("/")
        return "/".join([each if len(each) <= MAX_ID else each[:MAX_ID] + ELLIPSIS for each in levels])
