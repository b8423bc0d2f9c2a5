"""Say which readings are above their threshold."""
