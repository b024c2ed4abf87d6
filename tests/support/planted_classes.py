"""Stores of classes whose rows grow from a planted tree."""

import numpy as np

from gradtools import store

NAMES = [
    "crane (0)",
    "crane (1)",
    "it's, [a]: maillot",
    "maillot (b)",
    *(f"class {index}" for index in range(4, 24)),
]


def write_classes(path, rows, names=NAMES):
    """A store of classes with these rows of weights."""
    count = len(rows)
    with store.create(str(path), "classes", force=True) as sink:
        sink.attributes("/samples", unit="class")
        sink.put("/samples/id", list(names[:count]), ["/sample"], "class")
        sink.put("/samples/label", np.full(count, -1, "i4"), ["/sample"], "label")
        sink.put("/outputs/predicted", np.arange(count, dtype="i4"), ["/sample"], "the class")
        sink.put(
            "/model/class_name",
            [name.removesuffix(" (0)").removesuffix(" (1)") for name in names[:count]],
            ["/class"],
            "name",
        )
        sink.put("/model/weight", rows.astype("f8"), ["/class", "/embedding"], "row")
        sink.attributes("/model", model="planted", weights_sha256="0" * 64)
        sink.history([], {"command": "planted", "started": "2026-01-01", "seconds": 0})
    return str(path)


def planted(seed=0, dimension=400):
    """24 vectors, each the sum of those of its nodes: 3 branches of 2 twigs of 4 leaves; and the two partitions."""
    random = np.random.default_rng(seed)
    leaf = np.arange(24)
    branch, twig = leaf // 8, leaf // 4
    rows = (
        3 * random.normal(size=(3, dimension))[branch]
        + 2 * random.normal(size=(6, dimension))[twig]
        + random.normal(size=(24, dimension))
    )
    return rows, branch, twig
