"""The command ``monitor export``: readings as CSV, JSON Lines or Parquet."""
