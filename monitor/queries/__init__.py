"""What the monitor asks the database: one file per kind of question, each by an index."""
