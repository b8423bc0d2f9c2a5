"""A local program that takes a port of ours and plays the server: it keeps whatever it is told."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import bson

HEADER = 16
OP_MSG, OP_QUERY, OP_REPLY = 2013, 2004, 1
HELLO = {
    "ok": 1.0,
    "ismaster": True,
    "isWritablePrimary": True,
    "helloOk": True,
    "maxBsonObjectSize": 1 << 24,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 17,
}
NO_SUCH_USER = {"ok": 0.0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed."}


class FakeMongod:
    """Agrees to everything but to log-ins: so those who make users think that there are none yet.

    Attributes:
        heard: Every command.
    """

    def __init__(self, port: int) -> None:
        self.heard: list[dict[str, Any]] = []
        self._listener = socket.create_server(("127.0.0.1", port))

    def serve(self) -> None:
        """Answer until it is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Let the port go."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _talk(self, client: socket.socket) -> None:
        with client, suppress(OSError, struct.error), client.makefile("rb") as stream:
            while True:
                length, number, _, kind = struct.unpack("<iiii", stream.read(HEADER))
                body = stream.read(length - HEADER)
                command = bson.decode(body[5:] if kind == OP_MSG else body[body.index(b"\0", 4) + 9 :])
                self.heard.append(command)
                client.sendall(_answer(number, kind, self._decide(command)))

    def _decide(self, command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        if name == "saslStart":
            return NO_SUCH_USER
        return HELLO if name.lower() in {"hello", "ismaster"} else {"ok": 1.0}


def _answer(number: int, kind: int, document: dict[str, Any]) -> bytes:
    encoded = bson.encode(document)
    if kind == OP_MSG:
        body, code = struct.pack("<IB", 0, 0) + encoded, OP_MSG
    else:
        body, code = struct.pack("<iqii", 8, 0, 0, 1) + encoded, OP_REPLY
    return struct.pack("<iiii", HEADER + len(body), 1, number, code) + body


@contextmanager
def fake_mongod(port: int) -> Iterator[FakeMongod]:
    """Play MongoDB on a port."""
    fake = FakeMongod(port)
    thread = threading.Thread(target=fake.serve, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.close()
        thread.join()
