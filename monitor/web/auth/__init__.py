"""Log-in, sessions, and what guards every page."""
