"""The evaluation of rules over stored readings: as they come, and once more when one came late."""
