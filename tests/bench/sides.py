"""Extraction, the eager forward pass and Grad-CAM of each library as functions to time, here or each in a process of its own.

`python tests/bench/sides.py NAME` prepares one side and runs it once for every line that it reads.
"""

import contextlib
import functools
import os
import subprocess
import sys
import tempfile

import cam_lines
import measure
import numpy as np

BATCH = cam_lines.BATCH


def ours(*taps, **options):
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
            extract.Options(tap=taps, **options),
            say=lambda line: None,
        )
    return lambda: extract.run_batch(job, pixels, np.zeros(BATCH, int))


def eager(device="cpu"):
    """torchvision's forward pass alone, on normalised tensors; on an accelerator until it is done."""
    import torch

    from gradtools.network import models

    module = models.load("resnet50", "random").module.to(device)
    x = torch.randn(BATCH, 3, 224, 224, device=device)

    def run():
        with torch.inference_mode():
            module(x)
        if device != "cpu":
            torch.cuda.synchronize()

    return run


SIDES = {
    "last": lambda: ours("auto:last-conv", "auto:last-block"),
    "blocks": lambda: ours("auto:blocks", "auto:last-conv"),
    "last-bf16": lambda: ours("auto:last-conv", "auto:last-block", amp="bf16"),
    "eager": eager,
    "grad-cam": cam_lines.ours,
    **{name: functools.partial(cam_lines.peer, name) for name in cam_lines.TARGETS},
}


@contextlib.contextmanager
def apart(name, package=measure.ROOT):
    """The side in a process of its own with the package of a checkout, as a function that runs it once and waits for it."""
    environment = {**os.environ, "PYTHONPATH": str(package)}
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

        measure.processes[process.pid] = name
        try:
            yield run
        finally:
            del measure.processes[process.pid]


def _run():
    """Prepare the side that is named and run it once for every line read."""
    import compare_lines

    with contextlib.suppress(ImportError):  # a revision before it was there
        from gradtools.store import allocator

        if sys.argv[1] not in ("eager", *cam_lines.TARGETS):
            allocator.keep_freed_memory()  # as the command does
    function = {**compare_lines.SIDES, **SIDES}[sys.argv[1]]()
    for _ in sys.stdin:
        function()
        print("done", flush=True)


if __name__ == "__main__":
    _run()
