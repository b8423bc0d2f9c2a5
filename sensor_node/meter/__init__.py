"""A simulated meter: its counter, its load, its readings."""
