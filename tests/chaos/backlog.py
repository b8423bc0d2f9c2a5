"""What nodes have tried and the database does not have yet."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from broker.ledger import AttemptEntry, OutcomeEntry, entry_adapter
from broker.messages import Reading
from ingestor.documents import format_timestamp, measure_id
from stack.secrets.credentials import DATABASE

DATABASE_WITHIN_MS = 10_000


class Backlog:
    """Looks again and again: each line of a ledger is read once, each reading looked for until it is stored.

    Args:
        mongo_url: Of the database.
    """

    def __init__(self, mongo_url: str) -> None:
        self._mongo_url = mongo_url
        self._read: dict[Path, int] = {}
        self._missing: dict[str, Reading] = {}

    def __str__(self) -> str:
        return f"{len(self._missing)} readings are not stored, such as {sorted(self._missing)[:3]}"

    def holds_any(self, ledgers: Iterable[Path], before: datetime) -> bool:
        """Whether a reading of before a moment is neither stored nor rejected, or nothing was tried yet."""
        for ledger in ledgers:
            if ledger.exists():
                self._read_on(ledger)
        if not self._read:
            return True
        due = [name for name, reading in self._missing.items() if reading.timestamp < before]
        if due:
            for name in self._stored([self._missing[name] for name in due]):
                self._missing.pop(name, None)
        return any(name in self._missing for name in due)

    def _read_on(self, ledger: Path) -> None:
        with ledger.open("rb") as file:
            file.seek(self._read.get(ledger, 0))
            lines = file.read().splitlines(keepends=True)
        for line in lines:
            # The last one may not be whole yet.
            if line.endswith(b"\n"):
                self._read[ledger] = self._read.get(ledger, 0) + len(line)
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            entry = entry_adapter.validate_json(line)
        except ValidationError:
            return  # cut short when its node was killed
        if isinstance(entry, AttemptEntry) and entry.event == "invoke":
            self._missing[_name(entry.reading)] = entry.reading
        elif isinstance(entry, OutcomeEntry) and entry.event == "rejected":
            for name, reading in list(self._missing.items()):
                if reading.sensor_id == entry.sensor_id and any(
                    first <= (reading.sequence or 0) <= last for first, last in entry.sequences
                ):
                    del self._missing[name]

    def _stored(self, readings: list[Reading]) -> list[str]:
        """What is stored of these sensors in that time, also under a wrong id."""
        times = [reading.timestamp for reading in readings]
        wanted = {
            "sensor_id": {"$in": list({reading.sensor_id for reading in readings})},
            "timestamp": {"$gte": min(times), "$lte": max(times)},
        }
        try:
            with MongoClient[dict[str, Any]](self._mongo_url, timeoutMS=DATABASE_WITHIN_MS) as client:
                found = client[DATABASE].measures.find(wanted, {"sensor_id": 1, "timestamp": 1})
                return [measure_id(each["sensor_id"], format_timestamp(each["timestamp"])) for each in found]
        except PyMongoError:
            return []


def _name(reading: Reading) -> str:
    return measure_id(reading.sensor_id, format_timestamp(reading.timestamp.replace(tzinfo=None)))
