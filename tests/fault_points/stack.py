"""Fault points of what starts the servers."""

from stack import mosquitto
from tests.fault_points.point import Point

SYSTEM_FOLDERS = Point(mosquitto, "SYSTEM_FOLDERS")
