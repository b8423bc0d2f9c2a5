"""Consumption that was recorded: read from CSV or Parquet."""
