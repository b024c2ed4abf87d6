"""What draws the rows that the head reads: a link, its generator and its classifier."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.network import generators, models, passes
from gradtools.network.generators import segmenting
from gradtools.selection import links
from gradtools.store import Store


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A link with its networks.

    Attributes
    ----------
    link : links.Link
    generator : generators.Generator
    classifier : generators.Classifier
    digests : dict of str to str
        Of everything in the link's store.
    segmenter : segmenting.Segmenter or None
        What finds the parts of its pictures.
    """

    link: links.Link
    generator: generators.Generator
    classifier: generators.Classifier
    digests: dict[str, str]
    segmenter: segmenting.Segmenter | None = None

    def draw(self, r: np.ndarray, batch_size: int) -> "Drawn":
        """Return the pictures of rows (N, D), what the classifier makes of them, and their parts."""
        classes = None
        if self.generator.needs_class:
            classes = self.link.answered(self.classifier.head(r))
        latents = self.link.latent(r)
        pictures = self.generator.render(latents, batch_size, classes)
        masks = None if self.segmenter is None else self.segmenter.find(latents, pictures, classes)
        logits = self.classifier.encode(pictures, batch_size)[1]
        return Drawn(pictures.cpu().numpy(), logits, masks)


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Pictures of N rows.

    Attributes
    ----------
    pictures : (N, C, H, W) float32 array in 0..1
    logits : (N, K) float32 array
        Of the classifier.
    masks : (N, H, W) int array or None
        Places among the segmenter's parts.
    """

    pictures: np.ndarray
    logits: np.ndarray
    masks: np.ndarray | None


def drawing(
    source: Store,
    linked: Store,
    generator: generators.Generator,
    model: models.Model,
    device: str = "cpu",
    dtype: str = "float32",
    threads: int | None = None,
    segmenter: str = "",
    say: Callable[[str], None] = print,
) -> Drawing:
    """Check that the networks are those of the link and of the samples.

    Parameters
    ----------
    source, linked : Store
        Of the samples, and of the link; they may be one.
    segmenter : str
        What finds the parts of pictures; none where it is empty.

    Raises
    ------
    GradtoolsError
    """
    passes.use_threads(threads)
    link = links.read(linked)
    for holder in (source, linked):
        if holder.model.get("weights_sha256") != model.weights_sha256:
            raise GradtoolsError(
                f"{holder.name} was made with another network than {model.spec} with these weights: samples and link are of one network"
            )
    if link.generator_sha256 != generator.sha256:
        raise GradtoolsError(
            f"{linked.name} is a link of another generator than {generator.spec}: it was made with {link.generator}"
        )
    generator = generators.latents.at(generator, link.tap, link.psi)
    classifier = generators.Classifier.of(model, generator.example(link.psi), device, dtype)
    finder = segmenting.find(segmenter, generator, say) if segmenter else None
    return Drawing(link, generator, classifier, linked.digests(), finder)
