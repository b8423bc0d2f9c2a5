"""Measurements: the ingestor beside peers and beside the broker's own limit."""
