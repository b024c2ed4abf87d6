"""What ships with the package: the class table, the example and its networks."""
