"""Stores of maps made by hand, and the metrics of two maps written out."""

import json

import numpy as np
from sklearn.metrics import roc_auc_score

from gradtools import store

EPS = 2.2204e-16
COUNT, SIDE = 12, 5
TAPS = {"block1": 6, "block2": SIDE}
PREDICTED = np.array([0, 1, 1, 0, 2, 2, 0, 1, 2, 1, 1, 2])


def quiet(line):
    pass


def write(
    path, raw, sample=None, partner=None, label=None, target="argmax", taps=("block1", "block2")
):
    """A store of maps made by hand: raw is {name: (M, H, W)}."""
    label = np.arange(COUNT) % 3 if label is None else label
    sample = np.arange(COUNT) if sample is None else sample
    with store.create(str(path), "maps", root="nowhere", force=True) as sink:
        sink.put("/samples/id", [f"{i:02}.png" for i in range(COUNT)], ["/sample"], "id")
        sink.put("/samples/label", np.asarray(label, "i4"), ["/sample"], "label")
        sink.put("/classes/name", ["ant", "bee", "cat"], ["/label"], "class")
        sink.put(
            "/outputs/logits",
            np.random.default_rng(5).normal(size=(COUNT, 3)).astype("f4"),
            ["/sample", "/class"],
            "logits",
        )
        sink.put("/outputs/predicted", PREDICTED.astype("i4"), ["/sample"], "predicted")
        sink.put("/maps/sample", np.asarray(sample, "i4"), ["/map"], "sample")
        sink.put(
            "/maps/partner",
            np.asarray(-np.ones(len(sample)) if partner is None else partner, "i4"),
            ["/map"],
            "partner",
        )
        for name, values in raw.items():
            sink.put(f"/maps/{name}/map", values.astype("f4"), ["/map", "y", "x"], "map")
        sink.attributes("/maps", order=json.dumps(list(raw)), target=target, score="logit")
        sink.attributes(
            "/model", model="planted", weights_sha256="0" * 64, target=target, score="logit"
        )
        sink.history([], {"command": "planted", "started": "2026-01-01", "seconds": 0})
    return path


def raw_maps(count=COUNT, seed=0):
    """Signed maps of two methods; the first of gradcam is constant, the second has nothing above 0."""
    rng = np.random.default_rng(seed)
    raw = {
        f"{method}@{tap}": rng.normal(size=(count, side, side))
        for method in ("gradcam", "gam")
        for tap, side in TAPS.items()
    }
    raw["gradcam@block2"][0] = 0.25
    raw["gradcam@block2"][1] = -1 - rng.random((SIDE, SIDE))
    return {name: values.astype("f4").astype("f8") for name, values in raw.items()}


def normalised(raw, sign="for"):
    """ReLU and min-max, a map at a time; None where it is constant."""
    maps = []
    for m in raw if sign == "for" else -raw:
        m = np.maximum(m, 0)
        maps.append((m - m.min()) / (m.max() - m.min()) if m.max() > m.min() else None)
    return maps


def density(m):
    return m / m.sum()


def kld(a, b, eps=EPS):
    p, q = density(a), density(b)
    return sum(x * np.log(eps + x / (y + eps)) for x, y in zip(p.ravel(), q.ravel()))


def auc(score, mask):
    return roc_auc_score(mask.ravel() > mask.mean(), score.ravel())


def entropy(p):
    return -sum(x * np.log(x) for x in p.ravel() if x > 0)


def nss(score, mask):
    return ((score - score.mean()) / score.std())[mask > mask.mean()].mean()


LOOPS = {
    "CC": lambda a, b: np.corrcoef(a.ravel(), b.ravel())[0, 1],
    "SIM": lambda a, b: np.minimum(density(a), density(b)).sum(),
    "KLD": lambda a, b: (kld(a, b) + kld(b, a)) / 2,
    "JSD": lambda a, b: (
        entropy((density(a) + density(b)) / 2) - (entropy(density(a)) + entropy(density(b))) / 2
    ),
    "AUC": lambda a, b: (auc(a, b) + auc(b, a)) / 2,
    "NSS": lambda a, b: (nss(a, b) + nss(b, a)) / 2,
}
