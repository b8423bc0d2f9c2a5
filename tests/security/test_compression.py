"""A compressed message lies about its size: MongoDB 6.0.5 answers with memory that it had for something else.

The hole (CVE-2025-14847) is open before any log-in. This asks no more than whether the server decompresses
what a stranger sends, which is what all holes of this kind need.
"""

import asyncio
import socket
import struct
import zlib
from pathlib import Path

import bson
import pytest

from stack.secrets.credentials import Credentials
from tests.security.databases import start_database
from tests.security.world import World

pytestmark = pytest.mark.integration

OP_COMPRESSED, OP_MSG = 2012, 2013
NONE, SNAPPY, ZLIB, ZSTD = range(4)
HELLO = struct.pack("<I", 0) + b"\0" + bson.encode({"hello": 1, "$db": "admin"})
# The length of each message, and what it begins with: all of it literal bytes, in snappy and zstd.
PACKED = {
    NONE: HELLO,
    SNAPPY: bytes([len(HELLO), (len(HELLO) - 1) << 2]) + HELLO,
    ZLIB: zlib.compress(HELLO),
    ZSTD: b"\x28\xb5\x2f\xfd\x20" + bytes([len(HELLO)]) + (len(HELLO) << 3 | 1).to_bytes(3, "little") + HELLO,
}


def answer(port: int, compressor: int) -> bytes:
    """The first bytes of what MongoDB answers to a compressed message; none if it ends the connection."""
    body = struct.pack("<iiB", OP_MSG, len(HELLO), compressor) + PACKED[compressor]
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        client.sendall(struct.pack("<iiii", 16 + len(body), 1, 0, OP_COMPRESSED) + body)
        try:
            return client.recv(4096)
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize("compressor", PACKED)
async def test_compressed_message_of_a_stranger_is_not_answered(arena: World, compressor: int) -> None:
    assert await asyncio.to_thread(answer, arena.servers.mongo_port, compressor) == b""


async def test_with_compression_it_is(tmp_path: Path) -> None:
    async with start_database(
        tmp_path, Credentials.generate(), without="compress|No client of ours"
    ) as servers:
        for compressor in (SNAPPY, ZLIB, ZSTD):
            assert await asyncio.to_thread(answer, servers.mongo_port, compressor) != b"", compressor
