"""Trees, neighbours and ablated channels against the libraries or the plain way, in turns."""

import numpy as np
from measure import size


def relations(turns):
    """The lines; `turns(own, other, repeats)` gives median, least and most of the other side's time / ours."""
    yield from _trees(turns)
    yield *_neighbours(turns), 0.95
    yield *_ablation(turns), 1


def _trees(turns):
    """Linkage alone; then with the leaves in optimal order, which scipy's are not always."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import pdist

    from gradtools.math import trees
    from gradtools.math.rows import class_rows

    rows = class_rows.normalised(
        np.random.default_rng(0).standard_normal((size(1000, 40), 2048)), "post"
    )
    condensed = pdist(rows)
    yield (
        "Ward's linkage of 1,000 classes / scipy",
        turns(lambda: trees.linkage(condensed, order="none"), lambda: linkage(condensed, "ward")),
        0.95,
    )
    yield (
        "the same from 1,000 x 2,048 rows to optimal leaf order / scipy",
        turns(
            lambda: trees.linkage(trees.distances(rows)),
            lambda: linkage(pdist(rows), "ward", optimal_ordering=True),
            3,
        ),
        0.95,
    )


def _neighbours(turns):
    """The 25 nearest of 5,000 rows."""
    from sklearn.neighbors import NearestNeighbors

    from gradtools.math.rows import nearest, vectors

    x = np.random.default_rng(1).standard_normal((size(5000, 100), 512)).astype("f4")

    def own():
        rows, degenerate = vectors.prepared_rows(x, "cosine")
        numbers = np.arange(len(rows))
        for start in range(0, len(rows), 500):
            part = slice(start, start + 500)
            nearest.nearest(rows[part], numbers[part], [(rows, numbers, degenerate)], 25, "cosine")

    def other():
        NearestNeighbors(n_neighbors=26, metric="cosine", algorithm="brute").fit(
            x.astype("f8")
        ).kneighbors()

    return "25 nearest of 5,000 x 512 by cosine / scikit-learn, both in float64", turns(
        own, other, 3
    )


def _ablation(turns):
    """64 channels of one image set to zero: from the tap onward against whole forward passes with the tap's output replaced."""
    import dataclasses

    import torch

    from gradtools.network import models, taps

    network, x = models.load("resnet50", "random").module, torch.randn(1, 3, 224, 224)
    (tap,) = taps.resolve(taps.trace(network, x), ["layer3"])
    tail = taps.tail.prepare(network, tap, x)
    with torch.no_grad(), taps.tail.recorded(tail, x) as trunk:
        activation = taps.forward(network, x, [tap])[1]["layer3"].detach()
    ablated = activation.repeat(64, 1, 1, 1)
    ablated[torch.arange(64), torch.arange(64)] = 0
    whole = dataclasses.replace(tail, short=False, earlier=())

    def run(side, trunk):
        for start in range(0, size(64, 16), 16):
            taps.tail.run(side, trunk, 0, ablated[start : start + 16].clone())

    return (
        "64 ablated channels of resnet50's layer3 / whole forward passes",
        turns(lambda: run(tail, trunk), lambda: run(whole, taps.tail.Trunk(x, {})), 3),
    )
