"""From where a request comes."""

from starlette.requests import HTTPConnection


def client_address(connection: HTTPConnection) -> str:
    """The address of whoever asks: that which a trusted proxy tells, or else that of the connection."""
    return connection.client.host if connection.client else ""
