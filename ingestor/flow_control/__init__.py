"""What becomes of deliveries that come too fast, in a bad order, or end the process."""
