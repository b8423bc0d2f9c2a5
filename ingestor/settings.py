"""What an ingestor can be told, on the command line or in the environment."""

import warnings
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from broker.address import MqttUrl
from broker.program.hosts import Hosts
from broker.program.settings import Duration, Endpoint, MongoUrl, ProcessSettings, Sites
from broker.topics import SiteId, TopicRoot
from ingestor.alarms.notify.notifier import check_urls
from ingestor.receive.authorization import NEW_AT_ONCE

# An empty file is as good as none: with Docker there is always one.
Notify = Annotated[
    Annotated[str, AfterValidator(check_urls)] | None, BeforeValidator(lambda given: given or None)
]

# All that is hidden is `ABCMeta.register` of the class, which nobody calls.
warnings.filterwarnings("ignore", 'Field name "register"', UserWarning)


class IngestorSettings(ProcessSettings):
    """Take readings from the broker, check and flag them, and store each exactly once.

    Two commands besides, each with a --help: `ingestor check-config` explains
    the rules of alarms, `monitor sensors` gives a sensor its own threshold.

    URLs with passwords are best kept in files: everybody on the machine can read
    options.

    Example: ENERGY_MQTT_URL_FILE=mqtt-url ingestor --site lari
    """

    mqtt_url: MqttUrl = Field("mqtt://127.0.0.1:1883", description="the broker")
    mongo_url: MongoUrl = Field("mongodb://127.0.0.1:27017/energy_db", description="the database")
    topic_root: TopicRoot = Field("energy", description="first topic level(s)")
    site: Sites = Field("+", description="sites to serve: + for all, or a list with commas")
    threshold_kwh: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        12.0, description="a reading strictly above it is an anomaly"
    )
    alarms: Path | None = Field(None, description="the rules of alarms; see `ingestor check-config`")
    notify: Notify = Field(
        None, description="where alarms are sent to (apprise URLs); better in a file: ENERGY_NOTIFY_FILE"
    )
    sensor_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        20.0, description="readings a second that one sensor may send for long"
    )
    sensor_quota: Annotated[int, Field(ge=1)] = Field(
        1_000_000, description="readings that one sensor may send at once, such as all of a full outbox"
    )
    site_quota: Annotated[int, Field(ge=1)] = Field(
        NEW_AT_ONCE, description="new sensors that one site may have at once, without a user of their own"
    )
    register: Path | None = Field(
        None, description="the broker's register.json: where sensors belong, and who speaks for one only"
    )
    http: Endpoint | None = Field(None, description="host:port for /live, /ready and /metrics")
    hosts: Hosts | None = Field(
        None, description="names by which others call its pages, with commas; this machine's own always count"
    )
    name: SiteId = Field("ingestor", description="its own name, one per running ingestor")
    drain: Duration = Field(
        "10s", validate_default=True, description="how long to finish what is in hand at the end"
    )

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites to serve, each a topic level: ``("+",)`` for all."""
        return tuple(self.site.split(","))
