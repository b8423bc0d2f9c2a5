"""What pages read from, and where their commands go."""

from broker.topics import Topics
from monitor.formatting import machine_zone
from monitor.live.snapshot import LiveSnapshot
from monitor.queries.alarms import AlarmQueries
from monitor.queries.database import QueryDatabase
from monitor.queries.energy import EnergyQueries
from monitor.queries.readings import ReadingQueries
from monitor.queries.rejected import RejectedQueries
from monitor.queries.sensors import SensorQueries
from monitor.web.ingestors import IngestorListener
from monitor.web.settings import WebSettings


class Dependencies:
    """Everything that pages read, the time zone that they show, and the broker's address for commands."""

    def __init__(self, database: QueryDatabase, settings: WebSettings) -> None:
        self.zone = machine_zone()
        self.live = LiveSnapshot(database, self.zone)
        self.mqtt_url = settings.mqtt_url
        self.topics = Topics(settings.topic_root)
        self.ingestors = IngestorListener(self.mqtt_url, self.topics)
        self.readings = ReadingQueries(database)
        self.energy = EnergyQueries(database)
        self.alarms = AlarmQueries(database)
        self.sensors = SensorQueries(database)
        self.rejected = RejectedQueries(database)
