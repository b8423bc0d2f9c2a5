"""Load profiles: what meters measure, as pure functions of time, surroundings and seed."""

from sensor_node.profiles.cold_store import cold_store
from sensor_node.profiles.ev_charger import MOST_YEARLY_KWH, ev_charger
from sensor_node.profiles.household import household
from sensor_node.profiles.lari import Laboratory
from sensor_node.profiles.load import Consumer, Load, MinuteLoad, Profile
from sensor_node.profiles.office import office
from sensor_node.profiles.server_room import server_room
from sensor_node.profiles.surroundings import Surroundings, parse_holidays
from sensor_node.profiles.workshop import workshop

__all__ = [
    "DEFAULT_YEARLY_KWH",
    "PROFILES",
    "Surroundings",
    "make_load",
    "parse_holidays",
    "yearly_kwh_error",
]

# Each with its usual consumption per year, kWh.
_SHAPED: dict[str, tuple[Profile, float]] = {
    "household": (household, 3_500.0),
    "office": (office, 25_000.0),
    "workshop": (workshop, 40_000.0),
    "server-room": (server_room, 40_000.0),
    "ev-charger": (ev_charger, 2_500.0),
    "cold-store": (cold_store, 30_000.0),
}
DEFAULT_YEARLY_KWH = {name: yearly_kwh for name, (_, yearly_kwh) in _SHAPED.items()}
PROFILES: tuple[str, ...] = ("lari", *_SHAPED)


def yearly_kwh_error(profile: str, yearly_kwh: float | None) -> str | None:
    """Why a profile cannot have that consumption per year; None if it can."""
    if profile == "lari" and yearly_kwh is not None:
        return "lari has a fixed distribution; choose another profile"
    if profile == "ev-charger" and (yearly_kwh or 0) > MOST_YEARLY_KWH:
        return f"a charging point delivers at most {MOST_YEARLY_KWH:,.0f} kWh per year; use several meters"
    return None


def make_load(profile: str, key: str, yearly_kwh: float | None, surroundings: Surroundings) -> Load:
    """Make the load of a meter; the default consumption is the profile's.

    ``key`` is the seed and the sensor id: it makes the load different from others, and always the same.
    """
    if profile == "lari":
        return Laboratory(key)
    shaped, default_kwh = _SHAPED[profile]
    return MinuteLoad(shaped, Consumer(key, yearly_kwh or default_kwh, surroundings))
