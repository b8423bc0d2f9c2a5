"""Who may connect and what for: Mosquitto's accounts and access list, and the certificates."""
