"""A program with one line more in its registry of alarm rules: ``python -m tests.toy_rule.build MODULE …``.

It is a process of its own, since settings and names follow from the registry when they are loaded.
"""

import runpy
import sys

from tests.fault_points.alarm_rules import RULES
from tests.toy_rule.rule import IDLE

if __name__ == "__main__":
    RULES.replace((*RULES.original, IDLE)).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
