"""Generators as users have them, each by the contract's three lines, linked to a one-channel classifier that lives in a file."""

import shutil

import numpy as np
import pytest
from conftest import ROOT
from shell import run

from gradtools import store
from gradtools.selection.gathering import gather
from gradtools.store import paths

HEAD = """
import torch
from torch.nn.functional import interpolate
from gradtools.bundled.digit_generator import Decoder, WEIGHTS

decoder = Decoder()
decoder.load_state_dict(torch.load(WEIGHTS, weights_only=True))
decoder = decoder.float().eval().requires_grad_(False)
CENTRES, SPREAD = decoder.mean.detach(), decoder.log_sd.exp().detach()


def normal(n, seed):
    return torch.randn(n, 16, generator=torch.Generator().manual_seed(seed))
"""
CONDITIONAL = """
    n_classes = 10
    def sample(self, n, seed, cls=None):
        return CENTRES[cls] + 0.7 * SPREAD[cls] * normal(n, seed)
"""
UNCONDITIONAL = """
    def sample(self, n, seed):
        cls = (torch.arange(n) + seed) % 10
        return CENTRES[cls] + 0.7 * SPREAD[cls] * normal(n, seed)
"""
GENERATORS = {  # its lines beside sample, its sampling, and the shape of its pictures
    "without a mapping": ("def synth(self, w): return decoder(w)", CONDITIONAL, (1, 32, 32)),
    "minus one to one": (
        "range = (-1, 1)\n    def synth(self, w): return 2 * decoder(w) - 1",
        CONDITIONAL,
        (1, 32, 32),
    ),
    "grey without a channel axis": ("def synth(self, w): return decoder(w)[:, 0]", CONDITIONAL, (1, 32, 32)),
    "flat rows of 784": (
        "def synth(self, w): return interpolate(decoder(w), (28, 28), mode='bilinear').flatten(1)",
        CONDITIONAL,
        (1, 28, 28),
    ),
    "another size, in colour": (
        "def synth(self, w): return interpolate(decoder(w), (40, 40), mode='bilinear').expand(-1, 3, -1, -1)",
        CONDITIONAL,
        (3, 40, 40),
    ),
    "flat, of a shape that is no square": (
        "shape = (1, 40, 32)\n    def synth(self, w): return interpolate(decoder(w), (40, 32), mode='bilinear').flatten(1)",
        CONDITIONAL,
        (1, 40, 32),
    ),
    "unconditional": ("def synth(self, w): return decoder(w)", UNCONDITIONAL, (1, 32, 32)),
}  # fmt: skip
NETWORK = """
from gradtools.bundled.lenet import LeNet5

PREPROCESS = {"resize": [32, 32], "crop": None, "mean": (0.3,), "std": (0.37,), "channels": 1}


def make():
    return LeNet5(10)
"""


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_is_linked_by_three_lines(name, tmp_path):
    lines, sampling, shape = GENERATORS[name]
    (tmp_path / "made.py").write_text(f"{HEAD}\n\nclass Made:\n    {lines}\n{sampling}")
    (tmp_path / "net.py").write_text(NETWORK)
    shutil.copy(ROOT / "gradtools" / "bundled" / "digit_lenet5.pth", tmp_path / "best.pth")
    unconditional = sampling is UNCONDITIONAL
    out = str(tmp_path / "link.h5")
    ended = run(
        "link", "--generator", f"{tmp_path / 'made.py'}:Made", "--model", f"{tmp_path / 'net.py'}:make", "--weights", str(tmp_path / "best.pth"),
        "--per-class", "250" if unconditional else "25", "--repeats", "0", "--resamples", "0", "-o", out,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    with store.read(out) as source:
        facts, label = source.attributes(paths.LINK), source.labels
        predicted = source.predicted
    assert tuple(facts["shape"]) == shape and len(np.unique(label)) == 10
    np.testing.assert_array_equal(label, predicted)
    assert ("unconditional" in ended.stderr) == unconditional
    results = gather([out])[0].link
    of_link, null = (results["link", kind] for kind in ("linear", "null"))
    assert of_link.get("agreement").value > 0.6 > 0.3 > null.get("agreement").value
    assert of_link.get("ssim").value > null.get("ssim").value + 0.1
