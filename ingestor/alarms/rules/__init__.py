"""The alarm rules: their settings, and one pure function each."""
