"""Training of the bundled networks, run by `make weights`; not installed."""
