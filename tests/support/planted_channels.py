"""Stores of channels: planted rows of two taps, and the features of a network whose gradients are known."""

import numpy as np

from gradtools import images, store

N, C = 23, {"early": 5, "late": 7}
NAMES = ["ant", "bee", "cat", "dog"]
KINDS = ("gradient", "activation", "contribution")
QUICK = {"resamples": 40, "bins": 9}


def planted(seed=0):
    """Rows of two taps with zeros and ties, targets (class 1 is nobody's), labels (-1 once)."""
    rng = np.random.default_rng(seed)
    taps = {}
    for tap, count in C.items():
        gradient, activation = (
            rng.standard_normal((N, count)),
            np.maximum(rng.standard_normal((N, count)), 0),
        )
        gradient[rng.random((N, count)) < 0.3] = 0
        contribution = gradient * activation * 3 + 0.1 * rng.standard_normal((N, count))
        taps[tap] = {
            kind: rows.astype("f4")
            for kind, rows in zip(KINDS, (gradient, activation, contribution))
        }
    target = rng.choice([0, 2, 3], N)
    label = np.arange(N) % 2
    label[4] = -1
    return taps, target.astype("i4"), label.astype("i4")


TAPS, TARGET, LABEL = planted()


def write(path, taps=TAPS, **model):
    with store.create(str(path), "features", force=True, root="nowhere") as sink:
        sink.put("/samples/id", [f"{i:02}.png" for i in range(N)], ["/sample"], "id")
        sink.put("/samples/label", LABEL, ["/sample"], "label")
        sink.put(
            "/samples/digest",
            np.arange(N * 32).reshape(N, 32).astype("u1"),
            ["/sample", "/byte"],
            "digest",
        )
        sink.put("/classes/name", ["odd", "even"], ["/label"], "class")
        sink.put("/model/class_name", NAMES, ["/class"], "class")
        for name in ("predicted", "target"):
            sink.put(f"/outputs/{name}", TARGET, ["/sample"], name)
        for tap, kinds in taps.items():
            for kind, rows in kinds.items():
                sink.put(f"/taps/{tap}/{kind}", rows, ["/sample", "channel"], kind)
        sink.attributes(
            "/model",
            model="planted",
            weights_sha256="ab" * 32,
            **{"target": "argmax", "score": "logit", **model},
        )
        sink.attributes(
            "/taps", order='["early", "late"]', blocks='["late"]', default_gradient="late"
        )
        sink.history([], {"command": "planted", "started": "2026-01-01", "seconds": 0})
    return str(path)


RULES = 'PREPROCESS = {"resize": None, "crop": None, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}\nCLASSES = ("ant", "bee")\n'


def toy_stores(folder):
    """A network whose gradients are known, in toy.py, and stores of its features with and without stored maps; returns the model."""
    from networks import TOY_SOURCE
    from PIL import Image

    from gradtools.network import models
    from gradtools.stages import extract

    (folder / "toy.py").write_text(TOY_SOURCE + RULES)
    rng = np.random.default_rng(0)
    for number in range(9):
        place = folder / "photos" / ("ant" if number < 5 else "bee") / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype="u1")).save(place)
    model = models.load(f"{folder / 'toy.py'}:Toy")
    for name, kept in (("maps", ("activation",)), ("plain", ())):
        options = extract.Options(tap=("body", "stem"), maps=kept)
        extract.extract(
            images.list_images([str(folder / "photos")]),
            model,
            str(folder / f"{name}.h5"),
            options,
            say=lambda line: None,
        )
    return model
