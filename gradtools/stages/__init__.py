"""The commands' work, from store to store: one module or folder a command."""
