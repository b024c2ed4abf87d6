"""Every command that resumes, over small images: the inputs they need, and how to make their blocks small."""

import numpy as np
import pytest
from networks import TOY_SOURCE
from PIL import Image

from gradtools import cli, store

COUNT = 22  # images of `commands`: six blocks of four
BLOCKS = {
    "gradtools.network.passes.loop:BLOCK": 4,
    "gradtools.stages.similarity.writing:MATRIX_BLOCK": 4,
    "gradtools.stages.neighbors:BLOCK": 4,
    "gradtools.stages.faithfulness.shown:BLOCK": 4,
    "gradtools.stages.link:BLOCK": 8,
    "gradtools.stages.tune:BLOCK": 2,
    "gradtools.stages.counterfactual:BLOCK": 4,
}
NAMES = (
    *("extract", "augmented", "maps", "saliency", "pairs", "matrix", "matrix-maps", "neighbors"),
    *("ablate", "faithfulness", "localize", "sanity", "labels", "audit", "trial", "link", "tune"),
    "counterfactual",
)
LINKED = [
    "--generator",
    "planted_links:LinearGenerator",
    "--model",
    "planted_links:LinearClassifier",
]


def photos(folder, count):
    """Random images of two classes, one of which cannot be read."""
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / ("ant", "bee")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), "u1")).save(path)
    path.write_bytes(b"not an image")
    return folder


def bright_halves(folder, count):
    """Images that are bright above or below, in two folders: a network learns them in a moment."""
    rng = np.random.default_rng(1)
    for number in range(count):
        pixels = rng.integers(0, 60, (8, 8, 3), dtype="u1")
        below = number % 2
        pixels[4 * below : 4 * below + 4] += 150
        path = folder / ("ant", "bee")[below] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def cases(folder, count):
    """The commands that make the inputs, and every command that resumes, over `count` images."""
    images = photos(folder / "photos", count)
    boxes = folder / "boxes.csv"
    lines = [
        f"photos/{path.parent.name}/{path.name},{path.parent.name},1,1,6,5"
        for path in sorted(images.glob("*/*"))
    ]
    boxes.write_text("\n".join(["path,label,x0,y0,x1,y1", *lines]) + "\n")
    (folder / "toy.py").write_text(TOY_SOURCE)
    network = ["--model", f"{folder / 'toy.py'}:Toy", "--weights", "random", "--threads", "1"]
    network += ["--batch-size", "2", "--preprocess", "none", "-q"]
    features, maps = folder / "given-features.h5", folder / "given-maps.h5"
    labelled = folder / "given-labelled-maps.h5"
    given, pairs_of = folder / "given-link.h5", ["--per-class", str(2 * count)]
    link = [
        "link",
        *LINKED,
        *pairs_of,
        "--repeats",
        "1",
        "--resamples",
        "5",
        "--threads",
        "1",
        "-q",
    ]
    before = [
        ["extract", images, *network, "--tap", "body", "-o", features],
        ["saliency", boxes, *network, "--tap", "body", "--method", "gam", "-o", maps],
        ["saliency", boxes, *network, "--tap", "body", "--method", "gam", "--target", "label"]
        + ["--labels-in-order", "-o", labelled],
        [*link, "-o", given],
    ]
    halves = bright_halves(folder / "halves", 6)
    tables = ["--resamples", "5", "--permutations", "5", "-q"]
    pairs = ["--pairs", "same-class:4", "--target", "cosine", "--method", "gradcam"]
    return before, {
        "extract": ["extract", images, *network, "--tap", "body"],
        "augmented": ["extract", images, *network, "--tap", "body", "--augment", "1"],
        "maps": ["extract", images, *network, "--tap", "body", "--maps", "gradient"],
        "saliency": ["saliency", images, *network, "--tap", "body", "--method", "gradcam"],
        "pairs": ["saliency", images, *network, "--tap", "body", *pairs],
        "matrix": ["similarity", features, "--matrix", "--feature", "gradient", *tables],
        "matrix-maps": ["similarity", maps, "--matrix", "--feature", "map:gam", *tables],
        "neighbors": ["neighbors", features, *tables],
        "ablate": ["channels", images, *network, "--tap", "body", "--ablate", "zero"]
        + ["--steps", "2", "--resamples", "5"],
        "faithfulness": ["faithfulness", maps, *network, "--steps", "2", "--resamples", "5"],
        "localize": ["localize", maps, "--boxes", "any", "--resamples", "5", "-q"],
        "sanity": [
            "sanity",
            images / "ant",
            *network,
            "--tap",
            "body",
            "--method",
            "gam",
            "--seeds",
            "2",
        ]
        + ["--resamples", "5"],
        "labels": ["sanity", halves, *network, "--tap", "body", "--method", "gam", "--seeds", "2"]
        + ["--randomise", "labels", "--measure", "spearman", "--resamples", "5"],
        "audit": ["faithfulness", labelled, *network, "--audit", "--resamples", "5"],
        "trial": ["trial", "channels", "--samples", "8", "--steps", "1", "--resamples", "5"]
        + ["--threads", "1", "--images", folder / "drawn", "-q"],
        "link": link,
        "tune": ["tune", given, "--samples", "2", "--svd", "1", "--keep", "1", "--threads", "1"]
        + [part for unit in range(count) for part in ("--unit", str(unit))],
        "counterfactual": ["counterfactual", given, "--target", "all", "--keep", "3"]
        + ["--segmenter", "threshold:0.5", "--fields", "--descent", "random", "--resamples", "5"]
        + ["--threads", "1", "-q"],
    }


def small_blocks(patch):
    """Give every command small blocks, by pytest's MonkeyPatch."""
    for name, value in BLOCKS.items():
        module, attribute = name.split(":")
        patch.setattr(f"{module}.{attribute}", value)


def commands(folder):
    """The commands of `cases` on COUNT images as lists of text, their inputs made in small blocks."""
    with pytest.MonkeyPatch.context() as patch:
        small_blocks(patch)
        before, made = cases(folder, COUNT)
        for command in before:
            assert cli.main([str(word) for word in command]) == 0
    return {name: [str(word) for word in words] for name, words in made.items()}


def digests(path):
    """The digests of a store, which is whole."""
    with store.read(str(path)) as source:
        source.check()
        return source.digests()
