"""The command ``monitor report``: energy and data quality of a period."""
