"""What people look at: the readings, from the database."""
