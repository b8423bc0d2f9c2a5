"""The command ``monitor verify``: what sensors sent against what is stored."""
