"""The file `alarms.toml`: reading, checking, explaining and reloading it."""
