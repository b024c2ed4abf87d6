"""What an ablation job does at each tap: its tail, fills, subsets, curves and kernels; found and tried before the first image."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from gradtools import images
from gradtools.errors import GradtoolsError, UsageError
from gradtools.images import ImageList
from gradtools.math.channels import channel_values, deletion
from gradtools.network import passes, scores, taps
from gradtools.network.ablation import batch
from gradtools.network.models import Model
from gradtools.network.saliency import subset
from gradtools.network.taps import Tap, kernels

if TYPE_CHECKING:
    from torch import nn

    from gradtools.network.passes.plan import Job
    from gradtools.network.taps.probing import Verdict
    from gradtools.network.taps.tail import Tail
    from gradtools.network.taps.tracing import Trace

FILLS = ("zero", "mean", "dataset")
TIMED = 16  # copies at once when the cost is measured


@dataclasses.dataclass(frozen=True)
class Options(passes.Options):
    """What decides the values, beside what every pass takes."""

    tap: tuple[str, ...] = ("auto:last-block",)
    # what a channel is replaced by: zero, mean (of its own map), dataset
    ablate: tuple[str, ...] = ("zero", "mean")
    channels: tuple[str, ...] = (
        "all",
        "positive",
        "negative",
        "zero",
        "nearzero",
        "top10",
    )  # subsets, in saliency's grammar
    steps: int = 20  # of the deletion and insertion curves; 0: none
    kernels: bool = True  # norms of the loss's gradient at the kernels
    resamples: int = 1000
    seed: int = 0
    batch_size: int = 8


@dataclasses.dataclass(frozen=True)
class Place:
    """One tap.

    Attributes
    ----------
    tap : taps.Tap
    tail : taps.tail.Tail
    linear : bool
        The score is linear in the tap's map, so a channel's ablation is its contribution: exact and free.
    dataset_mean : (C,) float64 array or None
    counts : (T + 1,) int array
        Channels taken at each step of the curves, empty without curves.
    kernels : tuple of taps.Tap
        Convolutions whose kernels make the channels, one after the other; empty where they are not wanted or not to be had.
    """

    tap: taps.Tap
    tail: taps.tail.Tail
    linear: bool
    dataset_mean: np.ndarray | None
    counts: np.ndarray
    kernels: tuple[Tap, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything the pass needs. `subsets` of channels; `rankings` names whose curves are drawn."""

    job: passes.Job
    places: tuple[Place, ...]
    subsets: tuple[subset.Subset, ...]
    rankings: tuple[str, ...]

    @property
    def every_tap(self) -> list[Tap]:
        """Taps of the one forward pass: the channels' and those of the kernels' convolutions."""
        return list(
            dict.fromkeys(
                [place.tap for place in self.places]
                + [tap for place in self.places for tap in place.kernels]
            )
        )


def make(
    image_list: ImageList,
    model: Model,
    options: Options,
    say: Callable[[str], None] = print,
    member: np.ndarray | None = None,
    dataset_mean: Callable[[str], np.ndarray] | None = None,
) -> Plan:
    """Prepare the ablation that these options (`ablation.Options`) describe.

    Parameters
    ----------
    member : (G, K) u8 array, optional
        Model classes of each data class, where a store has them.
    dataset_mean : callable, optional
        Takes a tap's name, gives the mean activation of its channels over the data, (C,) float64; asked for the fill `dataset` alone.

    Raises
    ------
    UsageError, GradtoolsError
    """
    _check(options)
    subsets = tuple(subset.parse(text) for text in dict.fromkeys(options.channels))
    made = {}

    def choose(trace: "Trace") -> list[Tap]:
        tapped = taps.resolve(trace, list(options.tap))
        if options.kernels:
            made.update({tap: _kernels(model.module, tap, trace, say) for tap in tapped})
        return tapped + [
            kernel for tap in tapped for kernel in made.get(tap, ()) if kernel not in tapped
        ]

    job = passes.prepare(image_list, model, options, say, choose, probed=False, member=member)
    if job.target is None:
        raise UsageError(
            f"{model.spec} has no class head, so no score can fall when a channel goes: channels need a network with classes"
        )
    if job.target.kind in scores.MANY_KINDS + scores.PAIR_KINDS:
        raise UsageError(
            f"--target {options.target}: an ablation is of one score an image: argmax, label, a class or diff:A,B"
        )
    tapped = taps.resolve(job.trace, list(options.tap))
    for tap in tapped:
        for group in subsets:
            if group.kind == "list":
                subset.check(group, tap)
    example = passes.inputs(
        np.array(images.first_readable(image_list, model.preprocess))[None], job
    )
    job = dataclasses.replace(job, taps=tapped, verdicts=_verdicts(job, tapped, example))
    places = tuple(
        _place(
            job,
            tap,
            example,
            made.get(tap, ()),
            dataset_mean(tap.name) if dataset_mean and "dataset" in options.ablate else None,
            say,
        )
        for tap in tapped
    )
    return Plan(job, places, subsets, channel_values.NAMES if options.steps else ())


def _check(options: Options) -> None:
    """Refuse fills that are none, and a score that nothing can be a share of."""
    if options.score == "logprob":
        raise UsageError(
            "--score logprob is never above 0, and subsets and curves are shares of the full score: take logit or prob"
        )
    unknown = [fill for fill in options.ablate if fill not in FILLS]
    if unknown:
        raise UsageError(f"--ablate {unknown[0]}: there are {', '.join(FILLS)}")


def _kernels(
    network: "nn.Module", tap: Tap, trace: "Trace", say: Callable[[str], None]
) -> tuple[Tap, ...]:
    """Return the taps of the convolutions that make a tap's channels; what stands in the way is said."""
    like = next(network.parameters())
    try:
        sources = kernels.find(network, tap, torch.zeros(1, *trace.input_shape[1:]).to(like))
    except GradtoolsError as error:
        say(f"{error}; left out")
        return ()
    if sources.summed:
        say(
            f"{tap.name} is a sum: its channels' kernels are taken from {', '.join(sources.modules)}, which runs last"
        )
    by_name = {
        candidate.name: candidate for candidate in taps.resolve(trace, list(sources.modules))
    }
    return tuple(by_name[name] for name in sources.modules)


def _verdicts(job: "Job", tapped: Sequence[Tap], example: torch.Tensor) -> "dict[str, Verdict]":
    """Return the verdicts of the head probe (`taps.probe`) on the taps; none for scores other than a logit."""
    if job.options.score != "logit" or job.known_target.kind == "diff":
        return {}
    target = job.known_target.index if job.known_target.kind == "class" else None
    return taps.probe(job.network, tapped, example.shape[1:], head=job.model.head, target=target)


def _place(
    job: "Job",
    tap: Tap,
    example: torch.Tensor,
    kernel_taps: tuple[Tap, ...],
    dataset_mean: np.ndarray | None,
    say: Callable[[str], None],
) -> Place:
    """Return the plan of one tap; what its gradients can know is said, and what an ablation costs."""
    tail = taps.tail.prepare(job.network, tap, example)
    verdict = job.verdicts.get(tap.name)
    if verdict is not None and verdict.sentence:
        say(f"{tap.name}: {verdict.sentence}")
    place = Place(
        tap,
        tail,
        False,
        dataset_mean,
        deletion.step_counts(tap.channels, job.options.steps)
        if job.options.steps
        else np.empty(0, int),
        kernel_taps,
    )
    one_logit = job.known_target.kind in (
        "argmax",
        "class",
    )  # a label of several classes has the logarithm of a sum
    constant = verdict is not None and verdict.spatially_constant and verdict.input_independent
    if constant and one_logit and batch.is_linear(job, place, example):
        say(
            f"{tap.name}: the score is linear in this map, so the ablation of a channel is its contribution, exactly and for nothing"
        )
        return dataclasses.replace(place, linear=True)
    channel, whole = _seconds(job, tail, example)
    if tail.short:
        say(
            f"{tap.name}: an ablated channel costs {channel / whole:.3g} of a forward pass ({1000 * channel:.3g} of {1000 * whole:.3g} ms an image)"
        )
    else:
        say(
            f"{tap.name}: the network cannot be started at this tap, so every ablated channel costs a forward pass "
            f"({1000 * channel:.3g} ms); a later --tap, or a whole block, may be faster"
        )
    return place


@torch.no_grad()
def _seconds(job: "Job", tail: "Tail", example: torch.Tensor) -> list[float]:
    """Return the seconds an image of the tail, and of the whole network in a batch as large; the best of two."""
    copies = min(tail.copies, TIMED)
    with taps.tail.recorded(tail, example) as trunk:
        _, tapped = taps.forward(job.network, example, [tail.tap])
    several = torch.cat([example] * copies)
    rows = torch.cat([tapped[tail.tap.name].detach()] * copies)
    runs = (lambda: taps.tail.run(tail, trunk, 0, rows.clone()), lambda: job.network(several))
    return [min(_timed(run) for _ in range(2)) / copies for run in runs]


def _timed(run: Callable[[], torch.Tensor]) -> float:
    begun = time.perf_counter()
    run().cpu()  # waits for a device
    return time.perf_counter() - begun
