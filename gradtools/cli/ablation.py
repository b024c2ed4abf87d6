"""The measured half of `gradtools channels`: the options of --ablate, and its run."""

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gradtools.cli import networks, options, passes, streams
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError

if TYPE_CHECKING:
    from gradtools.selection.results import Result
    from gradtools.store.reading import Store


@dataclasses.dataclass(frozen=True)
class Ablation:
    """What is measured of each channel."""

    ablate: tuple[str, ...]
    channels: tuple[str, ...]
    steps: int
    kernels: bool
    target: str | None


ablation = options.record(
    "ablation",
    Ablation,
    click.option(
        "--ablate",
        multiple=True,
        type=click.Choice(["zero", "mean", "dataset"]),
        help="Measure, with --model: run the network without each channel, filled with zero, the mean of its map or of the data (repeat).",
    ),
    click.option(
        "--channels",
        multiple=True,
        default=("all", "positive", "negative", "zero", "nearzero", "top10"),
        metavar="C",
        help="With --ablate: subsets that stay and that go, in the words of saliency --channels (repeat).",
    ),
    click.option(
        "--steps",
        type=click.IntRange(0),
        default=20,
        help="With --ablate: steps of the deletion and insertion curves; 0 for none.",
    ),
    click.option(
        "--kernels/--no-kernels",
        default=True,
        help="With --ablate: the norm of the loss's gradient at the kernel of each channel.",
    ),
    click.option(
        "--target",
        metavar="T",
        help="With --ablate: argmax, label, a class NAME or ID, diff:A,B.  [default: the store's, or argmax]",
    ),
)

OF_A_PASS = [
    field.name
    for record in (Ablation, passes.Score, passes.Compute, passes.Job)
    for field in dataclasses.fields(record)
]
OF_A_STORE = ("by", "of", "top", "ranking", "profiles", "bins", "picture")


def check(ablate: tuple[str, ...], model: str | None) -> None:
    """Refuse options of the other half, and a measurement without a network.

    Raises
    ------
    UsageError
    """
    of_a_pass, of_a_store = options.given(*OF_A_PASS), options.given(*OF_A_STORE)
    if not ablate and of_a_pass:
        raise UsageError(
            f"{of_a_pass[0]} is about measuring: add --ablate zero (with --model), or leave it out"
        )
    if ablate and of_a_store:
        raise UsageError(f"{of_a_store[0]} reads a store: ablate first, then ask it of the output")
    if ablate and model is None:
        raise UsageError("Missing option '--model': --ablate runs the network without each channel")


def check_figure(figure: str | None, steps: int) -> None:
    """Refuse a picture that could not be drawn, before the work for it is done.

    Raises
    ------
    UsageError
    """
    if figure and not steps:
        raise UsageError(
            "--figure draws the deletion and insertion curves, and --steps 0 leaves them out: drop one of the two"
        )
    if figure:
        from gradtools import figures

        figures.check(figure)


def measure(
    console: Console,
    path: str,
    output: str,
    *,
    network: networks.Network,
    ablation: Ablation,
    score: passes.Score,
    compute: passes.Compute,
    job: passes.Job,
    tap: tuple[str, ...],
    where: tuple[str, ...],
    images_dir: str | None,
    carry: bool | None,
    force: bool,
    resamples: int,
    seed: int,
) -> tuple[str, dict[str, "Result"]]:
    """Measure the channels of a store's images, or of images, and write them.

    Returns
    -------
    name : str
        Of the model.
    results : dict of str to Result
        The tables, by their names in the store.
    """
    from gradtools import store

    with contextlib.ExitStack() as stack:
        source, listed = None, None
        scoring: Mapping[str, Any] = {}
        if store.is_store(path):
            source = stack.enter_context(store.read(path))
            scoring = _score_of(source, ablation)
        elif where or images_dir or carry:
            raise UsageError(
                "--where, --images and --carry are about the images of a store: give one, as in gradtools channels photos.h5"
            )
        else:
            listed = passes.Listing().read(console, [path])
        model = network.load(console, listed, source, images_dir)
        from gradtools.selection.subjects import short_name
        from gradtools.stages.channels import ablation as stage

        results = stage.ablate(
            listed,
            model,
            output,
            stage.Options(
                tap=tuple(tap) or ("auto:last-block",),
                ablate=tuple(dict.fromkeys(ablation.ablate)),
                channels=ablation.channels,
                steps=ablation.steps,
                kernels=ablation.kernels,
                resamples=resamples,
                seed=seed,
                **{"target": ablation.target or "argmax", **vars(score), **scoring},
                **vars(compute),
            ),
            source=source,
            where=where,
            images_dir=images_dir,
            carry=source is not None and streams.carried(carry, path, output),
            **job.how(console, force),
        )
    named = {result.path.rpartition("/")[2]: result for result in results}
    return short_name(model.spec), named or _stored(output)


def _stored(path: str) -> dict[str, "Result"]:
    """The tables of a store that only waited for its name, by their names."""
    from gradtools.stages import evaluate

    return {
        name: result
        for subject in evaluate.gather([path])
        for (_, name), result in subject.channels.items()
    }


def _score_of(source: "Store", ablation: Ablation) -> dict[str, Any]:
    """Target, score and temperature of a store's gradients, where they are not on the command line."""
    given = click.get_current_context().get_parameter_source
    defaults = {"target": ablation.target is None}
    defaults |= {name: given(name) is ParameterSource.DEFAULT for name in ("score", "temperature")}
    return {
        name: source.model[name]
        for name, is_default in defaults.items()
        if is_default and name in source.model
    }
