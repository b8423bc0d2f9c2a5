"""The alarm rules: one file for each, and the registry that lists them."""
