"""Keeps readings until they are confirmed, and publishes them until then."""
