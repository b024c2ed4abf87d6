"""What a user names, looked up in a store: samples, features, maps, and the results they belong to."""
