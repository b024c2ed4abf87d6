"""Statistics over pairs of samples, with their intervals and tests."""
