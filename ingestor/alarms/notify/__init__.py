"""Notifications to phones and mail, and the summary that replaces an alarm flood."""
