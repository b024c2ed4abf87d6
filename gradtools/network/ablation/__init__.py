"""Channels taken out of a network: what the score loses without them."""
