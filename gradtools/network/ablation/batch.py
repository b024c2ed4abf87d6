"""The channels of one batch of images, measured: one forward and one backward pass, then the tail for every change of a tap's map."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from gradtools.math.channels import channel_values, deletion
from gradtools.network import passes, scores, taps
from gradtools.network.ablation import kernels, subsets
from gradtools.network.passes import array
from gradtools.store import paths

if TYPE_CHECKING:
    from gradtools.network.ablation.plan import Place, Plan
    from gradtools.network.passes.plan import Job
    from gradtools.network.scores import Target
    from gradtools.network.taps.tail import Trunk

TOLERANCE = 1e-4  # of the score: float32 rounding of a whole sum


def run_batch(
    plan: Plan, pixels: np.ndarray, labels: np.ndarray, numbers: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the outputs, reductions and measured effects of a batch of images.

    Parameters
    ----------
    plan : plan.Plan
    pixels : (B, 3, H, W) u8 or float array
    labels, numbers : (B,) int arrays
        Random channels are drawn by an image's number, however the images are cut into batches.

    Returns
    -------
    dict of str to (B, ...) array, by path in the store
    """
    job, x = plan.job, passes.inputs(pixels, plan.job)
    with contextlib.ExitStack() as stack:
        trunks = [stack.enter_context(taps.tail.recorded(place.tail, x)) for place in plan.places]
        read = stack.enter_context(kernels.inputs(job.network, plan.places))
        logits, tapped, cosine = passes.forward(job, x, plan.every_tap)
    score, classes = _score(job, logits, job.known_target, labels, cosine)
    gradients = taps.gradients(
        score, {place.tap.name: tapped[place.tap.name] for place in plan.places}, retain=bool(read)
    )
    values = passes.outputs(job, logits) | {
        paths.TARGET: array(classes, "i4"),
        paths.SCORE: array(score),
    }
    if read:
        values |= kernels.norms(plan.places, job, logits, classes, tapped, read)
    for place, trunk in zip(plan.places, trunks):
        name = place.tap.name
        maps, slopes = (
            taps.to_chw(tensor.detach(), place.tap)[0] for tensor in (tapped[name], gradients[name])
        )
        reduced = {
            key: array(column)
            for key, column in passes.reductions.over_positions(maps, slopes).items()
        }
        asked = [
            _asking(job, place, trunk, image, int(labels[image]), int(classes[image]))
            for image in range(len(x))
        ]
        rows = [
            _image(
                plan,
                place,
                asked[image],
                tapped[name][image : image + 1].detach(),
                slopes[image : image + 1],
                {key: part[image : image + 1] for key, part in reduced.items()},
                int(numbers[image]),
            )
            for image in range(len(x))
        ]
        values |= {paths.tap(name, key): part for key, part in reduced.items()}
        values |= {paths.tap(name, key): np.stack([row[key] for row in rows]) for key in rows[0]}
    return values


def _score(
    job: Job,
    logits: torch.Tensor,
    target: Target,
    label: np.ndarray | None,
    cosine: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    return scores.score(
        logits / job.options.temperature,
        target,
        job.options.score,
        label=label,
        member=job.member,
        cosine=cosine,
    )


def _asking(
    job: Job, place: Place, trunk: Trunk, image: int, label: int, about: int
) -> Callable[[torch.Tensor], tuple[np.ndarray, np.ndarray]]:
    """Return a function that asks the tail: score (M,) float64 of the image's own class and answer (M,), of M activations."""
    target = (
        scores.Target("class", about) if job.known_target.kind == "argmax" else job.known_target
    )

    @torch.no_grad()
    def ask(activations: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        count = len(activations)
        logits, cosine = passes.with_cosine(
            job, lambda: taps.tail.run(place.tail, trunk, image, activations)
        )
        score, _ = _score(job, logits, target, np.full(count, label), cosine)
        return array(score, "f8"), array(logits.argmax(1), "i8")

    return ask


def _image(
    plan: Plan,
    place: Place,
    ask: Callable[[torch.Tensor], tuple[np.ndarray, np.ndarray]],
    activation: torch.Tensor,
    slopes: torch.Tensor,
    reduced: Mapping[str, np.ndarray],
    number: int,
) -> dict[str, np.ndarray]:
    """Return everything measured of one image at one tap, by dataset."""
    maps, _ = taps.to_chw(activation, place.tap)
    values = {}
    for name, fill in _fills(plan.job.options.ablate, reduced, place).items():
        drop = (
            _by_contribution(name, fill, slopes, reduced["contribution"][0])
            if place.linear
            else without_each(ask, activation, place, fill)
        )
        values[f"ablation_{name}"] = drop.astype("f4")
    members = subsets.choose(plan.subsets, maps, slopes, number, plan.job.options.seed)
    order = _orders(plan, reduced, number)
    gone = deletion.taken(order, place.counts).reshape(-1, maps.shape[1])
    score, answer = with_only(
        ask,
        activation,
        place,
        np.concatenate([np.ones((1, maps.shape[1]), bool), members, ~members, ~gone, gone]),
    )
    values |= subsets.measured(members, reduced["contribution"][0], score, answer)
    if len(order):
        shape = 2, len(order), len(place.counts)
        values["deletion"], values["insertion"] = (
            score[1 + 2 * len(members) :].reshape(shape).astype("f4")
        )
    return values


def _fills(
    names: Sequence[str], reduced: Mapping[str, np.ndarray], place: Place
) -> dict[str, np.ndarray]:
    """Return what each channel is filled with, (C,) by name of the fill."""
    every = {
        "zero": np.zeros(place.tap.channels),
        "mean": reduced["activation"][0].astype("f8"),
        "dataset": place.dataset_mean,
    }
    return {name: every[name] for name in names}


def _by_contribution(
    name: str, fill: np.ndarray, slopes: torch.Tensor, contribution: np.ndarray
) -> np.ndarray:
    """Return what the score loses where it is linear in the map with one slope a channel, (C,): sum G (A - fill)."""
    if name == "mean":
        return np.zeros_like(contribution)
    return contribution - fill * slopes.sum((2, 3), dtype=torch.float64)[0].cpu().numpy()


def _orders(plan: Plan, reduced: Mapping[str, np.ndarray], number: int) -> np.ndarray:
    """Return the channels in the order of every ranking, (R, C)."""
    inputs = {
        name: reduced[name].astype("f8") for name in ("gradient", "activation", "contribution")
    }
    values = {name: rule(**inputs)[0] for name, rule in channel_values.RANKINGS.items()}
    values["random"] = channel_values.random_values(
        np.array([number]), len(inputs["gradient"][0]), plan.job.options.seed
    )[0]
    return (
        channel_values.order(np.stack([values[name] for name in plan.rankings]))
        if plan.rankings
        else np.empty((0, len(values["random"])), int)
    )


def without_each(
    ask: Callable, activation: torch.Tensor, place: Place, fill: np.ndarray
) -> np.ndarray:
    """Return how much the score falls when one channel's map is replaced, for every channel.

    Parameters
    ----------
    ask : callable
        Activations (M, ...) to scores and answers (M,).
    activation : (1, ...) tensor
        In the tap's own layout.
    place : plan.Place
    fill : (C,) array
        The value in place of each channel.

    Returns
    -------
    (C,) float64 array, s(A) - s(A with channel k filled); exactly 0 where the map is the fill already.

    References
    ----------
    mathematics#ablation
    """
    maps, _ = taps.to_chw(activation, place.tap)
    filling = torch.as_tensor(fill).to(maps)
    drop = np.zeros(len(filling))
    for part in (
        maps[0]
        .ne(filling[:, None, None])
        .flatten(1)
        .any(1)
        .nonzero()[:, 0]
        .split(place.tail.copies)
    ):
        rows = torch.cat(
            [activation] * (len(part) + 1)
        )  # the last as it is, in the same batch: equal maps then have equal scores
        changed, _ = taps.to_chw(rows, place.tap)
        changed[torch.arange(len(part)), part] = filling[part][:, None, None].expand(
            -1, *changed.shape[2:]
        )
        score, _ = ask(rows)
        drop[part.cpu().numpy()] = score[-1] - score[:-1]
    return drop


def with_only(
    ask: Callable, activation: torch.Tensor, place: Place, stay: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the score and answer when only some channels stay and the others are zero.

    Parameters
    ----------
    stay : (R, C) bool array

    Returns
    -------
    score : (R,) float64 array
    answer : (R,) int64 array
    """
    maps, _ = taps.to_chw(activation, place.tap)
    empty = ~(maps[0] != 0).flatten(1).any(1).cpu().numpy()
    different, place_of = np.unique(
        np.packbits(stay | empty, axis=1), axis=0, return_inverse=True
    )  # what is zero already can stay
    different = np.unpackbits(different, axis=1, count=stay.shape[1]).astype(bool)
    answers = [
        ask(_masked(activation, part, place))
        for part in np.array_split(different, -(-len(different) // place.tail.copies))
    ]
    score, answer = (np.concatenate(parts) for parts in zip(*answers))
    return score[place_of.reshape(-1)], answer[place_of.reshape(-1)]


def _masked(activation: torch.Tensor, stay: np.ndarray, place: Place) -> torch.Tensor:
    """Return the copies of an activation (1, ...) with some channels set to zero, (M, ...)."""
    rows = torch.cat([activation] * len(stay))
    maps, _ = taps.to_chw(rows, place.tap)
    maps.mul_(torch.as_tensor(stay, device=maps.device)[:, :, None, None])
    return rows


def is_linear(job: passes.Job, place: Place, example: torch.Tensor) -> bool:
    """Return True if on an image half of the channels contribute what the score loses without them."""
    with taps.tail.recorded(place.tail, example) as trunk:
        logits, tapped, cosine = passes.forward(job, example, [place.tap])
    score, about = _score(job, logits, job.known_target, None, cosine)
    gradients = taps.gradients(score, tapped)
    activation = tapped[place.tap.name].detach()
    maps, slopes = (
        taps.to_chw(tensor.detach(), place.tap)[0]
        for tensor in (activation, gradients[place.tap.name])
    )
    stay = np.arange(maps.shape[1]) % 2 == 0
    lost, _ = _asking(job, place, trunk, 0, -1, int(about))(
        _masked(activation, np.stack([np.ones_like(stay), stay]), place)
    )
    expected = (slopes * maps).sum((2, 3), dtype=torch.float64)[0].cpu().numpy()[~stay].sum()
    return abs(lost[0] - lost[1] - expected) <= TOLERANCE * np.abs(lost).max()
