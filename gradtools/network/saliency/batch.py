"""Maps of one batch: one forward pass, one backward pass a row for all methods and taps; guided backpropagation has a pass of its own."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch

from gradtools.errors import GradtoolsError
from gradtools.network import passes, taps
from gradtools.network.saliency import methods, pairs, subset, targets
from gradtools.network.saliency.guided import guided_relus
from gradtools.network.saliency.plan import Map, Plan
from gradtools.store import paths

NUMPY = {"float16": "f2", "float32": "f4"}


def run_images(
    plan: Plan, pixels: np.ndarray, classes: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the outputs and maps of a batch of images.

    Parameters
    ----------
    pixels : (B, 3, H, W) u8 or float array
    classes : (B, L) int array
        Labels that the rows are about, where the target is a label.

    Returns
    -------
    dict of str to array
        By path in the store: (B, ...) outputs, (B * rows, ...) maps, image by image.
    """
    job = plan.job
    x = passes.inputs(pixels, job)
    output, tapped, cosine = passes.forward(job, x, plan.taps)
    rows = targets.rows(job, output, cosine, classes)
    values = passes.outputs(job, output) | {
        paths.MAP_TARGET: np.stack(
            [passes.array(about, "i4") for _, about in rows], axis=1
        ).reshape(-1),
        paths.MAP_SCORE: np.stack([passes.array(score) for score, _ in rows], axis=1).reshape(-1),
    }
    values |= _interleaved(
        [
            _maps(plan.maps, tapped, score, number + 1 < len(rows), job)
            for number, (score, _) in enumerate(rows)
        ]
        if plan.maps
        else []
    )
    if plan.guided:
        with guided_relus(job.model.spec):
            output, tapped, cosine = passes.forward(job, x, [plan.guided.tap])
            rows = targets.rows(job, output, cosine, classes)
        values |= _interleaved(
            [
                _maps([plan.guided], tapped, score, number + 1 < len(rows), job)
                for number, (score, _) in enumerate(rows)
            ]
        )
    return values


def run_pairs(plan: Plan, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the maps of a batch of pairs, both images' from one backward pass of the pairs' scores.

    Parameters
    ----------
    pixels : (2 n, 3, H, W) u8 or float array
        The pairs' images in turn: a, b, a, b, ...

    Returns
    -------
    dict of str to array
        By path in the store: (n,) scores, (2 n, ...) maps.
    """
    options = plan.job.options
    x = passes.inputs(pixels, plan.job)
    embedding, tapped, _ = pairs.forward(plan, x)
    score = pairs.score(embedding, options.target)
    values = {
        paths.PAIR_SCORE: passes.array(score),
        paths.MAP_SCORE: np.repeat(passes.array(score), 2),
    }
    if plan.maps:
        values |= _maps(plan.maps, tapped, score, False, plan.job)
    if plan.guided:
        with guided_relus(plan.job.model.spec):
            embedding, tapped, _ = pairs.forward(plan, x, [plan.guided.tap])
            score = pairs.score(embedding, options.target)
        values |= _maps([plan.guided], tapped, score, False, plan.job)
    return values


class Storage(Protocol):
    """Options of how maps are stored."""

    @property
    def dtype(self) -> str:
        """The type that the network computes in."""

    @property
    def map_dtype(self) -> str:
        """The type of the stored maps."""


def _interleaved(rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the values of the rows of each image, (B, ...) each, as those of all rows, image by image: (B * rows, ...)."""
    return (
        {
            path: np.stack([row[path] for row in rows], axis=1).reshape(
                -1, *rows[0][path].shape[1:]
            )
            for path in rows[0]
        }
        if rows
        else {}
    )


def _maps(
    maps: Sequence[Map],
    tapped: Mapping[str, torch.Tensor],
    score: torch.Tensor,
    retain: bool,
    job: passes.Job,
) -> dict[str, np.ndarray]:
    """Return the maps of one row of every image, (B, H, W) each, and what Grad-CAM++ had to leave out."""
    gradients, options = passes.mixed.gradients(job, score, tapped, retain), job.options
    values: dict[str, np.ndarray] = {}
    for tap in dict.fromkeys(spec.tap for spec in maps):
        A, G = (
            taps.to_chw(passes.mixed.whole(tensors[tap.name].detach()), tap)[0]
            for tensors in (tapped, gradients)
        )
        if passes.mixed.kind(job) != "none" and not bool(torch.isfinite(G).all()):
            raise GradtoolsError(
                f"{tap.name} has gradients that --amp {passes.mixed.kind(job)} cannot hold: take bf16, or leave --amp out"
            )
        here = [spec for spec in maps if spec.tap == tap]
        for group in dict.fromkeys(spec.subset for spec in here):
            inside = subset.mask(group, A, G)
            some = (
                (A, G)
                if inside is None
                else (A * inside[:, :, None, None], G * inside[:, :, None, None])
            )
            for spec in here:
                if spec.subset == group:
                    values |= _one_map(spec, *some, score.detach(), options)
    return values


def _one_map(
    spec: Map, A: torch.Tensor, G: torch.Tensor, score: torch.Tensor, options: Storage
) -> dict[str, np.ndarray]:
    """Return the raw map of one method, as it is stored."""
    if spec.method in methods.AT_INPUT:
        return {paths.maps(spec.name): _stored(spec, methods.largest_channel(G), options)}
    if spec.method in methods.AT_TAPS:
        return {paths.maps(spec.name): _stored(spec, methods.AT_TAPS[spec.method](A, G), options)}
    if spec.method == methods.LITERAL:
        maps, undefined = methods.gradcam_plus_plus_literal(
            A, G, score.repeat_interleave(len(A) // len(score))
        )
        counts = {paths.undefined(spec.name): undefined}
    else:
        maps, undefined, near = methods.gradcam_plus_plus(A, G)
        counts = {paths.undefined(spec.name): undefined, paths.near_pole(spec.name): near}
    return {paths.maps(spec.name): _stored(spec, maps, options)} | {
        path: passes.array(count, "i4") for path, count in counts.items()
    }


def _stored(spec: Map, maps: torch.Tensor, options: Storage) -> np.ndarray:
    """Return the maps in the stored type; what that type cannot hold is an error, not an infinity."""
    values = passes.array(maps, "f8" if options.dtype == "float64" else "f4")
    if options.map_dtype == "float16" and np.abs(values).max(initial=0) > np.finfo("f2").max:
        raise GradtoolsError(
            f"{spec.name} has values up to {np.abs(values).max():.3g}, more than --map-dtype float16 holds: take float32"
        )
    return values.astype(NUMPY[options.map_dtype])
