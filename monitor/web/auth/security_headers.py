"""Headers by which browsers are told to be strict.

NiceGUI draws pages by compiling templates in the browser, which takes ``unsafe-eval``, and styles
elements in place. Scripts in a page itself run only if they carry this answer's nonce, which those of
NiceGUI's own template do and nothing else does.
"""

from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# Over https: browsers come back over nothing else.
STRICT_TRANSPORT_SECURITY = {"Strict-Transport-Security": "max-age=31536000"}
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class SecurityHeaders:
    """Sends an answer with the headers.

    Args:
        send: Sends it.
        nonce: What scripts of the page carry.
        secure: Whether it goes over https.
        is_kept: Whether browsers may keep it: libraries and looks, which are the same for everybody.
    """

    def __init__(self, send: Send, nonce: str, *, secure: bool, is_cacheable: bool) -> None:
        self._send = send
        self._headers = HEADERS | (STRICT_TRANSPORT_SECURITY if secure else {})
        self._headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.format(nonce=nonce)
        self._is_kept = is_cacheable

    async def __call__(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(self._headers)
            if not self._is_kept or message["status"] != HTTPStatus.OK:
                headers["Cache-Control"] = "no-store"
        await self._send(message)
