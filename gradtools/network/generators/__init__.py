"""Generators: from a class or a function of the user's to latents, images in 0..1 and what a classifier makes of them.

generator = generators.load("gradtools.bundled.digit_generator:Digits")
w = generator.draw(seeds, classes, psi=0.7)          # (N, d) float32 tensor
images, clipped = generator.synth(w)                 # (N, C, H, W) float32 in 0..1, and how many values were cut
classifier = generators.Classifier.of(model, "cpu", "float32")
r, logits = classifier.encode(images)                # (N, D) and (N, K) float32 arrays

The contract (mathematics#generators) is in `contract` and tried by `acceptance`, loading by `loading`, latents beside w by `latents.at`;
`viewing` brings float images through a classifier's preprocessing, `encoding` runs the classifier; `samples` writes samples as image files.
"""

from gradtools.network.generators import latents
from gradtools.network.generators.contract import Generator, Pictures
from gradtools.network.generators.encoding import Classifier
from gradtools.network.generators.loading import load
from gradtools.network.generators.samples import write_samples
from gradtools.network.generators.viewing import as_read, view

__all__ = [
    "Classifier",
    "Generator",
    "Pictures",
    "as_read",
    "latents",
    "load",
    "view",
    "write_samples",
]
