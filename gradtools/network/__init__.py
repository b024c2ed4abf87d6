"""Everything that needs torch and knows no command: models, taps, scores, the pass over images, saliency methods."""
