"""Fault points of what all programs share: connections, names, users, and what people are told."""

from collections.abc import Sequence

from broker import client, connection, handshake, supervisor, topics
from broker.access import accounts, authority
from broker.access.roles import Account
from broker.program import bounded_file, connection_limit, escape, hosts, log_limit, settings
from tests.fault_points.point import Point

# What faults get hold of.
Connection = connection.Connection
Outgoing = connection.OutgoingMessage

# Connections.
CONNECT = Point(Connection, "__aenter__")
ACKNOWLEDGE = Point(Connection, "puback_many")
CLIENT_ID = Point(supervisor, "client_id")
CONNECT_TIMEOUT_S = Point(handshake, "CONNECT_TIMEOUT_S")
PING_EVERY_S = Point(client, "PING_EVERY_S")
# For how long reading stops at most while there is no room.
PAUSE_LIMIT_S = Point(client, "PAUSE_LIMIT_S")

# Listeners of our own.
REQUEST_LIMIT_S = Point(connection_limit, "REQUEST_S")
ACCEPT_AGAIN_S = Point(connection_limit, "CHECK_EVERY_S")
UNREAD_LIMIT_S = Point(connection_limit, "UNREAD_S")
UNREAD_LIMIT_BYTES = Point(connection_limit, "UNREAD_BYTES")
MAKE_ROOM = Point(connection_limit.ConnectionLimit, "_make_room")
WRONG_HOST = Point(hosts.HostNames, "rejection")

# Sites and names.
MATCH_ID = Point(topics, "_is_id")
IS_VALID_PLACE = Point(topics.SensorKey, "is_valid")

# Users.
ACCESS_LIST = Point(Account, "access_list")
TOPIC_OF_CONFIRMATIONS = Point(topics.Topics, "stored")
SYSTEM_FOLDERS = Point(accounts, "SYSTEM_FOLDERS")
PASSWORD_PATTERN = Point(accounts, "PASSWORD_PATTERN")
CLOCK_OF_CERTIFICATES = Point(authority, "datetime")

# What people are told.
HIDE_SECRETS = Point(settings, "redact")
SHORTEN_SETTING = Point(settings, "escape_truncated")
HIGHEST_PORT = Point(settings, "MAX_PORT")
LONGEST_LINE = Point(bounded_file, "MAX_LINE_BYTES")
LIMIT_LOG = Point(log_limit.LogLimit, "filter")
ESCAPE_TEXT = Point(escape, "json")


async def write_packets(to: Connection, packets: Sequence[bytes]) -> None:
    """Write packets of any kind."""
    to._writer.write(b"".join(packets))
    await to._writer.drain()


def close_transport(live: connection.Connection) -> None:
    """Close the socket of a connection as the loop does when a write fails."""
    live._writer.transport.abort()
