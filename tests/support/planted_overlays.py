"""A store of random maps beside the random images that they are of."""

import hashlib
import json
import os

import numpy as np
from PIL import Image

from gradtools import store

RULES = {
    "resize": 12,
    "crop": 10,
    "mean": [0.5] * 3,
    "std": [0.25] * 3,
    "interpolation": "bilinear",
}
METHODS = ("gradcam", "gam", "activation", "positive-gradients", "negative-gradients")
SIZES = {"low": (5, 5), "high": (3, 3)}
IDS = ["ant/a.png", "ant/" + "b" * 200 + ".png", "bee/c\udcff $d$.png", "bee/e.png"]


def planted(folder, pairs=False, ids=IDS, methods=METHODS, about=None, member=None):
    """A store of random maps of random images (14 x 16) that lie in the folder's `photos`; `about` is each map's label, `member` the labels' model classes."""
    rng, root, digests = np.random.default_rng(0), folder / "photos", []
    for name in ids:
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (14, 16, 3), dtype="u1")).save(path)
        with open(path, "rb") as file:
            digests.append(np.frombuffer(hashlib.sha256(file.read()).digest(), "u1"))
    sample = np.array([0, 1, 2, 3] if pairs else range(len(ids)), "i4")
    partner = sample.reshape(-1, 2)[:, ::-1].reshape(-1) if pairs else np.full(len(sample), -1)
    names = [f"{method}@{tap}" for tap in SIZES for method in methods]
    with store.create(str(folder / "maps.h5"), "maps", root=str(root)) as sink:
        sink.put("/samples/id", list(ids), ["/sample"], "id")
        sink.put(
            "/samples/label", np.arange(len(ids), dtype="i4") * 2 // len(ids), ["/sample"], "label"
        )
        sink.put("/samples/digest", np.stack(digests), ["/sample", "/byte"], "digest")
        sink.put("/classes/name", ["ant", "bee"], ["/label"], "class")
        sink.put("/model/class_name", ["wasp", "fly"], ["/class"], "class")
        sink.attributes("/model", preprocess=json.dumps(RULES))
        for key, values in {
            "sample": sample,
            "partner": partner,
            "target": np.full(len(sample), -1 if pairs else 1),
            "score": np.arange(len(sample)) / 4,
        }.items():
            sink.put(
                f"/maps/{key}", np.asarray(values, "f4" if key == "score" else "i4"), ["/map"], key
            )
        if about is not None:
            sink.put("/maps/label", np.asarray(about, "i4"), ["/map"], "label")
            sink.put("/classes/member", np.asarray(member, "u1"), ["/label", "/class"], "member")
        for name in names:
            values = rng.standard_normal((len(sample), *SIZES[name.split("@")[1]])).astype("f4")
            sink.put(f"/maps/{name}/map", values, ["/map", "y", "x"], name)
        sink.attributes(
            "/maps", order=json.dumps(names), target="dot" if pairs else "argmax", score="logit"
        )
        sink.history([], {"command": "planted", "started": "2026-01-01", "seconds": 0})
    return str(folder / "maps.h5")
