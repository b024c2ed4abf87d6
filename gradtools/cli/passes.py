"""Options of the commands that pass images through a network, and how their common ones become a model and a list."""

import contextlib
import ctypes
import dataclasses

import click

from gradtools.cli import options
from gradtools.errors import UsageError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)

listing = options.combine(
    click.option(
        "--restart",
        is_flag=True,
        help="Drop what a stopped run of another command left, and begin anew.",
    ),
    click.option(
        "--files-from", metavar="FILE", help="Read the list of images from a file; '-' is stdin."
    ),
    click.option(
        "-0",
        "--null",
        is_flag=True,
        help="The list of --files-from is separated by NUL, as of find -print0.",
    ),
    click.option(
        "--annotations",
        multiple=True,
        metavar="FILE|DIR",
        help="Boxes, masks and labels: VOC or ILSVRC XML, COCO .json, mask PNGs, ILSVRC's .txt, ChestX-ray8's .csv (repeat).",
    ),
)

scored = options.combine(
    click.option(
        "--score",
        type=click.Choice(["logit", "prob", "logprob", "sigmoid", "cosine"]),
        default="logit",
        help="Form of the target's score.",
    ),
    click.option(
        "--temperature",
        type=click.FloatRange(0, min_open=True),
        default=1.0,
        help="Logits are divided by it before the score.",
    ),
    click.option(
        "--label-map",
        metavar="CSV",
        help="Data class, model class (name, index or WordNet id), one pair a line.",
    ),
    click.option(
        "--labels-in-order",
        is_flag=True,
        help="The data's classes are the model's, in sorted order.",
    ),
    click.option(
        "--unmapped",
        type=click.Choice(["stop", "skip"]),
        default="stop",
        help="With --target label: classes that meet none of the model's.",
    ),
)


def _two_numbers(_context, _parameter, text):
    """(low, high) of `0,4095`."""
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not low < high:
        raise UsageError(f"--range {text}: write the values of black and white, as in 0,4095")
    return low, high


def computing(batch_size):
    """How a pass computes; the default batch size is the command's."""
    return options.combine(
        click.option(
            "--batch-size",
            type=click.IntRange(1),
            default=batch_size,
            help="Images computed at once.",
        ),
        options.device,
        click.option(
            "--workers",
            type=click.IntRange(1),
            default=2,
            help="Threads that read and decode images.",
        ),
        click.option(
            "--max-skipped",
            default="1%",
            metavar="N|P%",
            help="Unreadable images allowed, at least one for a percentage.",
        ),
        click.option(
            "--strict",
            is_flag=True,
            help="Allow no unreadable image, and none whose file ends early.",
        ),
        click.option(
            "--range",
            "value_range",
            metavar="LO,HI",
            callback=_two_numbers,
            help="Values of the image files that are black and white, as 0,4095 for 12 bits in 16.  [default: the type's]",
        ),
        click.option(
            "--fold/--no-fold",
            default=True,
            help="Fold BatchNorm into convolutions that are no taps: faster; activations equal within rounding, "
            "a gradient differs where a ReLU's input is rounded across zero.",
        ),
        click.option(
            "--compress",
            type=click.Choice(["none", "gzip"]),
            default="none",
            help="gzip: smaller, and 30 to 90 times slower to write.",
        ),
    )


computed = computing(32)


def keep_freed_memory():
    """Let the allocator keep what a batch frees for the next one.

    glibc hands large blocks back at once and zeroes them anew, page by page: a fifth of the time of a batch (measured, resnet50).
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        allocator = ctypes.CDLL("libc.so.6")
        for parameter, value in ((M_MMAP_THRESHOLD, 1 << 30), (M_TRIM_THRESHOLD, 2**31 - 1)):
            allocator.mallopt(parameter, value)


def output(argument):
    """Where the store goes, checked before anything heavy is imported: a file, or '-'."""
    target = options.output_store(argument)
    if target is None:
        raise UsageError("a store is HDF5 and does not go to a terminal: name a file with -o")
    return target


def listed(console, images, files_from, null, annotations=(), label_map=None, strict=False):
    """The images of the arguments with their annotations; what was no image is said."""
    from gradtools import images as sources

    found = dataclasses.replace(
        sources.list_images(images, files_from=files_from, null=null), strict=strict
    )
    if found.left_out:
        console.say(
            "no images, left out: "
            + ", ".join(f"{count} {kind}" for kind, count in sorted(found.left_out.items()))
        )
    return _annotated(console, found, annotations, label_map) if annotations else found


def _annotated(console, listed, paths, label_map):
    """The images with the boxes, masks and labels of --annotations."""
    from gradtools.images import annotations

    names = {}
    for path in paths:
        names |= annotations.category_names(path)
    read = [annotations.read(path, names or None) for path in paths]
    attached, notes = annotations.attach(listed, read, label_map)
    for note in notes:
        console.say(note)
    return attached


def load(
    console,
    model,
    weights,
    trust_weights,
    preprocess,
    class_names,
    head,
    *,
    listed=None,
    source=None,
    images_dir=None,
):
    """The network of the model options, tried on the first of the images listed or of a store; its notes are said."""
    keep_freed_memory()
    from gradtools.network import models

    network = models.load(
        model,
        weights,
        preprocess=preprocess,
        class_names=class_names,
        trust=trust_weights,
        sample=_sample(listed, source, images_dir),
        **options.head_options(head),
        **options.network_options(),
    )
    for note in network.notes:
        console.say(note)
    return network


def _sample(listed, source, images_dir):
    """What gives the first image under some preprocessing; None without images."""
    from gradtools import images

    if listed is None and source is not None:
        from gradtools.selection import images as store_images

        listed, _ = store_images.find(source, images_dir)
    return None if listed is None else lambda rules: images.first_readable(listed, rules)
