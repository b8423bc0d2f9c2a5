"""Fault points of the web page and the REST interface."""

from nicegui import core

from monitor.live import snapshot as fleet_view
from monitor.live.sensor_cache import SensorCache
from monitor.web import http_server, serve, tls
from monitor.web.api import app, sensor_routes
from monitor.web.auth import (
    auth_middleware,
    csrf,
    login,
    login_throttle,
    page_authorization,
    security_headers,
    session_socket,
    sessions,
)
from monitor.web.auth.sessions import Authenticator, Session
from monitor.web.limits import page_limit, places
from monitor.web.pages import sensor
from monitor.web.web_socket import BoundedWebSocket
from monitor.web.widgets import rejected_list
from tests.fault_points.point import Point

# Who has logged in.
KEY_OF_COUNT = Point(login_throttle, "_network_key")
IS_FAMILIAR = Point(login_throttle.LoginThrottle, "is_familiar")
LONGEST_WAIT_S = Point(login_throttle, "MAX_DELAY_S")
WHOSE_TOKEN = Point(Authenticator, "session_of")
LOG_OUT = Point(Authenticator, "log_out")
PASSWORD_HASHER = Point(sessions, "PasswordHasher")
LANE = Point(sessions, "Lane")
NEW_PERSON = Point(sessions, "Session")
MOST_TOKENS = Point(sessions, "MAX_SESSIONS_PER_ROLE")
IS_IN = Point(Session, "is_active")
MAY_ACT = Point(Session, "may_operate")

# The log-in.
NEXT_PATH = Point(login, "_local_path")
TOKEN_BEFORE_LOG_IN = Point(login, "read_token")

# What stands before every page.
IS_HTTPS = Point(csrf, "is_secure")
OWN_SITES = Point(csrf, "SAME_ORIGIN_VALUES")
IS_FROM_HERE = Point(auth_middleware, "is_same_origin")
TOKEN_SHOWN = Point(auth_middleware, "read_token")
WEB_SOCKET = Point(auth_middleware, "serve_session")
HANDSHAKE_FORM = Point(page_authorization, "has_form")
MAY_HAVE_PAGE = Point(page_authorization, "_may_have")
SCRIPT_POLICY = Point(security_headers, "CONTENT_SECURITY_POLICY")

# What operators do on pages.
ASK_FOR_SETTINGS = Point(sensor, "open_sensor_dialog")
ASK_FOR_REPAIR = Point(rejected_list, "_open_repair_dialog")

# What pages show.
SPOILED = Point(fleet_view, "MALFORMED_ERRORS")
REFRESH_SENSORS = Point(SensorCache, "refresh_sensors")

# The REST interface.
MAKE_TOKEN_CHECK = Point(app, "make_token_check")
SENSORS_ASKED = Point(sensor_routes, "SensorsQuery")
SENSORS = Point(sensor_routes, "SensorQueries")

# How it is served.
MAKE_APP = Point(serve, "make_app")
HTTP_SERVER = Point(serve, "HttpServer")
CIPHERS = Point(tls, "CIPHERS")
HTTP_PROTOCOL = Point(http_server, "H11Protocol")
HANDLE_FRAME = Point(BoundedWebSocket, "handle_cont")
KEEP_MESSAGE = Point(BoundedWebSocket, "send_receive_event_to_app")

# What sessions may have under way.
IS_PACKET = Point(session_socket, "is_packet")
MESSAGES_AT_ONCE = Point(session_socket, "MESSAGES_AT_ONCE")
MOST_SOCKETS_OF_SESSION = Point(places, "SOCKETS_OF_SESSION")
MOST_REQUESTS_OF_ROLE = Point(places, "REQUESTS_OF_ROLE")
MOST_ANSWERS_OF_ROLE = Point(places, "ANSWERS_OF_ROLE")
ANSWER_IN_PARTS = Point(auth_middleware, "send_in_parts")
VIEWERS_MESSAGE_LENGTH = Point(session_socket, "VIEWERS_MESSAGE_LENGTH")
KEEP_TABS_S = Point(page_authorization, "KEEP_TABS_S")
TABS = Point(core.app.storage, "_tabs")
FORGET_PAGE = Point(page_limit, "_forget")
MOST_PAGES_OF_SESSION = Point(page_limit, "PAGES_OF_SESSION")
