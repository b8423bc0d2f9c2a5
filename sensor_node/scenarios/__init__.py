"""Scenarios: many meters, described in a file."""
