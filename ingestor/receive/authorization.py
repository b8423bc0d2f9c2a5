"""Who may have readings stored: a sensor at its own site, and not more than it could measure.

Where a sensor belongs, people say (``monitor sensors SENSOR --move-to SITE``), else the broker's register. A
sensor that is not in it belongs to the site that it first had a reading of. Another site's gateway could
otherwise put readings under its name.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from broker.topics import SensorKey
from ingestor.delivery import INVALID_IDS, Delivery, Rejection, RejectKind
from ingestor.receive.register import Register
from ingestor.receive.token_bucket import TokenBuckets

# Of so many at most it is asked anew where they belong; the rest are asked later.
MAX_LOOKUPS = 10_000
# Sensors that are not registered: in all, and new ones of one site at once and each second from then on.
MAX_SENSORS = 200_000
NEW_AT_ONCE = 20_000
NEW_PER_S = 1.0
# A node speaks when it comes and goes, and every half minute.
STATUSES_AT_ONCE = 1_000
STATUSES_PER_S = 1.0
# Nodes of a site of which no reading has come yet share this.
NEW_STATUSES_AT_ONCE = 100_000
NEW_STATUSES_PER_S = 100.0


class StoredSite(NamedTuple):
    """Where a sensor belongs by the database, and whether people said so."""

    site: str
    is_moved: bool = False


@dataclass(slots=True)
class Authorization:
    """Decides before a payload is even read, so that a flood costs next to nothing.

    Attributes:
        readings: How many readings each topic may still bring.
        register: The sensors that are users of the broker.
        new: How many new sensors each site may still bring.
        contested: Sensors that came from a site which is not theirs, as far as is known here.
        unknown: Sensors that are new here, and perhaps known to another ingestor.
    """

    readings: TokenBuckets
    register: Register = field(default_factory=Register)
    new: TokenBuckets = field(default_factory=lambda: TokenBuckets(NEW_PER_S, NEW_AT_ONCE))
    contested: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    _sites: dict[str, str] = field(default_factory=dict)
    _moved: dict[str, str] = field(default_factory=dict)
    _statuses: TokenBuckets = field(default_factory=lambda: TokenBuckets(STATUSES_PER_S, STATUSES_AT_ONCE))
    _new_statuses: TokenBuckets = field(
        default_factory=lambda: TokenBuckets(NEW_STATUSES_PER_S, NEW_STATUSES_AT_ONCE)
    )

    def site_of(self, name: str) -> str | None:
        """Where a sensor belongs; None if nobody has it yet."""
        return self._moved.get(name) or self.register.sites.get(name) or self._sites.get(name)

    def owns(self, key: SensorKey) -> bool:
        """Whether a sensor may be of this site; the first site that asks for a new one gets it."""
        site = self.site_of(key.name)
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
        return self.site_of(key.name) in (None, key.site)

    def reject(self, delivery: Delivery) -> Rejection | None:
        """Look at a delivery of readings whose topic has nothing left, or is not known yet.

        Returns:
            Why nothing of it is stored; None if it is all right, and ``readings`` has room for it.
        """
        if (key := delivery.key) is None:
            return delivery.reject(RejectKind.TOPIC, INVALID_IDS)
        if self.site_of(key.name) is None and not self._has_room(key.site):
            reason = (
                f"{key.name} would be new, and site {key.site} has too many new sensors: it may have "
                f"{self.new.burst:,.0f} at once, and for long no more than {self.new.per_s:g} a second"
            )
            return delivery.reject(RejectKind.FLOOD, reason)
        if not self.owns(key):
            return self._reject_foreign(key, delivery)
        if self.readings.refill(delivery.packet.topic) >= 1:
            return None
        reason = (
            f"more than {self.readings.per_s:g} readings a second for long; "
            f"it may have {self.readings.burst:,.0f} at once"
        )
        return delivery.reject(RejectKind.FLOOD, reason)

    def _has_room(self, site: str) -> bool:
        return len(self._sites) < MAX_SENSORS and self.new.take(site, 1)

    def reject_status(self, key: SensorKey, delivery: Delivery) -> Rejection | None:
        """Look at what a node says of itself; why it does not count, or None if it does."""
        if not self.may_own(key):
            return self._reject_foreign(key, delivery)
        is_new = self.site_of(key.name) is None
        allowed = self._new_statuses if is_new else self._statuses
        if allowed.take(key.site if is_new else delivery.packet.topic, 1):
            return None
        whose = f"new nodes of site {key.site}" if is_new else "a node"
        reason = (
            f"{whose} may send {allowed.burst:,.0f} statuses at once, and for long "
            f"no more than {allowed.per_s:g} a second"
        )
        return delivery.reject(RejectKind.FLOOD, reason)

    def _reject_foreign(self, key: SensorKey, delivery: Delivery) -> Rejection:
        reason = (
            f"{key.name} is a sensor of site {self.site_of(key.name)}; "
            f"to move it: monitor sensors {key.name} --move-to {key.site}"
        )
        return delivery.reject(RejectKind.FOREIGN, reason)

    @property
    def lookups(self) -> set[str]:
        """Of which sensors to look up the site."""
        return self.contested | self.unknown

    def learn(self, asked: Set[str], found: Mapping[str, StoredSite], readings_prefix: str) -> None:
        """Take up what the database knows.

        Args:
            asked: Of which sensors it was asked.
            found: By sensor, its site; also of those that people moved.
            readings_prefix: Topics of readings begin with it.
        """
        for sensor_id in (self.contested & asked) - found.keys():
            # No reading of it is stored: whoever sends a good one first shall have it.
            self._sites.pop(sensor_id, None)
        for sensor_id, (site, is_moved) in found.items():
            before = self.site_of(sensor_id)
            self._sites[sensor_id] = site
            if is_moved:
                self._moved[sensor_id] = site
            self._withdraw(sensor_id, before, readings_prefix)
        self.contested -= asked
        self.unknown -= found.keys()

    def on_registered(self, before: Mapping[str, str], readings_prefix: str) -> None:
        """Note that the register has changed.

        Args:
            before: The site of each sensor that was in it.
            readings_prefix: Topics of readings begin with it.
        """
        for sensor_id in self.register.sites:
            holder = self._moved.get(sensor_id) or before.get(sensor_id) or self._sites.get(sensor_id)
            self._withdraw(sensor_id, holder, readings_prefix)

    def _withdraw(self, sensor_id: str, holder: str | None, readings_prefix: str) -> None:
        """Have it looked at anew what comes of a sensor from a site that no longer has it."""
        if holder not in (None, self.site_of(sensor_id)):
            self.readings.left.pop(f"{readings_prefix}{holder}/{sensor_id}", None)
