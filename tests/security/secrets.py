"""Where secrets could show: in processes, files, messages and documents. Each is searched in the same way."""

import asyncio
import base64
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson
from dotenv import dotenv_values
from pymongo import MongoClient

from stack.secrets.credentials import DATABASE
from stack.secrets.passwords import NAMES
from tests.servers import Wire

# What hashes look like, whoever made them: Mosquitto's, Argon2's, MongoDB's.
HASHES = {"hash of Mosquitto": b"$7$101$", "hash of Argon2": b"$argon2", "hash of MongoDB": b"storedKey"}

SHORT = 15


@dataclass(frozen=True, slots=True)
class Secrets:
    """What nobody may see, by what people call it."""

    values: Mapping[str, bytes]

    @classmethod
    def of(cls, env: Path, state: Path) -> "Secrets":
        """All passwords of ``.env``, those of simulated sensors, and all hashes on the broker."""
        kept = dotenv_values(env)
        found = {name: (kept[name] or "").encode() for name in NAMES}
        for file in (state / "secrets").glob("Sensor-*/mqtt-url"):
            found[file.parent.name] = file.read_text().partition("@")[0].rpartition(":")[2].encode()
        for line in (state / "mosquitto" / "users" / "passwords").read_bytes().splitlines():
            name, _, value = line.partition(b":")
            found[f"hash of {name.decode()}"] = value
        assert all(len(value) >= 20 for value in found.values())
        return cls(found | HASHES)

    def found_in(self, text: bytes) -> set[str]:
        """What can be read in a text, as it is or as base64 has it."""
        return {name for name, value in self.values.items() if any(form in text for form in _forms(value))}

    def in_texts(self, texts: Mapping[str, bytes]) -> dict[str, set[str]]:
        """What can be read in which text."""
        return {where: found for where, text in texts.items() if (found := self.found_in(text))}

    def in_processes(self, processes: Iterable[int]) -> dict[str, set[str]]:
        """What everybody, or whoever may see more of a process, can read of it."""
        texts = {}
        for number in processes:
            for file in ("cmdline", "environ", "comm"):
                texts[f"{number} {file}"] = _read(Path("/proc") / str(number) / file)
        return self.in_texts(texts)

    def in_files(self, folder: Path) -> dict[str, set[str]]:
        """What can be read in the files of a folder."""
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        return self.in_texts({str(file.relative_to(folder)): _read(file) for file in files})

    async def in_messages(self, url: str) -> tuple[int, dict[str, set[str]]]:
        """How many retained messages somebody is given, and what can be read in them."""
        async with Wire(url) as wire:
            await wire.listen("#")
            await asyncio.sleep(1)  # for all that is retained, however much
            texts = {each.topic: each.topic.encode() + each.payload for each in wire.messages}
        return sum(each.retain for each in wire.messages), self.in_texts(texts)

    def in_documents(self, url: str) -> tuple[int, dict[str, set[str]]]:
        """How many documents there are, and what can be read in them."""
        texts: dict[str, bytes] = {}
        with MongoClient[dict[str, Any]](url) as client:
            database = client[DATABASE]
            for name in database.list_collection_names(filter={"name": {"$not": {"$regex": "^system"}}}):
                for document in database[name].find():
                    texts[f"{name} {document['_id']}"] = bson.encode(document)
        return len(texts), self.in_texts(texts)


def open_to_others(folder: Path) -> list[str]:
    """What others than its owner may open in a folder."""
    return [str(each) for each in (folder, *folder.rglob("*")) if stat.S_IMODE(each.lstat().st_mode) & 0o077]


def _forms(value: bytes) -> Iterable[bytes]:
    yield value
    if len(value) < SHORT:
        return
    # In a longer text that is base64, it begins at one of three places.
    for begin in range(3):
        yield base64.b64encode(b"\0" * begin + value)[4:-4]


def _read(file: Path) -> bytes:
    try:
        # MongoDB's journal is a hundred megabytes of nothing at first.
        return file.read_bytes().rstrip(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return b""  # ended meanwhile
