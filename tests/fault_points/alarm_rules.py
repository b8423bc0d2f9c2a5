"""The registry of alarm rules. What follows from it follows as it is loaded, so this loads nothing else."""

from ingestor.alarms.rules import registry
from tests.fault_points.point import Point

RULES = Point(registry, "RULES")
