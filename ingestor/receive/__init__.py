"""Take deliveries from the broker, and say who may send what."""
