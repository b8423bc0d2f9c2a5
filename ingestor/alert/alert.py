"""Tell people of a reading above its threshold. Only what is stored is announced."""

from broker.connection import OutgoingMessage
from broker.messages import Alert
from broker.topics import Topics
from ingestor.documents import Measure, format_timestamp, is_late


def to_alert(measure: Measure, topics: Topics) -> OutgoingMessage:
    """Make the alert of one stored anomaly. The same measure makes the same alert at any time."""
    alert = Alert(
        id=measure["_id"],
        sensor_id=measure["sensor_id"],
        site=measure["site"],
        location=measure["location"],
        value_kwh=measure["value_kwh"],
        threshold_kwh=measure["threshold_kwh"],
        timestamp=format_timestamp(measure["timestamp"]),
        late=is_late(measure),
        message=measure["status_message"],
    )
    topic = topics.alerts(measure["site"], measure["sensor_id"])
    return OutgoingMessage(topic, alert.model_dump_json().encode())
