"""Attacks that use up memory, connections, disk or time."""
