"""Alarms that do not follow from readings: of sensors and nodes that are gone, and of rejected payloads."""
