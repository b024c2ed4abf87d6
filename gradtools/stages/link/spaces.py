"""Feasibility: whether W and R have the same order of samples, over repetitions of random classes and samples."""

import numpy as np

from gradtools import store
from gradtools.math.links import feasibility
from gradtools.selection.results import Facts, Result
from gradtools.stages.link.plan import Plan
from gradtools.store import paths

PERMUTATIONS = 200  # of Mantel's test, of the first repetition


def results(plan: Plan, part: store.Part) -> list[Result]:
    """Return the statistics of all repetitions: mean and spread, and Mantel's p of the first."""
    options = plan.options
    kept = ~part.unreadable[: plan.entries]
    w, r, labels = (
        part.values(path)[kept] for path in (paths.LINK_W, paths.EMBEDDING, paths.LABEL)
    )
    values, chosen = [], np.zeros(0, int)
    for repeat in range(options.repeats):
        rng = np.random.default_rng([options.seed, 3, repeat])
        rows = feasibility.draw(labels, options.classes, options.examples, rng)
        if len(rows) < 4:
            break
        chosen = rows if repeat == 0 else chosen
        values.append(feasibility.repetition(w[rows], r[rows], labels[rows], options.seed + repeat))
    if not values:
        return []
    table = np.stack(values)
    everywhere, inside = feasibility.mantel(
        w[chosen], r[chosen], labels[chosen], PERMUTATIONS, options.seed
    )
    facts: Facts = {
        "repetitions": len(values),
        "drawn_classes": len(np.unique(labels[chosen])),
        "rows": len(chosen),
        "permutations": PERMUTATIONS,
        "p_distance": everywhere,
        "p_within": inside,
        "seed": options.seed,
    }
    columns = {
        "statistic": list(feasibility.NAMES),
        "value": table.mean(0),
        "spread": table.std(0, ddof=1) if len(table) > 1 else np.full(table.shape[1], np.nan),
        "repeats": np.full(table.shape[1], len(table), "i8"),
    }
    title = "whether latents and what the head reads have the same order"
    return [Result(paths.link("feasibility"), "link", "", "feasibility", columns, facts, title)]
