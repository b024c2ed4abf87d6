"""
Train the example's three networks and write their weights into gradtools/bundled: `make weights`.

Every epoch sees fresh scenes of the training half (digits 20 to 46 pixels); the held-out half is only ever measured
on, with the float16 weights as they are shipped. About 12 minutes on two cores. Seeded: the same machine makes the
same weights, another one slightly different ones (sums are rounded in another order).
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gradtools.bundled import scene_resnet, scenes
from gradtools.network import training

FOLDER = Path(__file__).parents[1] / "bundled"
NETWORKS = ("resnet8", "resnet14", "resnet20")
EPOCHS = 40
SCENES_PER_CLASS = 250
BATCH = 50
MEASURED = {
    "20-46 px": (scenes.LARGE_HEIGHTS, 100),
    "12-24 px": ((12, 24), 100),
    "demo": (scenes.DEMO_HEIGHTS, scenes.DEMO_PER_CLASS),
}


def batch_of(
    half: str, per_class: int, seed: int = 0, heights: tuple[int, int] = scenes.LARGE_HEIGHTS
) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Return scenes as the networks take them.

    Parameters
    ----------
    half : str, "train" or "heldout"
    per_class, seed : int
    heights : (int, int), pixels

    Returns
    -------
    images : (10 * per_class, 3, 64, 64) float32 tensor, preprocessed
    labels : (10 * per_class,) int64 tensor, in the order of the classes
    """
    images = np.stack(
        [
            scenes.scene_of(half, label, number, seed, heights).image
            for label in range(len(scenes.CLASSES))
            for number in range(per_class)
        ]
    )
    labels = torch.arange(len(scenes.CLASSES)).repeat_interleave(per_class)
    return preprocessed(images), labels


def preprocessed(images: np.ndarray) -> torch.Tensor:
    """Return (N, 64, 64, 3) uint8 images as a (N, 3, 64, 64) float32 tensor, normalised as `scene_resnet.PREPROCESS` says."""
    mean, std = (
        torch.tensor(scene_resnet.PREPROCESS[key]).view(3, 1, 1) for key in ("mean", "std")
    )
    return ((torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - mean) / std).contiguous()


def train(names: Sequence[str] = NETWORKS) -> dict[str, nn.Module]:
    """
    Train networks side by side on the same scenes.

    Parameters
    ----------
    names : sequence of str, callables of `scene_resnet`

    Returns
    -------
    dict of name to module, in evaluation mode
    """
    torch.manual_seed(0)
    networks = {name: getattr(scene_resnet, name)() for name in names}
    steps = EPOCHS * SCENES_PER_CLASS * len(scenes.CLASSES) // BATCH
    learners = [training.learner(network, steps) for network in networks.values()]
    for epoch in range(EPOCHS):
        images, labels = batch_of("train", SCENES_PER_CLASS, seed=epoch)
        for rows in training.batches(len(labels), BATCH):
            for learner in learners:
                training.step(learner, images[rows], labels[rows])
        print(f"epoch {epoch + 1} of {EPOCHS}", file=sys.stderr)
    return {name: network.eval() for name, network in networks.items()}


def save(network: nn.Module, path: str | Path) -> None:
    """
    Write a state dict in float16.

    BatchNorm's counters of batches are left out: evaluation does not read them and strict loading does not miss them.
    """
    state = {
        key: value.half()
        for key, value in network.state_dict().items()
        if value.is_floating_point()
    }
    torch.save(state, path)


def load(name: str, folder: str | Path = FOLDER) -> nn.Module:
    """
    Load one of the example's networks with its shipped weights, in float32 and evaluation mode.

    Parameters
    ----------
    name : str, "resnet8", "resnet14" or "resnet20"
    folder : path, where scene_NAME.pth lies

    Returns
    -------
    torch.nn.Module
    """
    network = getattr(scene_resnet, name)()
    state = torch.load(Path(folder) / f"scene_{name}.pth", weights_only=True)
    network.load_state_dict(state, strict=True)
    return network.eval()


def table(names: Sequence[str] = NETWORKS) -> str:
    """Return the held-out accuracy of the shipped weights, one line a network, a column for each of `MEASURED`."""
    sets = [
        batch_of("heldout", per_class, heights=heights) for heights, per_class in MEASURED.values()
    ]
    lines = [" ".join(["network ", *(f"{head:>9}" for head in MEASURED)])]
    for name in names:
        network = load(name)
        lines.append(
            " ".join([f"{name:8}", *(f"{training.accuracy(network, *pair):9.1%}" for pair in sets)])
        )
    return "\n".join(lines)


def main() -> None:
    """Train, write the weights, print how well they do on held-out scenes."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    torch.set_num_threads(2)
    start = time.monotonic()
    for name, network in train().items():
        save(network, FOLDER / f"scene_{name}.pth")
    print(
        f"trained {', '.join(NETWORKS)} in {time.monotonic() - start:.0f} s; accuracy on held-out scenes:"
    )
    print(table())


if __name__ == "__main__":
    main()
