"""Random images of a store run through its model again: files, weights, outputs and features compared."""

import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradtools import interrupt, store
from gradtools.errors import UsageError
from gradtools.images import archives
from gradtools.selection import images
from gradtools.selection.differences import Difference
from gradtools.selection.samples import originals
from gradtools.stages.run import Progress, Say
from gradtools.store import Store, paths

if TYPE_CHECKING:
    from gradtools.network.models import Model

TOLERANCE = 1e-4  # of the largest value of a row, in float32 and another batch
KINDS = ("gradient", "activation", "contribution", "active_share")
ASKED = ("target", "score", "temperature", "batch_size")


def number_of(share: str, count: int) -> int:
    """Return how many of so many images `1%` or `20` are, at least one.

    Raises
    ------
    UsageError
        It is neither a percentage nor a number.
    """
    try:
        number = float(share.removesuffix("%"))
    except ValueError:
        number = -1.0
    if number <= 0:
        raise UsageError(f"--rerun {share}: write a share of the images as in 1%, or a number")
    wanted = number * count / 100 if share.endswith("%") else number
    return min(count, max(1, round(wanted)))


def rerun(
    paths_of_stores: Sequence[str],
    share: str,
    images_dir: str | None = None,
    seed: int = 0,
    *,
    say: Say = print,
    progress: Progress = interrupt.unwatched,
) -> tuple[int, list[Difference]]:
    """Run random images of every store of features again.

    Returns
    -------
    count : int
        Images that were run.
    list of Difference

    Raises
    ------
    UsageError
        No store holds features.
    """
    count, having = 0, 0
    differences: list[Difference] = []
    for path in paths_of_stores:
        with store.read(path) as source:
            if source.kind != "features" or source.unit != "image" or not source.taps:
                continue
            having += 1
            chosen = _chosen(source, share, seed)
            say(f"{path}: {len(chosen)} images again")
            differences += _of_store(source, path, chosen, images_dir, progress)
            count += len(chosen)
    if not having:
        raise UsageError("--rerun needs the stores that gradtools extract made: give them as well")
    return count, differences


def _chosen(source: Store, share: str, seed: int) -> np.ndarray:
    """Rows of random images, in order."""
    rows = np.flatnonzero(originals(source))
    drawn = np.random.default_rng(seed).permutation(rows)[: number_of(share, len(rows))]
    return np.sort(drawn)


def _of_store(
    source: Store,
    path: str,
    chosen: np.ndarray,
    images_dir: str | None,
    progress: Progress,
) -> Iterator[Difference]:
    """Compare the chosen images of a store."""
    changed = list(_changed_files(source, chosen, images_dir))
    yield from changed
    names = {difference.where for difference in changed}
    keep = np.zeros(source.n_samples, dtype=bool)
    keep[[row for row in chosen if source.ids[row] not in names]] = True
    model = _model(source)
    if model.weights_sha256 != source.model.get("weights_sha256"):
        yield Difference(
            "weights",
            str(source.model.get("weights")),
            f"their SHA-256 is {model.weights_sha256[:12]}..., {path} was made with {str(source.model.get('weights_sha256'))[:12]}...",
        )
        return
    if keep.any():
        yield from _different_rows(source, path, keep, model, images_dir, progress)


def _changed_files(
    source: Store, chosen: np.ndarray, images_dir: str | None
) -> Iterator[Difference]:
    """Images whose file is missing or is another one."""
    root = os.path.abspath(images_dir or str(source.attributes("/")["root"]))
    digests = source.needed(paths.DIGEST)
    for row in chosen:
        where = os.path.join(root, source.ids[row])
        if not archives.exists(where):
            yield Difference("image", source.ids[row], f"is not in {root} (--images DIR)")
            continue
        digest = hashlib.sha256(archives.read_bytes(where)).digest()
        if digest != digests[row].tobytes():
            yield Difference("image", source.ids[row], "is another file than the one that was read")


def _model(source: Store) -> "Model":
    """The network of a store, with the preprocessing that its images went through."""
    from gradtools.network import models

    facts = source.model
    model = models.load(facts["model"], facts["weights"], without_images=True)
    try:
        rules = json.loads(facts.get("preprocess", ""))
    except ValueError:
        return model  # the model's own code
    return dataclasses.replace(model, preprocess=rules) if isinstance(rules, dict) else model


def _different_rows(
    source: Store,
    path: str,
    keep: np.ndarray,
    model: "Model",
    images_dir: str | None,
    progress: Progress,
) -> Iterator[Difference]:
    """Compare what the network gives now with the stored rows."""
    from gradtools.stages import extract

    facts = source.model
    options = extract.Options(
        tap=tuple(source.taps), **{key: facts[key] for key in ASKED if key in facts}
    )
    listed = images.found_again(source, keep, images_dir)
    with tempfile.TemporaryDirectory() as folder:
        again = os.path.join(folder, "again.h5")
        extract.extract(listed, model, again, options, say=_nothing, progress=progress)
        with store.read(again) as made:
            for dataset in _datasets(source):
                yield from _compared(source, made, path, dataset, np.flatnonzero(keep))


def _nothing(line: str) -> None:
    """What a pass says was said when the store was made."""


def _datasets(source: Store) -> list[str]:
    known = [paths.LOGITS, *(paths.tap(tap, kind) for tap in source.taps for kind in KINDS)]
    return [name for name in known if source.rows(name) is not None]


def _compared(
    source: Store, made: Store, path: str, dataset: str, rows: np.ndarray
) -> Iterator[Difference]:
    """Rows of one dataset that are not what the network gives."""
    stored, now = source.needed_rows(dataset), made.rows(dataset)
    if now is None:
        return
    for place, row in enumerate(rows):
        before = stored.read(row, row + 1)[0].astype(np.float64)
        after = now.read(place, place + 1)[0].astype(np.float64)
        largest = max(float(np.abs(after).max(initial=0)), 1e-30)
        apart = float(np.abs(before - after).max(initial=0)) / largest
        if not apart <= TOLERANCE:
            yield Difference(
                "row",
                f"{path}: {dataset} of {source.ids[row]}",
                f"differs from what the network gives by {apart:.1e} of its largest value",
            )
