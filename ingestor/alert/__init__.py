"""Publish alerts and rejection notices."""
