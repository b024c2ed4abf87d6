"""The commands that pages show, and a folder in which they run: small photographs and boxes, and a bundled network under every network's name."""

import os
import re
import shutil
import stat
import sys
import tarfile
from pathlib import Path

import numpy as np
from conftest import ROOT
from PIL import Image

from gradtools.bundled import scenes
from gradtools.stages.help import GUIDES

PAGES = {"README": ROOT / "README.md"} | {
    name: ROOT / "gradtools" / "docs" / f"{name}.md" for name in GUIDES
}
PER_CLASS, CLASSES = 6, ("seven", "three", "zero")
NETWORK = "gradtools.bundled.scene_resnet:resnet8"
WEIGHTS = ROOT / "gradtools" / "bundled" / "scene_resnet8.pth"
NEEDS_MORE = re.compile(
    r"stylegan|make (demo|test|bench)|hf:resnet|--shard|whole|parts\.py|demo/"
)  # than this folder has
BOX = "<annotation><filename>{name}</filename><object><name>{label}</name><bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object></annotation>"
NAMES = "resnet50 resnet18 alexnet timm:resnet50 hf:my_network/".split()
CLASS_NAMES = {"Dungeness crab": "seven", "mushroom": "seven", "tench": "seven"}

STAND_IN = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
from gradtools import cli
words = [{CLASS_NAMES!r}.get(word, word) for word in sys.argv[1:]]
named = [place for place, word in enumerate(words) if word in {NAMES!r}]
for place in reversed(named):
    words[place] = {NETWORK!r}
    later = words[place + 1 : place + 2] == ["--weights"]
    words[place + 1 : place + 3 if later else place + 1] = ["--weights", {str(WEIGHTS)!r}]
if "--k" in words:
    words[words.index("--k") + 1] = "3"
sys.exit(cli.main(words))
"""


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a page in a language, without comments at the ends of lines."""
    text = path.read_text()
    matches = re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    return [
        re.sub(r"(?m)(^|\s{2,})# .*$", "", block) if language == "sh" else block
        for block in matches
    ]


def lines(path: Path) -> list[str]:
    """The shell lines of a page that can run in `folder`."""
    text = "\n".join(blocks(path, "sh")).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not NEEDS_MORE.search(line)]


def printed(path: Path) -> list[tuple[str, str]]:
    """The commands of a page on the demo's stores, each with what it prints there, or a part of it."""
    pairs = re.findall(
        r"^```sh\n(gradtools [^\n]*demo/[^\n]*)\n```\n\n```text\n(.*?)^```",
        path.read_text(),
        re.M | re.S,
    )
    return [(command, text) for command, text in pairs]


def agree(shown: str, text: str, share: float = 0.02) -> bool:
    """Whether a shown text is in what was printed, its numbers within a share or .01: processors differ in the last digits."""
    ours, theirs = shown.split(), text.split()
    starts = [at for at, word in enumerate(theirs) if word == ours[0]]
    return any(
        len(part := theirs[at : at + len(ours)]) == len(ours)
        and all(_near(a, b, share) for a, b in zip(ours, part))
        for at in starts
    )


def _near(a, b, share):
    """Whether two words are equal, or numbers close to each other."""
    number = r"-?\d*\.\d+|\b\d{4,}\b"  # counts of a few are exact
    if re.sub(number, "#", a) != re.sub(number, "#", b):
        return False
    pairs = zip(re.findall(number, a), re.findall(number, b))
    return all(abs(float(x) - float(y)) <= max(0.01, share * abs(float(x))) for x, y in pairs)


def folder(where: Path) -> dict[str, str]:
    """Fill a folder, and give the environment in which a shell runs the pages' commands there."""
    scenes.write_scenes(where / "all", "heldout", PER_CLASS, heights=scenes.DEMO_HEIGHTS)
    for name in ("photos", "masks", "boxes", "results", "bin", "digits"):
        (where / name).mkdir()
    for row in (where / "all" / "manifest.csv").read_text().splitlines()[1:]:
        path, label, *box = row.split(",")
        if label in CLASSES:
            _add(where, path, label, [int(value) for value in box])
    for number, name in enumerate(("shard-0000.tar", "shard-0001.tar")):
        with tarfile.open(where / name, "w") as archive:
            for path in sorted((where / "photos").rglob("*.png"))[number::2]:
                archive.add(path, path.relative_to(where / "photos"))
    shutil.rmtree(where / "all")
    shutil.rmtree(where / "all-masks")
    (where / "net.py").write_text(
        "from gradtools.bundled.scene_resnet import CLASSES, PREPROCESS, resnet8 as make_model\n"
    )
    shutil.copy(WEIGHTS, where / "best.pth")
    (where / "my_network").mkdir()
    (where / "paper.claims").write_text("pair-auc: activation > 0.5\n")
    (where / "taxonomy.csv").write_text(
        "class,group\n"
        + "".join(f"{name},{'low' if n < 5 else 'high'}\n" for n, name in enumerate(scenes.CLASSES))
    )
    ids = sorted(
        str(path.relative_to(where / "photos")) for path in (where / "photos").rglob("*.png")
    )
    features = np.random.default_rng(0).standard_normal((len(ids), 8)).astype("f4")
    np.savez(where / "clip.npz", features=features, id=np.array(ids))
    for name, text in (("gradtools", STAND_IN), ("latexmk", "#!/bin/sh\n")):
        path = where / "bin" / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {**os.environ, "PATH": f"{where / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def _add(where, path, label, box):
    """One photograph with its mask (a value a class) and its box."""
    name = f"{label}-{Path(path).name}"
    (where / "photos" / label).mkdir(exist_ok=True)
    shutil.copy(where / "all" / path, where / "photos" / label / name)
    mask = np.asarray(Image.open(where / "all-masks" / path)) > 0
    value = 1 + scenes.CLASSES.index(label)
    Image.fromarray((mask * value).astype("u1")).save(where / "masks" / name)
    x0, y0, x1, y1 = box
    xml = BOX.format(x0 + 1, y0 + 1, x1, y1, name=name, label=label)
    (where / "boxes" / name.replace(".png", ".xml")).write_text(xml)
