"""The state of all sensors now, kept up to date from MongoDB."""
