"""The collections with their validators, the view and the indexes, as data.

The validators are the second wall behind ``validate``, and the first for what people change by hand.
"""

from collections.abc import Mapping
from typing import Any

from pymongo import ASCENDING, IndexModel, timeout
from pymongo.errors import CollectionInvalid, OperationFailure

from broker.messages import MAX_VALUE_KWH
from broker.topics import ID_PATTERN
from ingestor.store.database import Database

CREATE_LIMIT_S = 3600.0
NAMESPACE_EXISTS = 48
REJECTED_KEPT_S = 30 * 24 * 3600
# Who has the password of an operator could write without end; of these the oldest go.
CAPPED: dict[str, dict[str, object]] = {"repairs": {"capped": True, "size": 4 << 20}}
# Bytes. An operator may change a sensor's document, and the ingestor has all of them in memory.
MAX_SIZES = {"sensors": 16 << 10}

_ID = {"bsonType": "string", "pattern": ID_PATTERN}
# In `measures` without the pattern, which alone would take the server a third of an insert's time.
_SHORT = {"bsonType": "string", "minLength": 1, "maxLength": 64}
_TIME = {"bsonType": "date"}
_TIME_OR_NULL = {"bsonType": ["date", "null"]}
_KWH_OR_NULL = {"bsonType": ["double", "int", "long", "null"]}
_KWH = {"bsonType": "double", "minimum": 0, "maximum": MAX_VALUE_KWH}
_THRESHOLD = {"bsonType": "number", "minimum": 0}
_PERIOD = {
    "required": ["sensor_id", "site", "start", "energy_kwh", "count", "max_kwh", "anomalies", "computed_at"],
    "properties": {
        "sensor_id": _ID,
        "site": _ID,
        "start": _TIME,
        "energy_kwh": {"bsonType": "number", "minimum": 0},
        "count": {"bsonType": "number", "minimum": 1},
        "max_kwh": {"bsonType": "number", "minimum": 0},
        "anomalies": {"bsonType": "number", "minimum": 0},
        "computed_at": _TIME,
    },
}

VALIDATORS: dict[str, dict[str, Any]] = {
    "measures": {
        "required": [
            "sensor_id",
            "site",
            "location",
            "value_kwh",
            "timestamp",
            "is_anomaly",
            "status_message",
            "received_at",
        ],
        "properties": {
            "_id": {"bsonType": "string"},
            "sensor_id": _SHORT,
            "site": _SHORT,
            "location": {"bsonType": ["string", "null"]},
            "value_kwh": _KWH,
            "timestamp": _TIME,
            "is_anomaly": {"bsonType": "bool"},
            "status_message": {"bsonType": "string"},
            "received_at": _TIME,
            "threshold_kwh": _THRESHOLD,
            "alerted_at": {"bsonType": ["date", "null"]},
        },
    },
    "alarms": {
        "required": ["sensor_id", "site", "rule", "severity", "message", "since", "raised_at", "changed_at"],
        "properties": {
            "_id": {"bsonType": "string"},
            "sensor_id": _ID,
            "site": _ID,
            "rule": {"bsonType": "string"},
            "severity": {"enum": ["critical", "major", "minor", "warning"]},
            "message": {"bsonType": "string"},
            "since": _TIME,
            "raised_at": _TIME,
            "cleared_at": _TIME_OR_NULL,
            "limit_kwh": _KWH_OR_NULL,
            "peak_kwh": _KWH_OR_NULL,
            "waits": {"bsonType": "bool"},
            "acknowledged_at": _TIME_OR_NULL,
            "acknowledged_by": {"bsonType": ["string", "null"]},
            "in_storm": {"bsonType": "bool"},
            "retracted_at": _TIME_OR_NULL,
            "changed_at": _TIME,
            "notified_at": _TIME_OR_NULL,
        },
    },
    "sensors": {
        "required": ["sensor_id"],
        "properties": {
            "sensor_id": _ID,
            "site": _ID,
            "location": {"bsonType": ["string", "null"]},
            "own_location": {"bsonType": "string", "maxLength": 200},
            "first_reading": _TIME,
            "last_reading": _TIME,
            "status": {"enum": ["online", "offline"]},
            "node_id": _ID,
            "threshold_kwh": _THRESHOLD,
            "interval_s": {"bsonType": "number", "minimum": 0},
            "shelved": {"bsonType": "object"},
            "moved_at": _TIME,
        },
    },
    "rejected": {
        "required": ["topic", "payload", "kind", "reason", "received_at"],
        "properties": {
            "topic": {"bsonType": "string"},
            "payload": {"bsonType": "binData"},
            "kind": {"bsonType": "string"},
            "reason": {"bsonType": "string"},
            "received_at": _TIME,
            "replayed_at": _TIME,
            "until": _TIME,
            "count": {"bsonType": ["int", "long"]},
            "bytes": {"bsonType": ["int", "long"]},
        },
    },
    # Which of them a person has repaired; the id is that of the rejected payload.
    "repairs": {
        "required": ["_id", "replayed_at"],
        "properties": {"_id": {"bsonType": "objectId"}, "replayed_at": _TIME},
        "additionalProperties": False,
    },
    # Payloads that one sensor brought faster than others can wait for.
    "deferred": {
        "required": ["topic", "payloads", "bytes", "received_at"],
        "properties": {
            "_id": {"bsonType": "string"},
            "topic": {"bsonType": "string"},
            "content_type": {"bsonType": ["string", "null"]},
            "payloads": {"bsonType": "array", "items": {"bsonType": "binData"}},
            "bytes": {"bsonType": ["int", "long"]},
            "received_at": _TIME,
        },
    },
    "hourly": _PERIOD,
    "daily": _PERIOD,
    # How far each ingestor has come with the periods, and with the alarms.
    "checkpoints": {"required": ["until"], "properties": {"until": _TIME}},
}


def conforming(name: str) -> dict[str, Any]:
    """The query for documents of a collection that are as its validator wants them."""
    schema: dict[str, Any] = {"$jsonSchema": {"bsonType": "object", **VALIDATORS[name]}}
    if name in MAX_SIZES:
        schema["$expr"] = {"$lte": [{"$bsonSize": "$$ROOT"}, MAX_SIZES[name]]}
    return schema


ANOMALIES = [{"$match": {"is_anomaly": True}}]

UNALERTED: dict[str, Any] = {"is_anomaly": True, "alerted_at": {"$type": "null"}}

SHELVED: dict[str, Any] = {"shelved": {"$gt": {}}}

INDEXES = {
    "measures": [
        IndexModel([("timestamp", ASCENDING)], name="timestamp"),
        IndexModel(
            [("timestamp", ASCENDING)], name="anomalies", partialFilterExpression={"is_anomaly": True}
        ),
        # Holds only the alerts that are still to be published: nearly always empty.
        IndexModel([("received_at", ASCENDING)], name="unalerted", partialFilterExpression=UNALERTED),
    ],
    "alarms": [
        IndexModel([("sensor_id", ASCENDING), ("rule", ASCENDING), ("since", ASCENDING)], name="sensor"),
        # Hold only what stands: what goes on, and what is over and waits to be seen.
        IndexModel(
            [("cleared_at", ASCENDING)],
            name="active",
            partialFilterExpression={"cleared_at": {"$type": "null"}},
        ),
        IndexModel(
            [("acknowledged_at", ASCENDING)],
            name="waiting",
            partialFilterExpression={"waits": True, "acknowledged_at": {"$type": "null"}},
        ),
        IndexModel([("changed_at", ASCENDING)], name="changed_at"),
    ],
    "sensors": [
        IndexModel([("sensor_id", ASCENDING)], name="sensor_id", unique=True),
        # The sensors of a site in order. Neither field changes, so it is written once for each sensor.
        IndexModel([("site", ASCENDING), ("sensor_id", ASCENDING)], name="site"),
        # A node that goes takes its sensors along.
        IndexModel([("node_id", ASCENDING)], name="node"),
        # Holds only those of which something is shelved; they are looked for a few times a second.
        IndexModel([("shelved", ASCENDING)], name="shelved", partialFilterExpression=SHELVED),
    ],
    "rejected": [
        IndexModel([("received_at", ASCENDING)], name="received_at", expireAfterSeconds=REJECTED_KEPT_S),
        IndexModel([("topic", ASCENDING), ("received_at", ASCENDING)], name="topic"),
    ],
    "hourly": [
        IndexModel([("start", ASCENDING)], name="start"),
        # Energy of some sites. Written once for each hour: computing it anew changes neither field.
        IndexModel([("site", ASCENDING), ("start", ASCENDING)], name="site"),
    ],
    "daily": [
        IndexModel([("start", ASCENDING)], name="start"),
        IndexModel([("site", ASCENDING), ("start", ASCENDING)], name="site"),
    ],
}


async def create(database: Database) -> None:
    """Make collections with their validators, the view and indexes; change nothing when they are there."""
    with timeout(CREATE_LIMIT_S):
        for name in VALIDATORS:
            await _create_collection(database, name, CAPPED.get(name, {}), validator=conforming(name))
        await _create_collection(database, "anomalies", {}, viewOn="measures", pipeline=ANOMALIES)
        for name, indexes in INDEXES.items():
            await database[name].create_indexes(indexes)


async def _create_collection(
    database: Database, name: str, fixed: Mapping[str, object], **options: object
) -> None:
    try:
        await database.create_collection(name, **fixed, **options)
    except (CollectionInvalid, OperationFailure) as error:
        if isinstance(error, OperationFailure) and error.code != NAMESPACE_EXISTS:
            raise
        await database.command("collMod", name, **options)
