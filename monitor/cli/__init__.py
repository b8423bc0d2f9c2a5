"""The commands of ``monitor`` that people use in a terminal."""
