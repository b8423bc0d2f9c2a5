"""Who may have readings stored: a sensor at its own site, and not more than it could measure.

A sensor belongs to the site that it first had a reading of. Another site's gateway could otherwise put
readings under its name. People move it with ``monitor sensors SENSOR --move-to SITE``.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from mqtt5 import PublishPacket

from broker.topics import SensorKey, Topics
from ingestor.decode.energy_json import Rejection
from ingestor.receive.token_bucket import TokenBuckets

# Of so many at most it is asked anew where they belong; the rest are asked later.
MAX_LOOKUPS = 10_000


@dataclass(slots=True)
class Authorization:
    """Decides before a payload is even read, so that a flood costs next to nothing.

    Attributes:
        readings: How many readings each topic may still bring.
        contested: Sensors that came from a site which is not theirs, as far as is known here.
        unknown: Sensors that are new here, and perhaps known to another ingestor.
    """

    readings: TokenBuckets
    contested: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    _sites: dict[str, str] = field(default_factory=dict)

    def owns(self, place: SensorKey) -> bool:
        """Whether a sensor may be of this site; the first site that asks for a new one gets it."""
        site = self._sites.get(place.name)
        if site is None:
            site = self._sites[place.name] = place.site
            if len(self.unknown) < MAX_LOOKUPS:
                self.unknown.add(place.name)
        if site == place.site:
            return True
        if len(self.contested) < MAX_LOOKUPS:
            self.contested.add(place.name)
        return False

    def may_own(self, place: SensorKey) -> bool:
        """Whether a sensor is of this site, as far as is known. Nobody gets it by asking."""
        return self._sites.get(place.name, place.site) == place.site

    def reject(self, delivery: PublishPacket) -> Rejection | None:
        """Look at a message whose topic has nothing left, or is not known yet.

        Returns:
            Why nothing of it is stored; None if it is all right, and ``readings`` has room for it.
        """
        topic = delivery.topic
        place = Topics.sensor_key(topic)
        if place.is_valid and not self.owns(place):
            return self.reject_foreign(place, delivery)
        if self.readings.refill(topic) >= 1:
            return None
        reason = (
            f"more than {self.readings.per_s:g} readings a second for long; "
            f"it may have {self.readings.burst:,.0f} at once"
        )
        return Rejection("flood", reason, topic, delivery.payload)

    def reject_foreign(self, place: SensorKey, delivery: PublishPacket) -> Rejection:
        """Say where a sensor belongs."""
        reason = (
            f"{place.name} is a sensor of site {self._sites[place.name]}; "
            f"to move it: monitor sensors {place.name} --move-to {place.site}"
        )
        return Rejection("foreign", reason, delivery.topic, delivery.payload)

    @property
    def lookups(self) -> set[str]:
        """Of which sensors to look up the site."""
        return self.contested | self.unknown

    def learn(self, asked: Set[str], sites: Mapping[str, str], readings_prefix: str) -> None:
        """Take up what the database knows.

        Args:
            asked: Of which sensors it was asked.
            sites: By sensor, its site; also of those that people moved.
            readings_prefix: Topics of readings begin with it.
        """
        for sensor_id in (self.contested & asked) - sites.keys():
            # No reading of it is stored: whoever sends a good one first shall have it.
            self._sites.pop(sensor_id, None)
        for sensor_id, site in sites.items():
            before = self._sites.get(sensor_id)
            if before not in (None, site):
                self.readings.left.pop(f"{readings_prefix}{before}/{sensor_id}", None)
            self._sites[sensor_id] = site
        self.contested -= asked
        self.unknown -= sites.keys()
