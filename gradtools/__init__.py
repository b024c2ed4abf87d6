"""What a trained image classifier has learned about its classes, from the command line."""

__version__ = "0.1.0"
