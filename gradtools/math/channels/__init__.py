"""Channels of a tap: distributions, rankings, deletion curves."""
