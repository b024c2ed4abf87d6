"""Faithfulness of maps (deletion, insertion, ADP, PIC with all controls): how much of it is the network, and a loop over images beside it."""

import contextlib
import importlib.util
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import SKIPPED, size

IMAGES, STEPS = size(8, 2), size(16, 4)
FORWARD_SHARE = 0.9


def prepared(folder):
    """SqueezeNet, the path of its maps of random images at 224, and their pixels (N, 3, 224, 224)."""
    from PIL import Image

    from gradtools import images
    from gradtools.network import models
    from gradtools.stages import saliency
    from gradtools.store import allocator

    allocator.keep_freed_memory()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (IMAGES, 224, 224, 3), dtype="u1")
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(Path(folder) / f"{number}.png")
    model = models.load("squeezenet1_0", "random")
    path = f"{folder}/maps.h5"
    options = saliency.Options(method=("gradcam",), layers=1)
    saliency.saliency(images.list_images([folder]), model, path, options, say=lambda line: None)
    return model, path, pixels.transpose(0, 3, 1, 2)


def shown(plan, block):
    """Images that the network is shown for a block, and the share of the CPU time that its forward passes take."""
    from gradtools.stages import faithfulness

    sizes, inside, begun = [], [], []

    def before(module, inputs):
        sizes.append(len(inputs[0]))
        begun.append(time.process_time())

    def after(*_):
        inside.append(time.process_time() - begun[-1])

    network = plan.job.network
    hooks = network.register_forward_pre_hook(before), network.register_forward_hook(after)
    start = time.process_time()
    faithfulness.compute(plan, block, faithfulness.read_frames(plan, plan.sample))
    share = sum(inside) / (time.process_time() - start)
    for hook in hooks:
        hook.remove()
    return sum(sizes), share


def faithful(turns):
    """The forward passes' share of the time, then captum's infidelity image by image with as many images shown."""
    import torch

    from gradtools import store
    from gradtools.stages import faithfulness

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        model, path, pixels = prepared(folder)
        source = stack.enter_context(store.read(path))
        options = faithfulness.Options(steps=STEPS)
        plan = faithfulness.make_plan(source, model, options, lambda line: None)
        (block,) = store.cut(IMAGES, IMAGES)
        count = shown(plan, block)[0]
        shares = [shown(plan, block)[1] for _ in range(5)]
        yield (
            f"of faithfulness's CPU time are forward passes ({count} masked images of {IMAGES} maps)",
            (statistics.median(shares), min(shares), max(shares)),
            FORWARD_SHARE,
        )
        if importlib.util.find_spec("captum") is None:
            yield (
                "captum's infidelity in a loop: skipped, the bench extra installs it",
                SKIPPED,
                None,
            )
            return
        from captum.metrics import infidelity

        x = torch.from_numpy(pixels.astype("f4") / 255)
        maps = torch.rand(IMAGES, 1, 224, 224).expand(-1, 3, -1, -1)

        def masked(inputs, *_):
            noise = torch.rand_like(inputs) < 0.5
            return noise * inputs, inputs * ~noise

        module = plan.job.model.module

        def ours():
            faithfulness.compute(plan, block, faithfulness.read_frames(plan, plan.sample))

        def loop():
            for image, weights in zip(x, maps):
                infidelity(
                    lambda inputs: module(inputs)[:, 0],
                    masked,
                    image[None],
                    weights[None],
                    n_perturb_samples=count // IMAGES,
                    max_examples_per_batch=1,
                )

        yield (
            f"captum's infidelity in a loop over {IMAGES} images, as many masked images",
            turns(ours, loop, 3),
            1.0,
        )
