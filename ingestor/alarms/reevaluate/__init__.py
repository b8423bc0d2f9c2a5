"""Re-evaluation: put alarms right when readings arrive out of order, and at a restart."""
