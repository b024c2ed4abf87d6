"""A small store of every kind, made by the commands themselves: the bundled network on a few scenes."""

import csv
from pathlib import Path

from gradtools import bundled, cli
from gradtools.bundled import scenes

FOLDER = Path(bundled.__file__).parent
MODEL, OTHER_MODEL = (
    [
        "--model",
        f"gradtools.bundled.scene_resnet:{name}",
        "--weights",
        str(FOLDER / f"scene_{name}.pth"),
    ]
    for name in ("resnet8", "resnet14")
)
LAST = ["--tap", "auto:last-conv", "--tap", "auto:last-block"]
SLOW = ["--threads", "1", "--workers", "1", "--batch-size", "16"]
FEW = ["--resamples", "20"]
COMMANDS = {  # name of a store -> the command that makes it; NAME.h5 is another store
    "features": ["extract", "scenes.csv", *MODEL, *SLOW, *LAST, "--maps", "gradient", "--maps", "activation"],
    "other": ["extract", "scenes.csv", *OTHER_MODEL, *SLOW, *LAST],
    "versions": ["extract", "scenes.csv", *MODEL, *SLOW, "--augment", "1", *LAST],
    "classes": ["classes", *MODEL[1:]],
    "maps": ["saliency", "scenes.csv", *MODEL, *SLOW, "--method", "gradcam", "--method", "gradcam++", "--target", "top:2"],
    "pairs": ["saliency", "scenes.csv", *MODEL, *SLOW, "--pairs", "same-class:1", "--target", "cosine"],
    "ablation": ["channels", "features.h5", "--images", ".", *MODEL, *SLOW, "--ablate", "zero", "--channels", "top2", "--steps", "2"],
    "channels": ["channels", "features.h5", *FEW],
    "profiles": ["channels", "features.h5", "--profiles"],
    "similarity": ["similarity", "features.h5", "--matrix", *FEW, "--feature", "gradient", "--feature", "logits"],
    "map_similarity": ["similarity", "maps.h5", "--matrix", *FEW, "--feature", "map:*", "--map-metric", "CC"],
    "version_similarity": ["similarity", "versions.h5", *FEW],
    "neighbors": ["neighbors", "features.h5", "-k", "3", "--feature", "gradient", *FEW],
    "nearest": ["neighbors", "classes.h5", "--of", "three", "--permutations", "10"],
    "clusters": ["cluster", "features.h5", "--repeats", "2", "--k", "3", "--feature", "gradient", *FEW],
    "linkage": ["dendrogram", "features.h5", "--feature", "gradient", "--resamples", "5"],
    "compare": ["compare", "features.h5", "other.h5", "--permutations", "20", *FEW],
    "spaces": ["compare", "features.h5", "--spaces", "--permutations", "20", *FEW],
    "localization": ["localize", "maps.h5", *FEW],
    "faithfulness": ["faithfulness", "maps.h5", "--images", ".", *MODEL, *SLOW, *FEW, "--steps", "4"],
    "sanity": ["sanity", "scenes.csv", *MODEL, *SLOW, *FEW, "--method", "gam", "--seeds", "2"],
}  # fmt: skip


def write_scenes(folder, per_class=3):
    """Write the demo's scenes and a manifest of a few of each class."""
    scenes.write_demo_scenes(folder)
    with open(folder / "manifest.csv") as handle:
        rows = list(csv.DictReader(handle))
    seen = {}
    for row in rows:
        seen.setdefault(row["label"], []).append(row)
    few = [row for group in seen.values() for row in group[:per_class]]
    with open(folder / "scenes.csv", "w", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0])
        writer.writeheader()
        writer.writerows(few)


def make(folder, monkeypatch, names=tuple(COMMANDS)):
    """Make the stores; returns their paths by name."""
    monkeypatch.chdir(folder)
    if not (folder / "scenes.csv").exists():
        write_scenes(folder)
    for name in names:
        status = cli.main([*COMMANDS[name], "-q", "-o", f"{name}.h5"])
        assert status == 0, name
    return {name: str(folder / f"{name}.h5") for name in names}
