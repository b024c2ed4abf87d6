"""Grad-CAM at the last block of resnet50 against the libraries that make it, on the same images: time, and peak memory.

`python tests/bench/cam_lines.py NAME` makes the maps once in a process of its own and prints its peak memory in KiB.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import SKIPPED, size, turns

BATCH = size(16, 2)
TARGETS = {"pytorch_grad_cam": 4, "captum": 1.4, "torchcam": 1.4}


def ours():
    """Maps of a batch of decoded images, argmax, by the saliency stage."""
    from PIL import Image

    from gradtools import images
    from gradtools.network import models
    from gradtools.stages import saliency
    from gradtools.stages.saliency import plan
    from gradtools.store import allocator

    allocator.keep_freed_memory()
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, 3, 224, 224), dtype="u1")
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(pixels[0].transpose(1, 2, 0)).save(f"{folder}/a.png")
        planned = plan.make(
            images.list_images([folder]),
            models.load("resnet50", "random"),
            saliency.Options(),
            lambda line: None,
        )
    return lambda: saliency.run_images(planned, pixels)


def peer(name):
    """The same by another library, on normalised tensors."""
    import torch

    from gradtools.network import models

    model = models.load("resnet50", "random").module.requires_grad_(True)
    x = torch.randn(BATCH, 3, 224, 224)
    if name == "captum":
        from captum.attr import LayerGradCam

        method = LayerGradCam(model, model.layer4)
        return lambda: method.attribute(
            x, target=0
        )  # a given class: it spares captum the forward pass that finds the argmax
    if name == "torchcam":
        from torchcam.methods import GradCAM

        method = GradCAM(model, "layer4")

        def run():
            scores = model(x)
            method(scores.argmax(1).tolist(), scores)

        return run
    from pytorch_grad_cam import GradCAM as Other

    method = Other(model=model, target_layers=[model.layer4])
    return lambda: method(input_tensor=x, targets=None)


def cams():
    """How many times as fast as each library, as each is run and then both with freed memory kept; its memory over the interpreter with torch."""
    import importlib.util

    import sides

    base = peak("nothing")
    own = ours()
    for name, target in TARGETS.items():
        if importlib.util.find_spec(name) is None:
            yield f"Grad-CAM / {name}: skipped, the bench extra installs it", SKIPPED, None
            continue
        with sides.apart("grad-cam") as one, sides.apart(name) as other:
            yield (
                f"Grad-CAM of {BATCH} images / {name} (each in its process)",
                turns(one, other),
                target,
            )
        yield (
            f"Grad-CAM of {BATCH} images / {name} (freed memory kept, both sides)",
            turns(own, peer(name)),
            target,
        )
        yield (
            f"its memory: {name}'s / ours, over torch alone",
            ((peak(name) - base) / (peak("ours") - base),) * 3,
            1,
        )


def peak(name):
    """Peak memory (KiB) of a process that makes the maps twice."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return int(
        subprocess.run(
            [sys.executable, __file__, name],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout.split()[-1]
    )


if __name__ == "__main__":
    import torchvision  # noqa: F401 the same imports on every side

    if sys.argv[1] != "nothing":
        function = ours() if sys.argv[1] == "ours" else peer(sys.argv[1])
        function(), function()
    # not getrusage: a child's ru_maxrss begins with its parent's
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
