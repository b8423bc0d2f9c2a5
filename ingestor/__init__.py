"""From the broker into the database: receive, validate, flag, store, alert, acknowledge."""
