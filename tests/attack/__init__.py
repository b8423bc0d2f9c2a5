"""Attacks that use up memory, disk, connections or time, for as long as one likes: ``scripts/attack``."""
