"""Every picture that a store of a link, a tuning or moves can fill, one after the other, for a page of all of them."""

import os
from collections.abc import Iterator

from gradtools.errors import GradtoolsError
from gradtools.figures import counterfactuals, cycles, populations, strips
from gradtools.selection import counterfactuals as stored_moves
from gradtools.selection import populations as label_vectors
from gradtools.selection import results, tunings
from gradtools.store import Store, paths

SHOWN = 8  # units of a strip


def linked_pictures(source: Store, path: str) -> Iterator[str]:
    """Draw the pictures of an open store into a file, each in the place of the one before, and yield the caption of each.

    Parameters
    ----------
    source : Store
    path : str
        PNG that the caller takes before it asks for the next.
    """
    name = os.path.basename(source.name)
    if source.values(paths.LINK_PICTURE) is not None:
        tables = source.tree(paths.LINK_TABLES)
        made = [results.read(source, paths.link(kind), "link", method=kind) for kind in tables]
        cycles.cycled_pictures(source, made, path)
        yield f"{name}: samples, and what comes back of them through the link and its controls"
    if source.values(paths.tuning("metric")) is not None:
        yield from _tuning(source, path, name)
    if source.values(paths.counterfactual("sample")) is not None:
        yield from _moves(source, path, name)


def _tuning(source: Store, path: str, name: str) -> Iterator[str]:
    """Draw the strongest units of the part with the largest effect, and the population where there is one."""
    tuning = tunings.read(source)
    if tuning.picture is not None:
        effects = {part: tunings.top(tuning, part, "area", SHOWN) for part in tuning.parts[1:]}
        part = max(effects, key=lambda one: abs(effects[one][0]["effect"]))
        strips.unit_strips(tuning, effects[part], path, part, "area", source.class_names)
        yield f"{name}: units that change the area of {part} most, over their range"
    try:
        units = label_vectors.of_tuning(tuning, "area")
    except GradtoolsError:  # one part, or too few units
        return
    populations.label_heat(units, path)
    yield f"{name}: what every unit changes in each part, beside random directions"
    populations.sparsity_curves(units, source.class_names, path)
    yield f"{name}: in how few parts units change the area, beside random directions"


def _moves(source: Store, path: str, name: str) -> Iterator[str]:
    """Draw the strips that are kept, the curves that were measured, and pairs of classes."""
    moves = stored_moves.read(source)
    pairs = results.read(source, paths.counterfactual("pairs"), "counterfactual", method="pairs")
    for picture, caption in (
        ("strips", "least moves to other classes as pictures"),
        ("curves", "the area of each part on the way"),
        ("heat", "least moves by pair of classes, beside random moves"),
    ):
        try:
            counterfactuals.least_moves(moves, [pairs], path, picture)
        except GradtoolsError:  # no pictures are kept, or no parts were measured
            continue
        yield f"{name}: {caption}"
