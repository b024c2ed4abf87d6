"""Where the real networks and photographs lie, and the marks that skip tests without them."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("GRADTOOLS_TEST_DATA", ROOT.parent / "shared" / "data"))

needs_data = pytest.mark.skipif(
    not (DATA / "cifar_resnet.py").exists(),
    reason="the shared networks and photographs are not here",
)


@pytest.fixture(scope="session")
def feature_store(tmp_path_factory):
    """A store of 60 samples of 3 classes with planted features; no network needed."""
    import numpy as np

    from gradtools import store

    path = tmp_path_factory.mktemp("stores") / "features.h5"
    rng = np.random.default_rng(0)
    label = np.arange(60) % 3
    predicted = np.where(rng.random(60) < 0.8, label, (label + 1) % 3).astype("i4")
    rows = np.eye(3, 8)[predicted] + 0.5 * np.eye(3, 8, 3)[label]
    values = {
        "gradient": rows + 0.1 * rng.standard_normal((60, 8)),
        "activation": np.abs(rows + 0.3 * rng.standard_normal((60, 8))),
    }
    values["contribution"] = values["gradient"] * values["activation"]
    with store.create(str(path), "features", root="nowhere") as sink:
        sink.put("/samples/id", [f"{i:02}.png" for i in range(60)], ["/sample"], "id")
        sink.put("/samples/label", label.astype("i4"), ["/sample"], "label")
        sink.put(
            "/samples/digest",
            rng.integers(0, 256, (60, 32)).astype("u1"),
            ["/sample", "/byte"],
            "digest",
        )
        sink.put("/classes/name", ["ant", "bee", "cat"], ["/label"], "class")
        sink.put("/classes/member", np.eye(3, dtype="u1"), ["/label", "/class"], "member")
        sink.put(
            "/model/weight",
            np.eye(3, 8, dtype="f4"),
            ["/class", "/embedding"],
            "row of the last layer",
        )
        sink.put(
            "/outputs/logits",
            (4 * np.eye(3)[predicted] + rng.standard_normal((60, 3))).astype("f4"),
            ["/sample", "/class"],
            "logits",
        )
        for name in ("predicted", "target"):
            sink.put(f"/outputs/{name}", predicted, ["/sample"], name)
        for name, array in values.items():
            sink.put(f"/taps/block/{name}", array.astype("f4"), ["/sample", "channel"], name)
        sink.attributes(
            "/model", model="planted", weights_sha256="0" * 64, target="argmax", score="logit"
        )
        sink.attributes(
            "/taps",
            order='["block"]',
            blocks='["block"]',
            default_gradient="block",
            default_activation="block",
        )
        sink.attributes("/taps/block", shape=np.array([8, 1, 1], "i4"))
        sink.history([], {"command": "planted", "started": "2026-01-01", "seconds": 0})
    return path
