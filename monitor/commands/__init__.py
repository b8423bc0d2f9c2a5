"""Alarm commands to the ingestor, and its answers."""
