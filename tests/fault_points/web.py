"""Fault points of the web page and the REST interface."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor import live as fleet_view
from monitor.fleet import SensorCache
from monitor.queries.database import TimeRange
from monitor.queries.slots import Unit
from monitor.web import (
    access,
    gate,
    guesses,
    login,
    origin,
    owners,
    rejected_list,
    sensor_edit,
    serve,
    strict,
)
from monitor.web.access import Authenticator, Session
from monitor.web.api import app, sensor_routes
from monitor.web.pages import compare
from tests.fault_points.point import Point

# Who has logged in.
LONGEST_WAIT_S = Point(guesses, "LONGEST_S")
WHOSE_TOKEN = Point(Authenticator, "whose")
LOG_OUT = Point(Authenticator, "log_out")
PASSWORD_HASHER = Point(access, "PasswordHasher")
NEW_PERSON = Point(access, "Person")
MOST_TOKENS = Point(access, "MOST_TOKENS")
IS_IN = Point(Session, "is_in")
MAY_ACT = Point(Session, "may_act")

# The log-in.
NEXT_PATH = Point(login, "_own_path")
TOKEN_BEFORE_LOG_IN = Point(login, "token_of")

# What stands before every page.
IS_HTTPS = Point(origin, "is_secure")
OWN_SITES = Point(origin, "OWN")
IS_FROM_HERE = Point(gate, "is_from_here")
TOKEN_SHOWN = Point(gate, "token_of")
WEB_SOCKET = Point(gate, "Live")
MAY_HAVE_PAGE = Point(owners, "_may_have")
SCRIPT_POLICY = Point(strict, "POLICY")

# What operators do on pages.
WHAT_IS_WRONG_WITH_SETTINGS = Point(sensor_edit, "_what_is_wrong")
ASK_FOR_REPAIR = Point(rejected_list, "_ask")

# What pages show.
SPOILED = Point(fleet_view, "SPOILED")
REFRESH_SENSORS = Point(SensorCache, "refresh_sensors")

# The REST interface.
MAKE_TOKEN_CHECK = Point(app, "make_check")
SENSORS_ASKED = Point(sensor_routes, "SensorsAsked")
SENSORS = Point(sensor_routes, "Sensors")

# How it is served.
MAKE_APP = Point(serve, "make_app")
HTTP_SERVER = Point(serve, "_Server")


def starts_of_bars(span: TimeRange, unit: Unit, zone: ZoneInfo) -> Iterator[datetime]:
    """When the bars of the page that compares begin."""
    return compare._starts(span, unit, zone)
