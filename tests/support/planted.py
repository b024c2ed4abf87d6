"""Stores with planted features, and what they must give by loops over pairs in float64."""

import dataclasses
import itertools
import math
import os

import numpy as np

from gradtools import store

KINDS = (
    "same_class_same_prediction",
    "same_class_other_prediction",
    "other_class_same_prediction",
    "other_class_other_prediction",
)


@dataclasses.dataclass(frozen=True)
class Planted:
    """What is written: everything of the samples first dimension n; None is not written."""

    ids: list
    labels: np.ndarray
    predicted: np.ndarray | None
    logits: np.ndarray | None
    class_rows: np.ndarray | None
    taps: dict
    boxes: dict | None = None
    member: np.ndarray | None = None
    model: dict = dataclasses.field(default_factory=lambda: {"target": "argmax"})

    def take(self, rows):
        """The same with these rows alone."""

        def part(array):
            return None if array is None else array[rows]

        ids = [self.ids[i] for i in np.arange(len(self.ids))[rows]]
        taps = {name: array[rows] for name, array in self.taps.items()}
        return dataclasses.replace(
            self,
            ids=ids,
            labels=part(self.labels),
            predicted=part(self.predicted),
            logits=part(self.logits),
            taps=taps,
        )

    def of(self, feature):
        """Rows of a feature in float64."""
        if feature == "logits":
            return self.logits.astype(float)
        if feature == "probabilities":
            return np.array(
                [
                    [math.exp(x) / sum(map(math.exp, row)) for x in row]
                    for row in self.logits.astype(float)
                ]
            )
        if feature == "weight":
            return np.array([self.class_rows[k] for k in self.predicted], float)
        return self.taps[feature].astype(float)


def plant(n=30, n_classes=3, effect=0.6, accuracy=0.7, seed=0):
    """Features that know the prediction and, by `effect`, the class beyond it; gradient@block is the class row alone."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % n_classes).astype("i4")
    predicted = np.where(rng.random(n) < accuracy, labels, rng.integers(n_classes, size=n)).astype(
        "i4"
    )
    width = max(6, n_classes)
    class_rows = rng.standard_normal((n_classes, width)).astype("f4")
    beyond = effect * np.eye(n_classes, width)[labels]
    taps = {
        "gradient@conv": class_rows[predicted] + beyond + 0.3 * rng.standard_normal((n, width)),
        "activation@block": np.abs(
            class_rows[predicted] + 2 * beyond + 0.5 * rng.standard_normal((n, width))
        ),
        "gradient@block": class_rows[predicted] / 4,
    }
    logits = 3 * np.eye(n_classes)[predicted] + beyond[:, :n_classes] + rng.random((n, n_classes))
    return Planted(
        [f"{i:03}.png" for i in range(n)],
        labels,
        predicted,
        logits.astype("f4"),
        class_rows,
        {name: array.astype("f4") for name, array in taps.items()},
    )


def write(path, data, n_classes=3):
    """Write a store of features; returns its path as str."""
    digests = np.frombuffer(
        b"".join(os.fsencode(f"{name:>32}")[-32:] for name in data.ids), "u1"
    ).reshape(len(data.ids), 32)
    with store.create(str(path), "features", force=True) as sink:
        sink.put("/samples/id", data.ids, ["/sample"], "id")
        sink.put("/samples/label", data.labels, ["/sample"], "label")
        sink.put("/samples/digest", digests, ["/sample", "/byte"], "digest")
        for side in ("height", "width"):
            sink.put(f"/samples/{side}", np.full(len(data.ids), 10, "i4"), ["/sample"], side)
        names = ["ant", "bee", "cat", "dog", *(f"class {k}" for k in range(4, n_classes))]
        sink.put("/classes/name", names[:n_classes], ["/label"], "class")
        if data.predicted is not None:
            sink.put("/outputs/predicted", data.predicted, ["/sample"], "predicted")
            member = np.eye(n_classes, dtype="u1") if data.member is None else data.member
            sink.put("/classes/member", member, ["/label", "/class"], "member")
        if data.logits is not None:
            sink.put("/outputs/logits", data.logits, ["/sample", "/class"], "logits")
        if data.class_rows is not None:
            sink.put(
                "/model/weight", data.class_rows, ["/class", "/embedding"], "row of the last layer"
            )
        for name, array in data.taps.items():
            kind, tap = name.split("@")
            sink.put(f"/taps/{tap}/{kind}", array, ["/sample", "channel"], name)
        if data.boxes is not None:
            sink.table("/boxes", data.boxes, "boxes", row="box")
        sink.attributes(
            "/model",
            **{
                "model": "net.py:planted",
                "weights_sha256": "0" * 64,
                "score": "logit",
                "temperature": 1.0,
                **data.model,
            },
        )
        sink.attributes(
            "/taps", order='["conv", "block"]', default_gradient="conv", default_activation="block"
        )
        sink.history([], {"command": "planted", "started": "2026-01-01", "seconds": 0})
    return str(path)


def alike(a, b, metric):
    """One similarity, or distance, of two vectors."""
    if metric == "correlation":
        a, b = a - a.mean(), b - b.mean()
    if metric == "euclidean":
        return math.dist(a, b)
    product = sum(x * y for x, y in zip(a.tolist(), b.tolist()))
    return product if metric == "dot" else product / (math.hypot(*a) * math.hypot(*b))


def scored(rows, classes, predictions, metric, copies=None):
    """Every pair i < j: (similarity, class of both or None, same class, same prediction, weight)."""
    copies = np.ones(len(rows), int) if copies is None else copies
    return [
        (
            alike(rows[i], rows[j], metric),
            classes[i] if classes[i] == classes[j] else None,
            classes[i] == classes[j],
            predictions[i] == predictions[j],
            float(copies[i]) * float(copies[j]),
        )
        for i, j in itertools.combinations(range(len(rows)), 2)
    ]


def mean(pairs):
    """Weighted mean of the pairs' similarity and their number; NaN of none."""
    weight = sum(pair[4] for pair in pairs)
    return (sum(pair[0] * pair[4] for pair in pairs) / weight if weight else np.nan), weight


def auc(pairs, metric):
    """Share of (same class, other class) couples of pairs in which the first is more alike, ties half; and how many pairs."""
    step, sign = (
        (1e-6 if metric in ("cosine", "correlation") else 1e-9),
        (-1 if metric == "euclidean" else 1),
    )
    wins = total = 0
    for within in (pair for pair in pairs if pair[2]):
        for between in (pair for pair in pairs if not pair[2]):
            first, second = (sign * round(pair[0] / step) for pair in (within, between))
            wins += (
                within[4] * between[4] * (1 if first > second else 0.5 if first == second else 0)
            )
            total += within[4] * between[4]
    return (wins / total if total else np.nan), sum(pair[4] for pair in pairs)


def by_loops(rows, classes, predictions, metric="cosine", copies=None):
    """{statistic: (value, pairs)} over all pairs of rows."""
    pairs = scored(rows, classes, predictions, metric, copies)
    kind = {
        name: [
            pair
            for pair in pairs
            if (pair[2], pair[3])
            == (name.startswith("same_class"), name.endswith("same_prediction"))
        ]
        for name in KINDS
    }
    statistics = {name: mean(of_kind) for name, of_kind in kind.items()}
    statistics["all"], statistics["between"] = (
        mean(pairs),
        mean([pair for pair in pairs if not pair[2]]),
    )
    statistics["within"] = mean([pair for pair in pairs if pair[2]])
    statistics["same_prediction"] = mean([pair for pair in pairs if pair[3]])
    classes_with_pairs = sorted({pair[1] for pair in pairs if pair[2] and pair[4]})
    of_classes = [
        mean([pair for pair in pairs if pair[1] == label and pair[2]])[0]
        for label in classes_with_pairs
    ]
    statistics["within_macro"] = (
        (np.mean(of_classes) if of_classes else np.nan),
        statistics["within"][1],
    )
    first = statistics[KINDS[0]]
    for name, other in (("label_effect", KINDS[2]), ("prediction_effect", KINDS[1])):
        statistics[name] = first[0] - statistics[other][0], min(first[1], statistics[other][1])
    statistics["auc"] = auc(pairs, metric)
    statistics["auc_same_prediction"] = auc([pair for pair in pairs if pair[3]], metric)
    statistics["auc_other_prediction"] = auc([pair for pair in pairs if not pair[3]], metric)
    return statistics
