"""Saliency methods: equations, targets, pairs of images, channel subsets."""
