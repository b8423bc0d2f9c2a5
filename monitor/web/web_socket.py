"""Web sockets that keep little of what a browser sends, until it is taken from them."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

# A browser sends a few messages at a time, each in one frame.
MAX_FRAMES = 100
MAX_QUEUED = 200


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """Ends when a browser sends a message in frames without end, or very many messages at once."""

    def handle_cont(self, event: Frame) -> None:
        """Take the next part of a message; parts may be empty."""
        if len(self.frames) >= MAX_FRAMES:
            self.transport.abort()
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Keep a message until it is received; no more are read meanwhile, but many may have come with it."""
        if self.queue.qsize() >= MAX_QUEUED:
            self.transport.abort()
        else:
            super().send_receive_event_to_app()
