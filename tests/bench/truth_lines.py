"""Faithfulness of maps (deletion, insertion, ADP, PIC with all controls): how much of it is the network, and a loop over images beside it."""

import importlib.util
import tempfile
from pathlib import Path

import numpy as np

IMAGES, STEPS = 8, 16
FORWARD_SHARE = 0.9


def prepared(folder):
    """The plan of maps of random images by SqueezeNet at 224, the block of all of them, and their pixels (N, 3, 224, 224)."""
    from PIL import Image

    from gradtools import images, store
    from gradtools.network import models, passes
    from gradtools.stages import faithfulness, saliency

    passes.keep_freed_memory()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (IMAGES, 224, 224, 3), dtype="u1")
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(Path(folder) / f"{number}.png")
    model = models.load("squeezenet1_0", "random")
    path = f"{folder}/maps.h5"
    options = saliency.Options(method=("gradcam",))
    saliency.saliency(images.list_images([folder]), model, path, options, say=lambda line: None)
    source = store.read(path)
    plan = faithfulness.make_plan(
        source, model, faithfulness.Options(steps=STEPS), lambda line: None
    )
    (block,) = store.cut(IMAGES, IMAGES)
    return plan, block, pixels.transpose(0, 3, 1, 2)


def shown(plan, block):
    """Images that the network is shown for a block, and the size of the largest batch."""
    from gradtools.stages import faithfulness

    sizes = []
    hook = plan.job.model.module.register_forward_pre_hook(
        lambda module, inputs: sizes.append(len(inputs[0]))
    )
    faithfulness.compute(plan, block)
    hook.remove()
    return sum(sizes), max(sizes)


def faithful(turns):
    """The network's forward passes alone over the same batches, then captum's infidelity image by image, per image shown."""
    import torch

    from gradtools.stages import faithfulness

    with tempfile.TemporaryDirectory() as folder:
        plan, block, pixels = prepared(folder)
        count, size = shown(plan, block)
        module = plan.job.model.module
        batch = torch.rand(size, 3, 224, 224)

        def ours():
            faithfulness.compute(plan, block)

        def forward_alone():
            with torch.inference_mode():
                for start in range(0, count, size):
                    module(batch[: min(size, count - start)])

        yield (
            f"forward passes of {count} masked images alone, against faithfulness of {IMAGES} maps",
            turns(ours, forward_alone, 3),
            FORWARD_SHARE,
        )
        if importlib.util.find_spec("captum") is None:
            return
        from captum.metrics import infidelity

        x = torch.from_numpy(pixels.astype("f4") / 255)
        maps = torch.rand(IMAGES, 1, 224, 224).expand(-1, 3, -1, -1)

        def masked(inputs, *_):
            noise = torch.rand_like(inputs) < 0.5
            return noise * inputs, inputs * ~noise

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
