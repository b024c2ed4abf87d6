"""Extraction, the eager forward pass and Grad-CAM of each library as functions to time, here or each in a process of its own.

`python tests/bench/sides.py NAME` prepares one side and runs it once for every line that it reads.
"""

import contextlib
import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cam_lines
import numpy as np

BATCH = 16


def ours(*taps):
    """Features of a batch of decoded images at the taps, by the extract stage."""
    from PIL import Image

    from gradtools import images
    from gradtools.network import models
    from gradtools.stages import extract

    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, 3, 224, 224), dtype="u1")
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(pixels[0].transpose(1, 2, 0)).save(f"{folder}/a.png")
        job = extract.prepare(
            images.list_images([folder]),
            models.load("resnet50", "random"),
            extract.Options(tap=taps),
            say=lambda line: None,
        )
    return lambda: extract.run_batch(job, pixels, np.zeros(BATCH, int))


def eager():
    """torchvision's forward pass alone, on normalised tensors."""
    import torch

    from gradtools.network import models

    module, x = models.load("resnet50", "random").module, torch.randn(BATCH, 3, 224, 224)

    def run():
        with torch.inference_mode():
            module(x)

    return run


SIDES = {
    "last": lambda: ours("auto:last-conv", "auto:last-block"),
    "blocks": lambda: ours("auto:blocks", "auto:last-conv"),
    "eager": eager,
    "grad-cam": cam_lines.ours,
    **{name: functools.partial(cam_lines.peer, name) for name in cam_lines.TARGETS},
}


@contextlib.contextmanager
def apart(name):
    """The side in a process of its own, as a function that runs it once and waits for it."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with subprocess.Popen(
        [sys.executable, __file__, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:

        def run():
            print(file=process.stdin, flush=True)
            if not process.stdout.readline():
                raise RuntimeError(f"the process of {name} has ended")

        yield run


if __name__ == "__main__":
    from gradtools import allocator

    if sys.argv[1] not in ("eager", *cam_lines.TARGETS):
        allocator.keep_freed_memory()  # as the command does
    function = SIDES[sys.argv[1]]()
    for _ in sys.stdin:
        function()
        print("done", flush=True)
