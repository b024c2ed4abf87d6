"""`--compat cam` against pytorch-grad-cam itself (the bench extra has it), at taps that it captures rightly.

Those are outputs that no in-place operation follows: elsewhere it keeps the activation as the ReLU behind has left it (mathematics#capture).
"""

import contextlib

import numpy as np
import pytest
import torch
from conftest import DATA, needs_data
from PIL import Image

from gradtools import images, store
from gradtools.figures import overlays
from gradtools.figures.overlays import album as albums
from gradtools.figures.overlays import pages
from gradtools.network import models
from gradtools.stages import saliency

peer = pytest.importorskip("pytorch_grad_cam")
METHODS = {"gradcam": "GradCAM", "hirescam": "HiResCAM", "layercam": "LayerCAM"}
COUNT = 3


@contextlib.contextmanager
def drawn(model, listed, path, *taps):
    """Our album of a list's maps, as pytorch-grad-cam would draw them."""
    options = saliency.Options(method=tuple(METHODS), tap=taps)
    saliency.saliency(
        images.list_images([str(one) for one in listed]),
        model,
        str(path),
        options,
        say=lambda line: None,
    )
    with store.read(str(path)) as source:
        yield overlays.open_album(source, rules=model.preprocess, compat="cam")


def theirs(model, album, method, *taps):
    """Their maps (N, H, W) of the highest class, on the frames of the album."""
    network = model.module.requires_grad_(True)
    frames = np.stack([album.frame(row) for row in range(len(album.sample))])
    pixels = (frames / 255 - model.preprocess["mean"]) / model.preprocess["std"]
    layers = [network.get_submodule(tap) for tap in taps]
    with getattr(peer, METHODS[method])(model=network, target_layers=layers) as made:
        return made(
            input_tensor=torch.from_numpy(pixels.transpose(0, 3, 1, 2)).float(), targets=None
        )


def agree(model, album, *taps):
    """Every method's maps, and the pictures of them, are theirs."""
    for column, method in enumerate(METHODS, 1):
        expected = theirs(model, album, method, *taps)
        assert expected.max() > 0.99  # not all of them are empty
        for row, cam in enumerate(expected):
            fused, _ = albums.fused(album, row, method)
            np.testing.assert_allclose(fused, cam, atol=1e-3, err_msg=f"{method} of {row}")
            picture = peer.utils.image.show_cam_on_image(
                np.float32(album.frame(row)) / 255, np.float32(fused), use_rgb=True
            )
            off = np.abs(pages._shown(album, row, fused).astype(int) - picture)
            assert (
                off.max() <= 3 and off.mean() < 0.5
            )  # OpenCV's table of jet is rounded differently in places


@pytest.mark.parametrize(
    "name, taps",
    [
        ("resnet18", ("layer4",)),
        ("resnet18", ("layer3", "layer4")),
        ("vgg11", ("features.19",)),
        ("densenet121", ("features.denseblock3",)),
        ("mobilenet_v2", ("features.13", "features.17")),
    ],
)
def test_maps_and_pictures_of_noise(name, taps, tmp_path):
    model = models.load(
        name, "random", preprocess="resize=96,crop=96,mean=0.5/0.5/0.5,std=0.25/0.25/0.25"
    )
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        Image.fromarray(rng.integers(0, 256, (96, 96, 3), dtype="u1")).save(
            tmp_path / f"{number}.png"
        )
    with drawn(model, sorted(tmp_path.glob("*.png")), tmp_path / "maps.h5", *taps) as album:
        agree(model, album, *taps)


@needs_data
def test_maps_and_pictures_of_photographs(tmp_path):
    model = models.load("squeezenet1_0", str(DATA / "squeezenet1_0_imagenet.pth"))
    taps = "features.10", "features.12"
    with drawn(
        model, sorted((DATA / "imagenet60" / "dogs").iterdir())[:COUNT], tmp_path / "maps.h5", *taps
    ) as album:
        agree(model, album, *taps)
