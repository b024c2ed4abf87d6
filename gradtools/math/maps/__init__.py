"""Saliency maps: how raw ones are read, and how alike they are."""
