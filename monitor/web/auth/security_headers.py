"""Security headers on every answer.

NiceGUI compiles templates in the browser, which takes ``unsafe-eval``, and styles elements in place. Scripts
within a page run only with this answer's nonce, which those of NiceGUI's own template have and no others.
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
STRICT_TRANSPORT_SECURITY = {"Strict-Transport-Security": "max-age=31536000"}
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def add_security_headers(send: Send, nonce: str, *, secure: bool, is_cacheable: bool) -> Send:
    """Send an answer with the headers; browsers may cache what is the same for everybody."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS | (STRICT_TRANSPORT_SECURITY if secure else {}))
            headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.format(nonce=nonce)
            if not is_cacheable or message["status"] != HTTPStatus.OK:
                headers["Cache-Control"] = "no-store"
        await send(message)

    return send_with_headers
