"""Class discrimination (mathematics#class-discrimination), printed again: how alike are the maps of two classes of one image?

Spearman of maps at the tap's own size, after ReLU; the first six images of each class; the middle class has rank K/2, counted from 0.
"""

import numpy as np
import pytest
from conftest import DATA, needs_data
from scipy.stats import spearmanr

from gradtools import images, store
from gradtools.network import models, taps
from gradtools.network.passes.plan import normalised
from gradtools.network.saliency import methods
from gradtools.stages import saliency

pytestmark = needs_data

# the highest class against the second and the middle one
CIFAR = {
    "resnet20": {
        "gam": (0.80, 0.72),
        "gradcam": (0.24, -0.09),
        "gradcam++": (0.79, 0.72),
        "activation": 0.92,
    },
    "resnet56": {"gam": (0.81, 0.73), "gradcam": (0.28, -0.16), "activation": 0.93},
}
SQUEEZENET = {
    "gam": (0.64, 0.05),
    "gradcam": (0.58, 0.01),
    "gradcam++": (0.84, 0.69),
    "activation": 0.64,
}
TOLERANCE = 0.03


def agreement(first, second):
    """Mean over images of Spearman's correlation of two maps (N, H, W)."""
    return np.mean([spearmanr(a.ravel(), b.ravel())[0] for a, b in zip(first, second)])


def rectified(source, name, rows):
    """Maps (N, rows, H, W) of a store with so many rows an image."""
    maps = np.maximum(source.values(f"/maps/{name}/map"), 0)
    return maps.reshape(-1, rows, *maps.shape[1:])


@pytest.mark.parametrize("network", ["resnet20", pytest.param("resnet56", marks=pytest.mark.slow)])
def test_cifar_networks(network, tmp_path):
    manifest = tmp_path / "six.csv"
    chosen = [
        path
        for folder in sorted((DATA / "cifar10").iterdir())
        for path in sorted(folder.iterdir())[:6]
    ]
    manifest.write_text("path,label\n" + "\n".join(f"{path},{path.parent.name}" for path in chosen))
    model = models.load(
        f"{DATA / 'cifar_resnet.py'}:{network}", str(DATA / f"cifar10_{network}.pth")
    )
    options = saliency.Options(
        method=("gradcam", "gradcam++", "gam", "activation"), layers=1, target="top:6"
    )
    saliency.saliency(
        images.list_images([str(manifest)]),
        model,
        str(tmp_path / "a.h5"),
        options,
        say=lambda line: None,
    )
    with store.read(str(tmp_path / "a.h5")) as source:
        maps = {name.split("@")[0]: rectified(source, name, 6) for name in source.maps}
    for name, expected in CIFAR[network].items():
        own_maps = maps[name] if name != "activation" else None
        if own_maps is None:
            assert agreement(maps["gam"][:, 0], maps["activation"][:, 0]) == pytest.approx(
                expected, abs=TOLERANCE
            )
        else:
            assert [
                agreement(own_maps[:, 0], own_maps[:, rank]) for rank in (1, 5)
            ] == pytest.approx(expected, abs=TOLERANCE), name


@pytest.mark.slow
def test_squeezenet():
    pytest.importorskip("torchvision")
    model = models.load("squeezenet1_0", str(DATA / "squeezenet1_0_imagenet.pth"))
    equations = {
        "gam": methods.gam,
        "gradcam": methods.gradcam,
        "gradcam++": lambda A, G: methods.gradcam_plus_plus(A, G)[0],
        "activation": lambda A, G: methods.activation(A, G),
    }
    maps = {(name, rank): [] for name in equations for rank in (0, 1, 500)}
    for batch in images.batches(
        images.list_images([str(DATA / "imagenet60")]), model.preprocess, 20
    ):
        x = normalised(batch.pixels, model)
        logits, tapped = taps.forward(
            model.module, x, taps.resolve(taps.trace(model.module, x[:1]), ["features.12"])
        )
        order = logits.argsort(dim=1, descending=True)
        for name, rank in maps:
            G = taps.gradients(logits.gather(1, order[:, [rank]])[:, 0], tapped, retain=True)[
                "features.12"
            ]
            maps[name, rank] += list(
                equations[name](tapped["features.12"].detach(), G).relu().numpy()
            )
    for name in ("gam", "gradcam", "gradcam++"):
        assert [agreement(maps[name, 0], maps[name, rank]) for rank in (1, 500)] == pytest.approx(
            SQUEEZENET[name], abs=TOLERANCE
        ), name
    assert agreement(maps["gam", 0], maps["activation", 0]) == pytest.approx(
        SQUEEZENET["activation"], abs=TOLERANCE
    )
