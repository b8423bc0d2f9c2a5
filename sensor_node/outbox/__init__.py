"""Readings that are not confirmed yet: kept, published, published again."""
