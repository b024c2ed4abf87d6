"""The contract of generators: what three lines declare, what is refused on the first batch, samples by seed alone."""

import csv
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from gradtools.bundled import digit_generator, lenet
from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import generators, models
from gradtools.network.generators import acceptance, samples, viewing

DIGITS = "gradtools.bundled.digit_generator:Digits"
MATRIX = torch.linspace(-1, 1, 4 * 48).reshape(4, 48)


class Plain:
    """No mapping, no classes: images (N, 1, 6, 8) in 0..1."""

    def sample(self, n, seed):
        return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))

    def synth(self, w):
        return torch.sigmoid(w @ MATRIX).view(-1, 1, 6, 8)


class Scripted(torch.nn.Module):
    """A generator that is a TorchScript file."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 36)

    @torch.jit.export
    def sample(self, n: int, seed: int):
        return torch.sin(torch.arange(4 * n).view(n, 4) + float(seed))

    @torch.jit.export
    def synth(self, w: torch.Tensor):
        return torch.sigmoid(self.linear(w))

    def forward(self, w: torch.Tensor):
        return self.synth(w)


def accepted(**changes):
    return acceptance.accept(type("Made", (Plain,), changes)(), "here", "0")


def sigmoid(w):
    return torch.sigmoid(w @ MATRIX)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"range": (-1, 1), "synth": lambda self, w: 2 * sigmoid(w).view(-1, 1, 6, 8) - 1},
        {"synth": lambda self, w: sigmoid(w).view(-1, 6, 8)},
        {"shape": (1, 6, 8), "synth": lambda self, w: sigmoid(w)},
        {"range": (0, 255), "synth": lambda self, w: 255 * sigmoid(w).view(-1, 1, 6, 8)},
    ],
    ids=["plain", "minus one to one", "no channel axis", "flat", "bytes"],
)
def test_every_layout_and_range_gives_the_same_pictures(changes):
    made, plain = accepted(**changes), Plain()
    w = made.draw([3, 5])
    torch.testing.assert_close(w, torch.cat([plain.sample(1, 3), plain.sample(1, 5)]))
    pictures, clipped = made.synth(w)
    torch.testing.assert_close(pictures, plain.synth(w))
    assert clipped == 0 and made.n_classes is None


@pytest.mark.parametrize(("size", "shape"), [(49, (1, 7, 7)), (48, (3, 4, 4))])
def test_flat_row_is_a_square_of_one_channel_else_of_three(size, shape):
    matrix = torch.linspace(-1, 1, 4 * size).reshape(4, size)
    assert accepted(synth=lambda self, w: torch.sigmoid(w @ matrix)).shape == shape


def test_values_outside_the_range_are_clipped_and_counted():
    made = accepted(synth=lambda self, w: (1.4 * sigmoid(w) - 0.2).view(-1, 1, 6, 8))
    w = made.draw(range(20))
    raw = 1.4 * sigmoid(w) - 0.2
    pictures, clipped = made.synth(w)
    assert clipped == int(((raw < -1e-4) | (raw > 1 + 1e-4)).sum()) > 0
    assert float(pictures.min()) == 0 and float(pictures.max()) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"synth": lambda self, w: 255 * sigmoid(w).view(-1, 1, 6, 8)}, "declare range"),
        ({"range": (0, 255)}, "nearly black"),
        ({"range": (1, 0)}, "two numbers"),
        ({"shape": (1, 5, 5)}, "does not fit"),
        ({"synth": lambda self, w: sigmoid(w).view(-1, 2, 4, 6)}, "shape ="),
        ({"synth": lambda self, w: sigmoid(w - w.mean(0)).view(-1, 1, 6, 8)}, "beside another"),
        ({"synth": lambda self, w: sigmoid(0 * w + 1).view(-1, 1, 6, 8)}, "same image"),
        ({"sample": lambda self, n, seed: torch.randn(n, 4)}, "draw from its seed alone"),
        ({"sample": lambda self, n, seed: torch.ones(n, 4)}, "must use its seed"),
        ({"to_w": lambda self, z: z[:, None]}, "one row a sample"),
        ({"synth": lambda self, w: w.missing}, "AttributeError"),
        ({"synth": None}, r"no synth\(\)"),
        ({"n_classes": 3, "classes": ("a",)}, "1 names"),
    ],
)  # fmt: skip
def test_what_breaks_the_contract_is_refused_on_the_first_batch(changes, message):
    with pytest.raises(GradtoolsError, match=message):
        accepted(**changes)


def test_truncation_without_a_mapping_is_refused():
    with pytest.raises(UsageError, match="--psi"):
        accepted().draw([0], psi=0.5)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nothing", "write FILE.py:NAME"),
        ("no_such.py:Made", "no such file"),
        ("no_such_module:Made", "no such module"),
        ("gradtools.bundled.digit_generator:Didgits", "Digits"),
    ],
)
def test_generator_that_is_not_there_is_a_usage_error(spec, message):
    with pytest.raises(UsageError, match=message):
        generators.load(spec)


def test_pickle_is_refused_and_torchscript_is_read(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "state.pt")
    with pytest.raises(UsageError, match="pickle"):
        generators.load(str(tmp_path / "state.pt"))
    module = Scripted()
    torch.jit.script(module).save(str(tmp_path / "made.pt"))
    made = generators.load(str(tmp_path / "made.pt"))
    w = made.draw([7])
    expected = module.synth(w.clone()).detach()
    torch.testing.assert_close(made.synth(w)[0].view(1, 36), expected)


def test_digits_of_the_bundled_generator_are_read_by_lenet():
    made, model = generators.load(DIGITS), models.load("gradtools.bundled.lenet:digits")
    labels = np.repeat(np.arange(10), 40)
    pictures, clipped = made.synth(made.draw(range(400), labels, psi=0.7))
    classifier = generators.Classifier.of(model, pictures, "cpu", "float32")
    r, logits = classifier.encode(pictures)
    assert clipped == 0 and r.shape == (400, 84)
    assert (logits.argmax(1) == labels).mean() > 0.95
    np.testing.assert_allclose(classifier.head(r), logits, atol=1e-4)


def test_latents_of_digits_are_their_class_centre_and_spread():
    source = digit_generator.Digits()
    made = acceptance.accept(source, "digits", "0")
    decoder = source.decoder
    centre, sd = decoder.mean[4], decoder.log_sd[4].exp()
    w = made.draw([9], [4], psi=0.5)
    torch.testing.assert_close(w[0], centre + 0.5 * sd * source.sample(1, 9)[0])
    assert made.classes == digit_generator.CLASSES == lenet.CLASSES


def test_view_equals_the_preprocessing_of_picture_files():
    """A picture of 8-bit values: resized float images are the 8-bit ones less rounding."""
    from gradtools.images import preprocess
    from gradtools.network.passes.plan import normalised

    values = np.random.default_rng(0).integers(0, 256, (48, 40, 3)).astype("u1")
    rules = models.parse_preprocess("resize=32,crop=28,mean=.4/.5/.6,std=.2/.3/.4")
    model = models.load("gradtools.bundled.scene_resnet:resnet8", preprocess="none")
    stored = preprocess(Image.fromarray(values), rules)
    model = type("Model", (), {"preprocess": rules, "rules": rules})
    expected = normalised(np.ascontiguousarray(stored)[None], model)
    pictures = torch.from_numpy(values.astype("f4") / 255).permute(2, 0, 1)[None]
    difference = (viewing.view(pictures, rules) - expected).abs().max()
    assert float(difference) < 1.2 / 255 / 0.2


def test_view_turns_grey_as_pictures_are_and_grey_into_three():
    pictures = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    grey = viewing.as_read(pictures, 1)
    eight_bit = [np.asarray(one.convert("L")) / 255 for one in viewing.pil(pictures)]
    assert np.abs(grey[:, 0].numpy() - np.stack(eight_bit)).max() < 1.5 / 255
    assert torch.equal(viewing.as_read(grey, 3)[:, 2], grey[:, 0])


def test_samples_are_written_with_their_seeds_and_can_be_drawn_again(tmp_path):
    made = generators.load(DIGITS)
    path = samples.write_samples(made, str(tmp_path), 2, 5, 0.7, classes=[3, 8], say=print)
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["three", "three", "eight", "eight"]
    seeds = [int(row["seed"]) for row in rows]
    assert len(set(seeds)) == 4 and seeds[0] == 5 * 1_000_003 + 6
    pictures, _ = made.synth(made.draw(seeds, [3, 3, 8, 8], 0.7))
    for row, picture in zip(rows, pictures):
        with Image.open(tmp_path / row["path"]) as image:
            stored = np.asarray(image.convert("L")) / 255
        assert np.abs(stored - picture[0].numpy()).max() < 0.51 / 255


def test_stylegan_xl_is_not_unpickled_without_the_flag(tmp_path, monkeypatch):
    """With the flag its pickle is opened: here one that holds a small network of the same methods."""
    spec = "gradtools.bundled.stylegan_xl:StyleGANXL"
    monkeypatch.setenv("STYLEGAN_XL", str(tmp_path))
    with pytest.raises(UsageError, match="STYLEGAN_XL_PKL"):
        generators.load(spec)
    path = tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps({"G_ema": Style()}))
    monkeypatch.setenv("STYLEGAN_XL_PKL", str(path))
    with pytest.raises(UsageError, match="--trust-generator"):
        generators.load(spec)
    made = generators.load(spec, trust=True)
    assert (made.n_classes, made.width, made.shape) == (3, 5, (3, 4, 4))
    w = made.draw([1, 2], [0, 2], psi=0.5)
    assert made.synth(w)[0].shape == (2, 3, 4, 4)
    for name, width in (("w+", 30), ("style", 7 + 8)):
        tapped = generators.latents.at(made, name, 0.5)
        rows = tapped.draw([1, 2], [0, 2], psi=0.5)
        assert tapped.width == width and rows.shape == (2, width)
        torch.testing.assert_close(tapped.synth(rows)[0], made.synth(w)[0])
        assert float((tapped.synth(rows + 1)[0] - made.synth(w)[0]).abs().max()) > 0.01


class Layer(torch.nn.Module):
    """One layer: its style times its input."""

    def __init__(self, width, out):
        super().__init__()
        self.affine, self.linear = torch.nn.Linear(5, width), torch.nn.Linear(width, out)

    def forward(self, x, w):
        return torch.tanh(self.linear(x * self.affine(w)))


class Synthesis(torch.nn.Module):
    """Two layers, each with its row of w."""

    def __init__(self):
        super().__init__()
        self.L0, self.L1 = Layer(7, 8), Layer(8, 48)

    def forward(self, ws, noise_mode, force_fp32):
        assert noise_mode == "const" and force_fp32
        x = self.L0(torch.ones(len(ws), 7), ws[:, 0])
        return self.L1(x, ws[:, 5]).view(-1, 3, 4, 4)


class Style(torch.nn.Module):
    """The methods of StyleGAN-XL's network that the example calls."""

    c_dim, z_dim, w_dim, num_ws, img_resolution, img_channels = 3, 4, 5, 6, 4, 3

    def __init__(self):
        super().__init__()
        self.maps, self.synthesis = torch.nn.Linear(7, 5), Synthesis()

    def mapping(self, z, c, truncation_psi):
        return (truncation_psi * self.maps(torch.cat([z, c], 1)))[:, None].repeat(1, 6, 1)


@pytest.mark.parametrize(
    ("spec", "classes", "name", "width"),
    [
        (DIGITS, [3, 8], "layer1", 1024),
        (DIGITS, [3, 8], "layer2", 2048),
        (DIGITS, [3, 8], "z", 16),
        ("gradtools.bundled.creatures:Creatures", [0, 4], "ellipses", 47),
    ],
)
def test_latents_of_the_bundled_generators_draw_the_pictures_of_w(spec, classes, name, width):
    made = generators.load(spec)
    expected = made.synth(made.draw([5, 6], classes, psi=0.7))[0]
    tapped = generators.latents.at(made, name, 0.7)
    rows = tapped.draw([5, 6], classes, psi=0.7)
    assert tapped.width == width and rows.shape == (2, width)
    given = classes if tapped.needs_class else None
    torch.testing.assert_close(tapped.synth(rows, given)[0], expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        tapped.render(rows.numpy(), 1, np.array(given) if given else None), expected, atol=1e-5, rtol=0
    )  # fmt: skip
    assert tapped.parts == (made.parts if name == "z" else ())


@pytest.mark.parametrize(
    ("changes", "name", "message"),
    [
        ({}, "style", "no such latent"),
        ({"latents": ("style",)}, "style", r"no latent\(\)"),
        (
            {
                "latents": ("style",),
                "latent": lambda self, w, name: 2 * w,
                "synth_latent": lambda self, x, name: sigmoid(x).view(-1, 1, 6, 8),
            },
            "style",
            "another picture",
        ),
        (
            {
                "latents": ("style",),
                "latent": lambda self, w, name: w[:, None],
                "synth_latent": lambda self, x, name: sigmoid(x[:, 0]).view(-1, 1, 6, 8),
            },
            "style",
            "one row of finite numbers",
        ),
    ],
)
def test_latent_that_is_not_there_or_draws_otherwise_is_refused(changes, name, message):
    with pytest.raises((GradtoolsError, UsageError), match=message):
        generators.latents.at(accepted(**changes), name)
