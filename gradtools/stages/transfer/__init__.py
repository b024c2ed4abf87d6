"""Stores from arrays that other programs made, and arrays for other programs from stores."""
