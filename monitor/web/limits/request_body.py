"""A request is passed on when its body is whole; until then it is one that its client has not sent yet."""

from starlette.types import Message, Receive


async def read_body(receive: Receive) -> Receive | None:
    """Wait for a body, whose length was checked; None if the connection ended before it was whole."""
    body, has_more = bytearray(), True
    while has_more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        has_more = message.get("more_body", False)
    whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def receive_whole() -> Message:
        return whole.pop() if whole else await receive()

    return receive_whole
