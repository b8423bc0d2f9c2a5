"""What pages read from, and where their commands go."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from monitor.live.snapshot import LiveSnapshot
from monitor.queries.alarms import AlarmQueries
from monitor.queries.database import Database
from monitor.queries.energy import EnergyQueries
from monitor.queries.readings import ReadingQueries
from monitor.queries.rejected import RejectedQueries
from monitor.queries.sensors import SensorQueries
from monitor.time_zone import machine_zone
from monitor.web.ingestors import IngestorListener
from monitor.web.settings import WebSettings


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Everything that pages read, and the broker's address for commands.

    Attributes:
        live: The present state.
        ingestors: What ingestors report.
        zone: In which times are shown.
        mqtt_url: The broker, with a user who may give commands.
        topic_root: First topic level(s).
    """

    live: LiveSnapshot
    ingestors: IngestorListener
    zone: ZoneInfo
    mqtt_url: str
    topic_root: str
    readings: ReadingQueries
    energy: EnergyQueries
    alarms: AlarmQueries
    sensors: SensorQueries
    rejected: RejectedQueries

    @classmethod
    def of(cls, database: Database, ingestors: IngestorListener, settings: WebSettings) -> "Dependencies":
        """All of a database."""
        zone = machine_zone()
        return cls(
            live=LiveSnapshot(database, zone),
            ingestors=ingestors,
            zone=zone,
            mqtt_url=settings.mqtt_url,
            topic_root=settings.topic_root,
            readings=ReadingQueries(database),
            energy=EnergyQueries(database),
            alarms=AlarmQueries(database),
            sensors=SensorQueries(database),
            rejected=RejectedQueries(database),
        )
