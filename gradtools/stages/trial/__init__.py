"""Networks whose right answer is known -> how right every method is, and which measure would have said so.

For each construction the truth of every image is an exact Shapley value. Every saliency method and control is scored
against it; then every measure that users have without a truth is computed on the same maps, and its ranking of the
methods is held against the truth's.
"""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gradtools import images, store
from gradtools.errors import GradtoolsError, UsageError, suggest
from gradtools.math.pairs.bootstrap import RESAMPLING
from gradtools.network import passes
from gradtools.network.models import Model
from gradtools.selection.results import Result
from gradtools.stages import run
from gradtools.stages.trial import constructions, measures, methods, summary
from gradtools.store import paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

NAMES = tuple(constructions.CONSTRUCTIONS)
LEAST = 8  # images: a hold-out for the threshold, and something to resample


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values.

    Attributes
    ----------
    construction : one of NAMES
    samples : int
        Images.
    steps : int
        Of deletion and insertion curves.
    resamples, seed : int
    """

    construction: str
    samples: int = 48
    steps: int = 16
    resamples: int = 1000
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Trial:
    """Everything that a trial gave.

    Attributes
    ----------
    scenes : constructions.Scenes
    model : Model
    ids : list of str
    truth : (N, 32, 32) float64 array
    maps : dict of str to (N, 32, 32) array
    values : (N, methods, measures) float64 array
        In the order of `maps` and `summary.VALUES`.
    results : (Result, Result)
        Of the methods, and of the measures.
    """

    scenes: constructions.Scenes
    model: Model
    ids: list[str]
    truth: np.ndarray
    maps: dict[str, np.ndarray]
    values: np.ndarray
    results: tuple[Result, Result]


def compute(options: Options, folder: str, this: run.Run) -> Trial:
    """Draw the images, make every map and take every measure.

    Parameters
    ----------
    folder : str
        Where the images are written.

    Raises
    ------
    UsageError
        There is no such construction, or there are too few images.
    """
    if options.construction not in NAMES:
        raise UsageError(
            f"no construction {options.construction!r}; {suggest(options.construction, NAMES)}"
        )
    if options.samples < LEAST:
        raise UsageError(f"--samples {options.samples}: take at least {LEAST}")
    construction = constructions.CONSTRUCTIONS[options.construction]
    scenes = construction.scenes(options.samples, options.seed)
    _refuse_other_files(scenes, folder, this.force)
    constructions.write(scenes, folder)
    listed = images.list_images([folder])
    if len(listed.ids) != options.samples:
        raise GradtoolsError(
            f"{folder} holds {len(listed.ids)} images, {options.samples} of them of this trial: "
            "name another folder"
        )
    model = methods.load(construction)
    target, rolled = scenes.target, (scenes.target + 1) % construction.classes
    truth, other = (construction.truth(scenes.pixels / 255, about) for about in (target, rolled))
    made = methods.make(construction, scenes, listed, model, truth, options.seed)
    changed = methods.make(
        construction, scenes, listed, methods.rows_rolled(model), other, options.seed
    )
    values = measures.against_truth(made, truth)
    with this.progress(len(measures.FILLS) + 1, 0, "measures") as advance:
        for fill in measures.FILLS:
            values |= measures.of_masks(made, scenes, fill, options.steps, options.seed)
            advance(1)
        values |= measures.of_regions(made, scenes, options.seed)
        values[measures.SANITY] = measures.of_sanity(made, changed)
        values |= measures.of_nothing(made, options.seed)
        advance(1)
    every = list(made.maps)
    facts: summary.Facts = {
        "images": options.samples,
        "steps": options.steps,
        "resamples": options.resamples,
        "resampling": RESAMPLING,
        "seed": options.seed,
    }
    cube = summary.cube(values, every)
    results = summary.summarise(options.construction, cube, every, facts)
    return Trial(scenes, model, listed.ids, truth, made.maps, cube, results)


def trial(
    output: str, options: Options, folder: str | None = None, **how: "Unpack[run.How]"
) -> Trial:
    """Try methods and measures on one construction, and write what each image gave.

    Parameters
    ----------
    output : str
        Path of the store, or '-'.
    options : Options
    folder : str, optional
        Where the images and their masks are kept; what it holds must be of this very trial, unless `force`.
    how
        Fields of `run.Run`.

    Raises
    ------
    UsageError, GradtoolsError
    """
    this = run.begin(output, **how)
    passes.use_threads(this.threads)
    with _folder(folder) as where:
        made = compute(options, where, this)
    with store.create(output, "trial", force=this.force, root=folder or "") as sink:
        _write(sink, options.construction, made)
        this.note(
            sink, seed=options.seed, **run.of_images(np.zeros(len(made.ids), bool), made.model)
        )
    return made


@contextlib.contextmanager
def _folder(folder: str | None) -> Iterator[str]:
    """Yield the folder of the images: the one named, or one that goes again."""
    if folder is None:
        with tempfile.TemporaryDirectory() as made:
            yield os.path.join(made, "images")
        return
    yield folder


def _refuse_other_files(scenes: constructions.Scenes, folder: str, force: bool) -> None:
    """Refuse a folder with files that are not this trial's; what a killed run of it has left is written anew."""
    others = [] if force else constructions.strange(scenes, folder)
    if others:
        raise GradtoolsError(
            f"{folder} is not empty: {len(others)} of its files are not of this trial, first {others[0]}: "
            "name another folder, or replace with --force"
        )


def _write(sink: store.Sink, name: str, made: Trial) -> None:
    """Write the images' names and classes, the network, the truth, and every value."""
    sink.put(paths.ID, list(made.ids))
    sink.put(paths.LABEL, made.scenes.target.astype("i4"))
    sink.put(paths.CLASS_NAME, [f"class{label}" for label in range(made.scenes.target.max() + 1)])
    sink.attributes(
        paths.MODEL,
        model=made.model.spec,
        weights=str(made.model.weights),
        weights_sha256=made.model.weights_sha256,
        target="label",
        score="logit",
    )
    sink.put(paths.trial(name, "truth"), made.truth.astype("f4"))
    sink.put(paths.trial(name, "method"), list(made.maps))
    sink.put(paths.trial(name, "measure"), list(summary.VALUES))
    sink.put(paths.trial(name, "value"), made.values)
    for result in made.results:
        result.write(sink)
