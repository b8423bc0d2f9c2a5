"""Simulated meters: profile, reading, outbox, publish."""
