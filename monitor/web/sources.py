"""Where pages get what they show, and to whom they tell what people want."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from monitor.live import Live
from monitor.queries.database import Database
from monitor.queries.energy import Energy
from monitor.queries.episodes import Episodes
from monitor.queries.readings import Readings
from monitor.queries.rejected import RejectedPayloads
from monitor.queries.sensors import Sensors
from monitor.web.ingestors import Ingestors
from monitor.web.settings import WebSettings
from monitor.zone import machine_zone


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that pages read, and the broker's address for commands.

    Attributes:
        live: What is known now.
        ingestors: What ingestors say.
        zone: In which times are shown.
        mqtt_url: The broker, with a user who may give commands.
        topic_root: First topic level(s).
    """

    live: Live
    ingestors: Ingestors
    zone: ZoneInfo
    mqtt_url: str
    topic_root: str
    readings: Readings
    energy: Energy
    episodes: Episodes
    sensors: Sensors
    rejected: RejectedPayloads

    @classmethod
    def of(cls, database: Database, ingestors: Ingestors, settings: WebSettings) -> "Sources":
        """All of a database."""
        zone = machine_zone()
        return cls(
            live=Live(database, zone),
            ingestors=ingestors,
            zone=zone,
            mqtt_url=settings.mqtt_url,
            topic_root=settings.topic_root,
            readings=Readings(database),
            energy=Energy(database),
            episodes=Episodes(database),
            sensors=Sensors(database),
            rejected=RejectedPayloads(database),
        )
