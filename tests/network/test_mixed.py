"""Mixed precision: what computes in which type, what float16 would lose, and what the store says of it."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gradtools import images, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import models, passes, taps
from gradtools.stages import extract, saliency
from gradtools.stages.saliency import plan as planning
from gradtools.store import paths

NETWORK = """
import torch
from torch import nn

PREPROCESS = {"resize": None, "crop": None, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}


def make(weight=1.0):
    torch.manual_seed(0)
    network = nn.Sequential()
    network.add_module("conv", nn.Conv2d(3, 8, 3, padding=1))
    network.add_module("relu", nn.ReLU())
    network.add_module("deep", nn.Conv2d(8, 16, 3, padding=1))
    network.add_module("act", nn.ReLU())
    network.add_module("pool", nn.AdaptiveAvgPool2d(1))
    network.add_module("flat", nn.Flatten())
    network.add_module("fc", nn.Linear(16, 10))
    with torch.no_grad():
        network.fc.weight.mul_(weight)
    return network


def faint():
    return make(1e-5)


def steep():
    return make(1e6)
"""
OPTIONS = extract.Options(tap=("relu", "act"), batch_size=4)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the network's file and four images of noise."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "net.py").write_text(NETWORK)
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        pixels = rng.integers(0, 256, (16, 16, 3), dtype="u1")
        Image.fromarray(pixels).save(folder / "photos" / f"{number}.png")
    return folder


def job_of(place, amp, name="make", **more):
    listed = images.list_images([str(place / "photos")])
    model = models.load(f"{place / 'net.py'}:{name}")
    options = dataclasses.replace(OPTIONS, amp=amp, **more)
    return extract.prepare(listed, model, options, say=lambda line: None)


def values_of(place, amp, name="make"):
    pixels = np.random.default_rng(1).integers(0, 256, (4, 3, 16, 16), dtype="u1")
    return extract.run_batch(job_of(place, amp, name), pixels, np.full(4, -1))


@pytest.mark.parametrize("amp, kind", [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_the_trunk_is_of_16_bits_and_the_classifier_whole(place, amp, kind):
    job, types = job_of(place, amp), {}
    hooks = [
        module.register_forward_hook(
            lambda _, inputs, output, name=name: types.update(
                {name: (inputs[0].dtype, output.dtype)}
            )
        )
        for name, module in job.network.named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear))
    ]
    x = passes.inputs(np.zeros((4, 3, 16, 16), "u1"), job)
    output, tapped, _ = passes.forward(job, x)
    for hook in hooks:
        hook.remove()
    assert types["conv"][1] == types["deep"][1] == kind
    assert types["fc"] == (torch.float32, torch.float32) == (output.dtype,) * 2
    assert {tensor.dtype for tensor in tapped.values()} == {kind}
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("amp, bound", [("bf16", 2**-6), ("fp16", 2**-9)])
def test_values_are_those_of_the_whole_pass_to_its_digits(place, amp, bound):
    """Half the last digit is 2^-9 and 2^-12; through two convolutions some of these add up. Sums are not of 16 bits."""
    whole, mixed = values_of(place, "none"), values_of(place, amp)
    assert whole.keys() == mixed.keys()
    for path, values in whole.items():
        assert mixed[path].dtype == values.dtype
        if values.dtype.kind == "f" and "active_share" not in path:
            error = np.linalg.norm(mixed[path] - values) / np.linalg.norm(values)
            assert error <= bound * (4 if "taps/relu/" in path else 1), path
    assert any((mixed[path] != values).any() for path, values in whole.items())


def test_faint_gradients_are_not_lost_in_float16(place):
    """Class rows of 2e-6: over 256 positions a gradient of 1e-8 is below the smallest float16."""
    whole, mixed = (
        values_of(place, amp, "faint")["/taps/act/gradient"] for amp in ("none", "fp16")
    )
    assert 0 < np.abs(whole).max() < 6e-8
    cosine = (whole * mixed).sum(1) / np.linalg.norm(whole, axis=1) / np.linalg.norm(mixed, axis=1)
    assert (cosine > 0.99).all()


METHODS = ("gradcam", "gradcam++", "hirescam", "gam", "layercam", "gradient", "guided-backprop")


def maps_of(place, amp, name="make", **more):
    """Maps of four images of noise, by name."""
    listed = images.list_images([str(place / "photos")])
    model = models.load(f"{place / 'net.py'}:{name}")
    options = saliency.Options(method=METHODS, tap=("act",), batch_size=4, amp=amp, **more)
    plan = planning.make(listed, model, options, say=lambda line: None)
    pixels = np.random.default_rng(1).integers(0, 256, (4, 3, 16, 16), dtype="u1")
    values = saliency.run_images(plan, pixels)
    return {one.name: values[paths.maps(one.name)] for one in plan.every_map}


@pytest.mark.parametrize("amp, bound", [("bf16", 2**-6), ("fp16", 2**-9)])
def test_maps_are_those_of_the_whole_pass_to_its_digits(place, amp, bound):
    """Weights and sums over channels are of 32 bits: a map errs by what activation and gradient do, at the input by two more layers."""
    whole, mixed = maps_of(place, "none"), maps_of(place, amp)
    assert len(whole) == len(METHODS)
    for name, values in whole.items():
        assert mixed[name].dtype == np.float32
        error = np.linalg.norm(mixed[name] - values) / np.linalg.norm(values)
        assert 0 < error <= bound * (8 if "@input" in name else 2), name


def test_maps_of_faint_gradients_are_not_lost_in_float16(place):
    whole, mixed = (maps_of(place, amp, "faint")["gradcam@act"] for amp in ("none", "fp16"))
    assert 0 < np.abs(whole).max() < 1e-5
    cosine = (whole * mixed).sum((1, 2)) / np.sqrt((whole**2).sum((1, 2)) * (mixed**2).sum((1, 2)))
    assert (cosine > 0.99).all()


def test_gradients_beyond_float16_stop_the_maps(place):
    """Class rows of 1e5 times 1,024 leave its range, those of bfloat16 do not."""
    maps_of(place, "bf16", "steep")
    with pytest.raises(GradtoolsError, match="act has gradients that --amp fp16 cannot hold"):
        maps_of(place, "fp16", "steep")


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_cosines_with_class_rows_are_whole(place, amp):
    """The cosine's own product is of 32 bits: it agrees with that of the head's input as float64."""
    job = job_of(place, amp, score="cosine")
    pixels = np.random.default_rng(1).integers(0, 256, (4, 3, 16, 16), dtype="u1")
    with taps.head_inputs(job.network, "fc") as read:
        _, _, cosine = passes.forward(job, passes.inputs(pixels, job))
    x, rows = read[-1].detach().double(), torch.as_tensor(job.model.head.weight).double()
    exact = (x @ rows.T) / x.norm(dim=1, keepdim=True) / rows.norm(dim=1)
    assert cosine.dtype == torch.float32
    np.testing.assert_allclose(cosine.detach().numpy(), exact, rtol=0, atol=1e-6)


def test_the_store_of_maps_says_it_and_features_of_another_precision_are_refused(place, tmp_path):
    listed = images.list_images([str(place / "photos")])
    model = models.load(f"{place / 'net.py'}:make")
    quiet = {"say": lambda line: None}
    features, made = str(tmp_path / "features.h5"), str(tmp_path / "maps.h5")
    extract.extract(listed, model, features, OPTIONS, **quiet)
    options = saliency.Options(tap=("act",), batch_size=4, amp="bf16")
    with store.read(features) as source:
        with pytest.raises(UsageError, match="a store has one precision"):
            saliency.saliency(None, model, made, options, source=source, carry=True, **quiet)
        saliency.saliency(None, model, made, options, source=source, **quiet)
    with store.read(made) as source:
        assert source.model["amp"] == "bf16"


def test_pairs_are_refused(place):
    with pytest.raises(UsageError, match="--amp bf16 with --pairs"):
        maps_of(place, "bf16", pairs="all", target="cosine")


def test_the_store_says_it_and_another_precision_is_another_job(place, tmp_path):
    listed = images.list_images([str(place / "photos")])
    model = models.load(f"{place / 'net.py'}:make")
    kept = {}
    for amp in ("none", "bf16"):
        path = str(tmp_path / f"{amp}.h5")
        options = dataclasses.replace(OPTIONS, amp=amp)
        extract.extract(listed, model, path, options, say=lambda line: None)
        with store.read(path) as source:
            kept[amp] = source.model.get("amp")
    assert kept == {"none": None, "bf16": "bf16"}
    commands = [passes.schema.command(job_of(place, amp)) for amp in ("none", "bf16")]
    differing = {key for key in commands[0] if commands[0][key] != commands[1][key]}
    assert differing == {"amp"}


def test_what_cannot_be_is_refused(place):
    with pytest.raises(UsageError, match="--amp bf16 with --dtype float64"):
        job_of(place, "bf16", dtype="float64")
    job = job_of(place, "bf16")
    headless = dataclasses.replace(job, model=dataclasses.replace(job.model, head=None))
    with pytest.raises(UsageError, match="logits of half precision tie"):
        passes.mixed.check(headless)


def test_a_module_that_fails_leaves_no_precision_behind(place):
    job = job_of(place, "bf16")
    job.network.fc.register_forward_hook(lambda *_: (_ for _ in ()).throw(GradtoolsError("stop")))
    with pytest.raises(GradtoolsError, match="stop"):
        passes.forward(job, passes.inputs(np.zeros((1, 3, 16, 16), "u1"), job))
    assert not torch.is_autocast_enabled("cpu")
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
