"""Who may have readings stored: a sensor at its own site, and not more than it could measure.

A sensor belongs to the site that it first had a reading of. Another site's gateway could otherwise put
readings under its name. People move it with ``monitor sensors SENSOR --move-to SITE``.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from broker.topics import SensorKey
from ingestor.delivery import Delivery, Rejection, RejectKind
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

    def owns(self, key: SensorKey) -> bool:
        """Whether a sensor may be of this site; the first site that asks for a new one gets it."""
        site = self._sites.get(key.name)
        if site is None:
            site = self._sites[key.name] = key.site
            if len(self.unknown) < MAX_LOOKUPS:
                self.unknown.add(key.name)
        if site == key.site:
            return True
        if len(self.contested) < MAX_LOOKUPS:
            self.contested.add(key.name)
        return False

    def may_own(self, key: SensorKey) -> bool:
        """Whether a sensor is of this site, as far as is known. Nobody gets it by asking."""
        return self._sites.get(key.name, key.site) == key.site

    def reject(self, delivery: Delivery) -> Rejection | None:
        """Look at a delivery whose topic has nothing left, or is not known yet.

        Returns:
            Why nothing of it is stored; None if it is all right, and ``readings`` has room for it.
        """
        if delivery.key is not None and not self.owns(delivery.key):
            return self.reject_foreign(delivery.key, delivery)
        if self.readings.refill(delivery.packet.topic) >= 1:
            return None
        reason = (
            f"more than {self.readings.per_s:g} readings a second for long; "
            f"it may have {self.readings.burst:,.0f} at once"
        )
        return delivery.reject(RejectKind.FLOOD, reason)

    def reject_foreign(self, key: SensorKey, delivery: Delivery) -> Rejection:
        """Say where a sensor belongs."""
        reason = (
            f"{key.name} is a sensor of site {self._sites[key.name]}; "
            f"to move it: monitor sensors {key.name} --move-to {key.site}"
        )
        return delivery.reject(RejectKind.FOREIGN, reason)

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
