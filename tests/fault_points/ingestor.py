"""Fault points of the ingestor, along the trip of a reading."""

from collections.abc import Sequence

from broker.topics import SensorKey, Topics
from ingestor import (
    batch_reader,
    confirm,
    delivery,
    flag,
    nodes,
    pipeline,
    validate,
)
from ingestor.alarms import commands, outbox, records, restart
from ingestor.alarms.command_queue import CommandQueue
from ingestor.alarms.config import config, explanation, parse
from ingestor.alarms.evaluation import evaluator, meanwhile, reading_history
from ingestor.alarms.evaluation.reading_history import ReadingHistory
from ingestor.alarms.manager import AlarmManager
from ingestor.alarms.notify import notifier
from ingestor.alarms.rules import rule_settings
from ingestor.alarms.rules.rule_settings import RuleTables
from ingestor.alarms.supervision import liveness, reject_rate
from ingestor.alert import alert_publisher
from ingestor.decode import decoders, energy_json, explanations
from ingestor.flow_control import acknowledge, deferral, quarantine
from ingestor.receive import authorization, inbox, register, rejected_bytes, token_bucket
from ingestor.receive.authorization import Authorization
from ingestor.receive.command_limits import CommandLimits
from ingestor.service import Ingestor
from ingestor.store import database, reading_store, retry, schema
from ingestor.store.dead_letters import DeadLetterPolicy, DeadLetters
from ingestor.store.sensor_updates import SensorUpdates
from tests.fault_points.point import Point

# What faults get hold of.
Allowance = token_bucket.TokenBuckets
Announcer = alert_publisher.AlertPublisher
Batch = delivery.Batch
Delivery = delivery.Delivery
Keep = outbox.AlarmOutbox
Pipeline = pipeline.Pipeline
Receipts = confirm.Receipts
Rejection = delivery.Rejection

# Isolated.
TAKE_UP_LAST_END = Point(quarantine.Quarantine, "open")
STALLED_AFTER_S = Point(quarantine, "STALL_S")
WATCH_STALLS = Point(quarantine.Quarantine, "watch")

# Taken in.
SLOW_DOWN_AT = (Point(inbox, "READ_BELOW"), Point(inbox, "READ_BELOW_BYTES"))
# At how many deliveries, and at how many bytes, they are turned away: by the names of these bounds.
INBOX_BOUNDS = Point(inbox.Inbox.__init__, "__kwdefaults__")
OPEN_BATCH = Point(batch_reader.BatchReader, "next_batch")
OPEN_READINGS = Point(batch_reader.BatchReader, "_open_readings")

TRIM_MESSAGES = Point(inbox, "trim")
TRUNCATE_TOPIC = Point(Topics, "truncate")
NOTE_REJECTED_BYTES = Point(rejected_bytes.RejectedBytes, "on_rejected")

MAY_PASS_AT_ONCE = Point(deferral.Deferral, "may_pass")
MOST_SET_ASIDE_OF_A_TOPIC = Point(deferral, "MAX_TOPIC_BYTES")

# Looked at.
CHECK_MESSAGE = Point(batch_reader, "check_message")
DECODE_PAYLOAD = Point(batch_reader, "decode")
FLAG = Point(batch_reader, "flag")
LARGEST_PAYLOAD = Point(validate, "MAX_PAYLOAD_BYTES")
MOST_READINGS_OF_A_PAYLOAD = Point(energy_json, "MAX_READINGS_PER_PAYLOAD")
PLACE_OF_TOPIC = Point(batch_reader, "sensor_key")
KEYS_OF_TOPICS = validate._Keys
READ_MOMENT = Point(energy_json, "parse_timestamp")
FURTHEST_AHEAD = Point(validate, "MAX_AHEAD")
MAY_HAVE_A_FIELD_TWICE = Point(energy_json, "may_have_duplicate_keys")
# A builtin, replaced where bad values are shown and nowhere else.
ESCAPE_VALUE = Point(explanations, "ascii")

# Let in.
REFILL_ALLOWANCE = Point(Allowance, "refill")
MOST_ALLOWANCES = Point(token_bucket, "MAX_KEYS")
OWNS_SENSOR = Point(Authorization, "owns")
MAY_OWN_SENSOR = Point(Authorization, "may_own")
SITE_OF_SENSOR = Point(Authorization, "site_of")
MAX_SENSORS = Point(authorization, "MAX_SENSORS")
# What nodes say: taken in, for whom it counts, and how it is written down.
OPEN_STATUS = Point(batch_reader.BatchReader, "_open_status")
NOTE_STATUS = Point(nodes.Nodes, "on_status")
MAX_UNHEARD = Point(nodes, "MAX_UNHEARD")
NODE_OF_SENSOR = Point(nodes.Nodes, "of_sensor")
SPEAKS_FOR_OTHERS = Point(register.Register, "may_speak_for_others")
TAKE_SENSOR_UPDATES = Point(SensorUpdates, "take")
MAX_RAISED = Point(liveness, "MAX_RAISED")
# Of those that are rejected: how many are counted, and how many sensors there may be for more to be made.
MAX_REJECTING = Point(reject_rate, "MAX_COUNTED")
MAX_REJECTING_SENSORS = Point(reject_rate, "MAX_SENSORS")

# Stored, or kept as it was rejected.
DOCUMENT_OF_READING = Point(flag, "to_measure")
# Bounds of what people may write.
CAPPED_COLLECTIONS = Point(schema, "CAPPED")
MAX_DOCUMENT_SIZES = Point(schema, "MAX_SIZES")
STORE_BATCH = Point(reading_store.ReadingStore, "insert")
WRITE_CONCERN = Point(database, "DURABLE")
LONGEST_PAUSE_S = Point(retry, "MAX_DELAY_S")
SORT_OUT_FLOODS = Point(DeadLetterPolicy, "sort")

# Told and acknowledged.
BRING_HOME = Point(Pipeline, "commit")
PUBLISH_ALERTS = Point(Announcer, "alerts")
MARK_ALERTED = Point(Announcer, "_mark")
SWEEP_ALERTS = Point(Announcer, "_sweep")
CONFIRM_BATCH = Point(Receipts, "confirm")
CONFIRM_TO_SENSOR = Point(Ingestor, "_send")
ACKNOWLEDGE_BATCH = Point(acknowledge, "_acknowledge")

# Judged.
JUDGE_IN_DETAIL = Point(evaluator.Evaluator, "_evaluate")
IS_TOO_LATE_TO_JUDGE = Point(evaluator, "is_late")
NOTE_PEAK = Point(evaluator, "note_peak")
RULES_OVER_READINGS = Point(rule_settings, "READING_RULES")
RULES_EXPLAINED = Point(explanation, "RULES")
RULES_WITH_PEAKS = Point(evaluator, "READING_RULE_NAMES")
RULES_LOOK_BACK = Point(RuleTables, "looks_back")
READINGS_SINCE = Point(ReadingHistory, "since")
READINGS_OF_A_PAGE = Point(reading_history, "PAGE")
MOST_KEPT_MEANWHILE = Point(meanwhile, "MAX_KEPT")
READINGS_UNJUDGED = Point(records.AlarmRecords, "unevaluated")
PUT_UP_STANDING_ALARMS = Point(restart, "_list")
MAX_REJECTIONS = Point(records, "MAX_REJECTIONS")
OWN_RULES_OF_A_SENSOR = Point(config, "merge")
MOST_SHOWN_OF_A_RULE = Point(parse, "MAX_SHOWN")

# Alarms written, told and obeyed.
WRITE_ALARMS = Point(records.AlarmRecords, "write")
TELL_ALARMS = Point(Keep, "publish")
TELL_ALARMS_AGAIN = Point(AlarmManager, "republish")
LIMIT_COMMANDS = Point(CommandLimits, "reject")
QUEUE_COMMANDS = Point(CommandQueue, "add")
SHORTEN_COMMAND = Point(commands, "escape_truncated")
RULES_OF_COMMANDS = Point(commands, "RULE_NAMES")

# Notifications.
NOTIFIER_CLOCK = Point(notifier, "monotonic")
NOTIFIER_LOOKS_EVERY_S = Point(notifier, "LOOK_EVERY_S")
FIRST_PAUSE_OF_NOTIFIER_S = Point(notifier, "FIRST_DELAY_S")
LONGEST_PAUSE_OF_NOTIFIER_S = Point(notifier, "MAX_DELAY_S")
LONGEST_NOTIFICATION_S = Point(notifier, "LIMIT_S")
MOST_NOTIFICATIONS_AT_ONCE = Point(notifier, "MAX_THREADS")
MOST_NOTIFICATIONS_WAITING = Point(notifier, "MAX_WAITING")


def confirm_all(bringing: Pipeline, opened: Batch) -> None:
    """Tell sensors that they may forget a batch, as if all of it were stored."""
    bringing.receipts.confirm(opened, [])


async def execute_in_line(bringing: Pipeline, opened: Batch) -> None:
    """Execute the commands of a batch one after the other, and be done with them."""
    for each in opened.commands:
        command = commands.read_command(each.packet.payload)
        assert not isinstance(command, str)
        await bringing.alarms.execute([(Topics.sensor_key(each.packet.topic), command)])
    if opened.commands:
        opened.unfinished -= 1


def confirm_as_rejected(receipts: Receipts, topic: str, sequence: int) -> None:
    """Tell a sensor that it may forget a reading, as if that were kept as it was rejected."""
    receipts.rejected(Topics.sensor_key(topic), sequence)


def keep_all(rejections: Sequence[Rejection]) -> DeadLetters:
    """What floods are sorted out to if none is one."""
    return DeadLetters(list(rejections))


def fill(allowance_of_keys: Allowance, key: str, amount: float) -> float:
    """Give to a key what it was never given before; what is left of it."""
    return allowance_of_keys.left.setdefault(key, amount)


def open_rejected(delivered: Delivery, opened: Batch) -> None:
    """Take of a payload what is rejected; nothing is caught."""
    key = validate.check_message(delivered)
    assert not isinstance(key, Rejection)
    decoders.decode(delivered)
    validate.validate(delivered, key, opened.received_at)
    delivered.outcomes = [each for each in delivered.rows if isinstance(each, Rejection)]


def node_named_first(known: nodes.Nodes, sensor: SensorKey) -> nodes.Node | None:
    """The node that names a sensor, even if the sensor is a node itself."""
    return known._naming(sensor) or known.find(sensor)


def first_come(gate: Authorization, name: str) -> str | None:
    """Where a sensor belongs if only those count that came first."""
    return gate._sites.get(name)


def note_swept(announcer: Announcer) -> None:
    """Have an announcer believe that no alert was left behind."""
    announcer._swept = True


def has_alarms_to_tell(kept: Keep) -> bool:
    """Whether alarms are written and not told."""
    return bool(kept._to_publish)
