"""The one system of tables: what they are made of, how they are worded and rendered, and one builder a kind of result."""
