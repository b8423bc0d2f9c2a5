"""Alarms: is something wrong now, since when, how bad, and has someone seen it?"""
