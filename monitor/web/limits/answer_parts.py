"""A large answer is sent in parts, each once the browser has read the one before.

uvicorn would keep what it is given at once until it has been read, also after the request.
"""

import asyncio
from typing import Any

from starlette.types import Message, Send

PART_BYTES = 64 * 1024
# For the whole answer.
READ_WITHIN_S = 60


def send_in_parts(send: Send, connection: Any) -> Send:  # noqa: ANN401 - of our own server, else None
    """Send in parts; who does not read all in time loses the connection."""
    end_at: float | None = None

    async def send_parts(message: Message) -> None:
        nonlocal end_at
        end_at = end_at or asyncio.get_running_loop().time() + READ_WITHIN_S
        try:
            async with asyncio.timeout_at(end_at):
                for part in _parts(message):
                    await send(part)
        except TimeoutError:
            if connection is not None:
                connection.abort()

    return send_parts


def _parts(message: Message) -> list[Message]:
    body = message.get("body", b"")
    if len(body) <= PART_BYTES:
        return [message]
    parts: list[Message] = [
        {**message, "body": body[at : at + PART_BYTES], "more_body": True}
        for at in range(0, len(body), PART_BYTES)
    ]
    parts[-1]["more_body"] = message.get("more_body", False)
    return parts
