"""What draws the rows that the head reads: a link, its generator and its classifier."""

import dataclasses

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.network import generators, models, passes
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
    """

    link: links.Link
    generator: generators.Generator
    classifier: generators.Classifier
    digests: dict[str, str]

    def draw(self, r: np.ndarray, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the pictures (N, C, H, W) in 0..1 of rows (N, D), and the classifier's logits of them."""
        pictures = self.generator.render(self.link.latent(r), batch_size)
        return pictures.cpu().numpy(), self.classifier.encode(pictures, batch_size)[1]


def drawing(
    source: Store,
    linked: Store,
    generator: generators.Generator,
    model: models.Model,
    device: str = "cpu",
    dtype: str = "float32",
    threads: int | None = None,
) -> Drawing:
    """Check that the networks are those of the link and of the samples.

    Parameters
    ----------
    source, linked : Store
        Of the samples, and of the link; they may be one.

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
    pictures = generator.synth(generator.draw([0, 1], [0, 0] if generator.n_classes else None))[0]
    classifier = generators.Classifier.of(model, pictures, device, dtype)
    return Drawing(link, generator, classifier, linked.digests())
