"""Regions of a frame: boxes and masks, and how well maps find them."""
