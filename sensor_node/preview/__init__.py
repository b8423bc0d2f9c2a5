"""The command ``sensor-node preview``: a load profile as numbers and as a picture."""
