"""What is tuned: the link, its networks, directions, samples, and what finds the parts of pictures."""

import dataclasses
import json
from collections.abc import Callable

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.links import directions, regions
from gradtools.network import generators, models
from gradtools.network.generators import segmenting
from gradtools.selection import links
from gradtools.store import Store


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values.

    Attributes
    ----------
    samples, steps : int
        Held-out samples that every direction is tuned on, and steps over its range.
    units : tuple of int
        By default all.
    svd : int
        Singular vectors of the link.
    segmenter : str
        What finds the parts: auto, generator, threshold, threshold:T, FILE.py:NAME, package.module:NAME.
    fields : bool
        Measure the change field of every pair of first and last step.
    keep : int
        Samples whose pictures are stored.
    level : float
        Share of decoys that a selection may have.
    seed, batch_size : int
    device, dtype : str
    compress : bool
    """

    samples: int = 12
    steps: int = 3
    units: tuple[int, ...] = ()
    svd: int = 8
    segmenter: str = "auto"
    fields: bool = False
    keep: int = 0
    level: float = 0.05
    seed: int = 0
    batch_size: int = 64
    device: str = "cpu"
    dtype: str = "float32"
    compress: bool = False


@dataclasses.dataclass(frozen=True)
class Plan:
    """A tuning to be made.

    Attributes
    ----------
    source : Store
        The link's.
    link : links.Link
    generator : generators.Generator
    classifier : generators.Classifier
    segmenter : segmenting.Segmenter
    rows : (S,) int array
        Held-out pairs that are tuned.
    directions : list of Direction
        Units, singular vectors, then a decoy of each unit.
    options : Options
    """

    source: Store
    link: links.Link
    generator: generators.Generator
    classifier: generators.Classifier
    segmenter: segmenting.Segmenter
    rows: np.ndarray
    directions: list[directions.Direction]
    options: Options

    def classes_of(self, r: np.ndarray) -> np.ndarray | None:
        """Return the generator's classes (N,) that the head answers of r (N, D); None where its latents are pictures without one."""
        if not self.generator.needs_class:
            return None
        return self.link.answered(self.classifier.head(r))

    @property
    def span(self) -> np.ndarray:
        """Range of each unit over all pairs, 1 where it is constant."""
        span = self.link.high - self.link.low
        return np.where(span > 0, span, 1.0)


def make_plan(
    source: Store,
    generator: generators.Generator,
    model: models.Model,
    options: Options,
    say: Callable[[str], None] = print,
) -> Plan:
    """Find what is tuned, and check that the networks are the link's.

    Raises
    ------
    GradtoolsError, UsageError
    """
    regions.require()
    link = links.read(source)
    if source.model.get("weights_sha256") != model.weights_sha256:
        raise GradtoolsError(
            f"{source.name} is a link of another network than {model.spec} with these weights: name the model that it was made with"
        )
    if link.generator_sha256 != generator.sha256:
        raise GradtoolsError(
            f"{source.name} is a link of another generator than {generator.spec}: it was made with {link.generator}"
        )
    width = link.coef.shape[1]
    units = np.array(options.units or range(width))
    if (units < 0).any() or (units >= width).any():
        raise UsageError(f"--unit: the head reads {width} units, numbered from 0")
    units = units[link.high[units] > link.low[units]]
    if not len(units):
        raise UsageError("none of these units varies over the pairs: there is nothing to tune")
    silent = len(options.units or range(width)) - len(units)
    if silent:
        say(f"{silent} units have one value in all pairs: not tuned")
    of_units = directions.of_units(units, link.low, link.high)
    chosen = [
        *of_units,
        *directions.of_link(link.coef, link.r, options.svd),
        *directions.decoys(of_units, link.coef, link.r.std(0), options.seed),
    ]
    rows = links.examples(link, options.samples, options.seed)
    generator = generators.latents.at(generator, link.tap, link.psi)
    pictures = generator.example(link.psi)
    classifier = generators.Classifier.of(model, pictures, options.device, options.dtype)
    segmenter = segmenting.find(options.segmenter, generator, say)
    _say_size(len(chosen), options, generator, say)
    return Plan(source, link, generator, classifier, segmenter, rows, chosen, options)


def _say_size(
    count: int, options: Options, generator: generators.Generator, say: Callable[[str], None]
) -> None:
    """Say before it begins how many pictures will be drawn and what keeping some takes."""
    drawn = count * options.samples * options.steps
    line = f"{count:,} directions x {options.samples} samples x {options.steps} steps: {drawn:,} pictures are drawn"
    if options.keep:
        size = count * options.keep * options.steps * int(np.prod(generator.shape))
        line += f", those of {options.keep} samples are kept: {size / 1e6:,.1f} MB"
    say(line + ("" if options.keep else ", none is kept (--keep N keeps those of N samples)"))


def parts_text(plan: Plan) -> str:
    """Return the names of the parts, as JSON."""
    return json.dumps(list(plan.segmenter.parts))
