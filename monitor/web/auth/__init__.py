"""Log-in, sessions, and what stands before every page."""
