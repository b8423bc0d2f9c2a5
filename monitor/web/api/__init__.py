"""The REST interface: what is stored, for programs."""
