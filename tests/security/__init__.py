"""Attempts to get in where one does not belong, on real servers; each is also made with its protection gone.

An attack that fails proves nothing unless it would have worked: so every attack runs twice, once on the
stack as it is, where it must have no effect, and once without what stops it, where it must have one.
"""
