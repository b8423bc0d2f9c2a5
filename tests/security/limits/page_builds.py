"""The web page without one of its protections: python -m tests.security.limits.page_builds BUILD OPTIONS…

It may open few files, whatever this machine allows.
"""

import resource
import sys
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from monitor import __main__ as program
from tests.fault_points import broker, web

FILES = 400


def as_it_is() -> None:
    """Nothing is taken away."""


def endless_headers() -> None:
    """Headers are kept until they end."""
    web.HTTP_PROTOCOL.replace(HttpToolsProtocol).start()


def endless_requests() -> None:
    """A request may take as long as it likes, and as many may be under way as there are files."""
    broker.REQUEST_LIMIT_S.replace(1e9).start()
    broker.MAKE_ROOM.replace(lambda *_: True).start()


def any_packet() -> None:
    """Everything that Socket.IO knows is taken from a browser, at any pace."""
    web.MESSAGES_AT_ONCE.replace(1e9).start()
    web.IS_PACKET.replace(lambda _: True).start()


def any_frames() -> None:
    """A message may come in any number of frames, and any number at once."""
    web.HANDLE_FRAME.replace(WebSocketsSansIOProtocol.handle_cont).start()
    web.KEEP_MESSAGE.replace(WebSocketsSansIOProtocol.send_receive_event_to_app).start()


def any_handshake() -> None:
    """A page keeps whatever a browser calls its tab."""
    web.HANDSHAKE_FORM.replace(lambda _: True).start()


def all_answers_at_once() -> None:
    """All large answers are made at once, and kept until they have been read."""
    web.MOST_ANSWERS_OF_ROLE.replace(1000).start()
    web.ANSWER_IN_PARTS.replace(lambda send, _: send).start()


BUILDS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        as_it_is,
        endless_headers,
        endless_requests,
        any_packet,
        any_frames,
        any_handshake,
        all_answers_at_once,
    )
}

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    BUILDS[sys.argv.pop(1)]()
    program.main()
