"""The ingestor without one of its protections: python -m tests.security.ingestor_builds BUILD OPTIONS…"""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from unittest.mock import patch

from mqtt5 import PublishPacket

from broker.topics import Place, Topics
from ingestor import __main__ as program
from ingestor import batch, validate
from ingestor.admission import Admission
from ingestor.alarms import presence
from ingestor.allowance import Allowance
from ingestor.documents import Measure, RejectedDocument, to_measure
from ingestor.floods import Floods, SortedOut
from ingestor.pipeline import Pipeline
from ingestor.sensors import Sensors
from ingestor.store import Store
from ingestor.validate import Rejection


def no_limit() -> None:
    """Whoever sends gets everything stored."""
    patch.object(Allowance, "refill", lambda self, key: self.left.setdefault(key, 1e12)).start()


def keeps_everything() -> None:
    """Each refused payload is kept as it came."""

    def sort_out(_: Floods, rejections: Sequence[Rejection], _now: datetime) -> SortedOut:
        return SortedOut(list(rejections))

    patch.object(Floods, "sort_out", sort_out).start()


def no_record() -> None:
    """What is only counted is not written down."""

    async def nothing(_: Store, _documents: Sequence[RejectedDocument]) -> None:
        return None

    patch.object(Store, "count_rejected", nothing).start()


def confirms_floods() -> None:
    """A sensor is told that it may forget what was only counted."""
    confirm = Pipeline._confirm  # noqa: SLF001

    def everything(
        self: Pipeline, each: batch.Batch, refused: dict[int, Rejection], sorted_out: SortedOut
    ) -> None:
        confirm(self, each, refused, sorted_out)
        for rejection in each.rejections:
            sequence = json.loads(rejection.payload)["sequence"]
            self.confirmations.rejected(self.topics.place(rejection.topic), sequence)

    patch.object(Pipeline, "_confirm", everything).start()


def no_owner() -> None:
    """A sensor is of whatever site its topic says."""
    patch.object(Admission, "owns", lambda _self, _place: True).start()
    patch.object(presence.Presence, "_speaks_for", lambda _self, _node, _track: True).start()


def speaking_owns() -> None:
    """A site gets the sensors that its nodes name."""
    patch.object(Admission, "may_own", Admission.owns).start()


def speaks_for_all() -> None:
    """A node speaks for all sensors whose names follow its own."""
    patch.object(Sensors, "_may_speak_for", lambda _self, _sensor, _owns: True).start()
    patch.object(presence.Presence, "_speaks_for", lambda _self, _node, _track: True).start()


def any_id() -> None:
    """Ids are whatever stands in a topic."""
    patch.object(Place, "is_valid", property(lambda _: True)).start()
    patch.object(validate, "_place", Topics.place).start()


def any_retained() -> None:
    """A retained reading is one like any other."""
    judge = validate.validate

    def without_flag(delivery: PublishPacket, now: datetime) -> Sequence[validate.Checked]:
        same = PublishPacket(delivery.topic, delivery.payload, qos=delivery.qos, packet_id=delivery.packet_id)
        return judge(same, now)

    patch.object(batch, "validate", without_flag).start()


def id_by_chance() -> None:
    """Each arrival is a reading of its own."""
    numbers = count()

    def another(*values: object) -> Measure:
        measure = to_measure(*values)  # type: ignore[arg-type]
        measure["_id"] = f"{next(numbers)}-{measure['_id']}"
        return measure

    patch.object(batch, "to_measure", another).start()


def unforeseen() -> None:
    """Something in a payload that nobody has thought of."""
    judge = validate.validate

    def fail(delivery: PublishPacket, now: datetime) -> Sequence[validate.Checked]:
        if delivery.payload == b"unforeseen":
            raise RecursionError
        return judge(delivery, now)

    patch.object(batch, "validate", fail).start()


def old_clock() -> None:
    """An offset in place of milliseconds is taken for digits, and nothing catches what comes of it."""

    def read_moment(written: str) -> tuple[datetime, str]:
        return datetime.fromisoformat(written[:-1]), written

    def fall(self: batch.Opener, packet: PublishPacket, each: batch.Batch) -> None:
        each.rejections += [
            item for item in validate.validate(packet, each.received_at) if isinstance(item, Rejection)
        ]

    patch.object(validate, "read_moment", read_moment).start()
    patch.object(batch.Opener, "_open_readings", fall).start()


def no_size() -> None:
    """A payload may be as large as the broker lets through."""
    patch.object(validate, "MAX_PAYLOAD_BYTES", 1 << 30).start()
    patch.object(validate, "MAX_READINGS_PER_PAYLOAD", 1 << 30).start()


BUILDS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        no_limit,
        keeps_everything,
        no_record,
        confirms_floods,
        no_owner,
        speaking_owns,
        speaks_for_all,
        any_id,
        any_retained,
        id_by_chance,
        unforeseen,
        old_clock,
        no_size,
    )
}

if __name__ == "__main__":
    BUILDS[sys.argv.pop(1)]()
    program.main()
