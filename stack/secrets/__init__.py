"""The secrets of one installation: made, handed to each service, rotated."""
