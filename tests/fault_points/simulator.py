"""Fault points of what makes readings: meters, scenarios, recordings.

Apart from those of a sensor node's way to the broker, for these take long to import, and a test build of the
ingestor or of a node has to start at once.
"""

from sensor_node import node
from sensor_node.meter import scheduler
from sensor_node.meter.meter import Meter
from sensor_node.recordings import file, recording, table
from sensor_node.scenarios import check, scenario_plan
from tests.fault_points.point import Point

# Meters.
CLOCK_OF_METERS = Point(scheduler, "datetime")
FIRST_SEQUENCE = Point(node, "first_sequence")
UNUSED_TIME = Point(Meter, "_free")

# Scenarios.
CHECK_NAMES_OF_METERS = Point(scenario_plan, "_check_names")
COUNT_NAMES_UP = Point(scenario_plan, "count_up")
BREAK_LINES = Point(check, "_wrap")

# Recordings.
LARGEST_RECORDING = Point(file, "MAX_BYTES")
CHECK_RECORDED_VALUES = Point(recording, "_check_size")
ORDER_RECORDED_ROWS = Point(recording._Rows, "order")
MOST_SHOWN_OF_A_RECORDING = Point(table, "SHOWN_TEXT")
