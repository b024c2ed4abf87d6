"""Clusterings and the agreement of labellings."""
