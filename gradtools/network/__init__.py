"""Everything that needs torch, independent of commands: models, taps, scores, the pass over images, saliency methods."""
