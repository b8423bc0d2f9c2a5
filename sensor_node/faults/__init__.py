"""Faults that a simulated meter can have, and what the ingestor must make of them."""
