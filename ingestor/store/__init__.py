"""What MongoDB keeps: readings, dead letters, sensors, rollups."""
