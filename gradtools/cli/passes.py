"""Options of a pass of a network over images: scores, computation, jobs and which images; each group of them one record whose fields have the options' names."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gradtools.cli import options, streams
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError

if TYPE_CHECKING:
    from click.core import Context, Option

    from gradtools.images import ImageList
    from gradtools.stages.run import Working


@dataclasses.dataclass(frozen=True)
class Score:
    """What is differentiated, and how the data's classes meet the model's."""

    score: str
    temperature: float
    label_map: str | None
    labels_in_order: bool
    unmapped: str


score = options.record(
    "score",
    Score,
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


@dataclasses.dataclass(frozen=True)
class Compute:
    """How the values of a pass are computed and stored."""

    batch_size: int
    device: str
    dtype: str
    fold: bool
    compress: bool
    value_range: tuple[float, float] | None


def _two_numbers(
    _context: "Context", _parameter: "Option", text: str | None
) -> tuple[float, float] | None:
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


device = click.option(
    "--device",
    default="auto",
    metavar="D",
    help="cpu, cuda, cuda:1, mps; auto: the accelerator where there is one.",
)
dtype = click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    default="float32",
    help="Type the network computes in.",
)
amp = click.option(
    "--amp",
    type=click.Choice(["none", "bf16", "fp16"]),
    default="none",
    help="Compute the network below its classifier in 16 bits: faster where the processor has instructions for it. What each "
    "statistic and map loses: gradtools help speed.",
)
compress = click.option(
    "--compress",
    type=click.Choice(["none", "gzip"]),
    default="none",
    callback=lambda context, parameter, value: value == "gzip",
    help="gzip: smaller, and 30 to 90 times slower to write.",
)


def compute(batch_size: int) -> options.Decorator:
    """Return the options of `Compute` as the parameter `compute`; the default batch size is the command's."""
    return options.record(
        "compute",
        Compute,
        click.option(
            "--batch-size",
            type=click.IntRange(1),
            default=batch_size,
            help="Images computed at once.",
        ),
        device,
        dtype,
        click.option(
            "--fold/--no-fold",
            default=True,
            help="Fold BatchNorm into convolutions that are not taps: faster; activations equal within rounding, "
            "a gradient differs where a ReLU's input is rounded across zero.",
        ),
        compress,
        click.option(
            "--range",
            "value_range",
            metavar="LO,HI",
            callback=_two_numbers,
            help="Values of the image files that are black and white, as 0,4095 for 12 bits in 16.  [default: the type's]",
        ),
    )


restart = click.option(
    "--restart",
    is_flag=True,
    help="Drop what a stopped run of another command left, and begin anew.",
)
threads = click.option(
    "--threads", type=click.IntRange(1), help="Threads of the computation.  [default: all]"
)


@dataclasses.dataclass(frozen=True)
class Job:
    """How a long job runs; its values do not depend on it."""

    restart: bool
    threads: int | None
    workers: int
    max_skipped: str
    strict: bool

    def how(self, console: Console, force: bool) -> "Working":
        """Return what stages take of it: fields of `run.Run`."""
        return {
            "restart": self.restart,
            "threads": self.threads,
            "workers": self.workers,
            "max_skipped": "0" if self.strict else self.max_skipped,
            "strict": self.strict,
            "force": force,
            "say": console.say,
            "progress": console.progress,
        }


job = options.record(
    "job",
    Job,
    restart,
    threads,
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
        "--strict", is_flag=True, help="Allow no unreadable image, and none whose file ends early."
    ),
)


@dataclasses.dataclass(frozen=True)
class Listing:
    """Which images there are, beside the command's arguments, and what is known of them."""

    files_from: str | None = None
    null: bool = False
    annotations: tuple[str, ...] = ()

    def read(
        self,
        console: Console,
        images: Sequence[str],
        label_map: str | None = None,
    ) -> "ImageList":
        """List the images with their annotations, and print how many files were not images.

        Raises
        ------
        UsageError, GradtoolsError
        """
        from gradtools import images as sources

        listed = sources.list_images(images, files_from=self.files_from, null=self.null)
        if listed.left_out:
            kinds = (f"{count} {kind}" for kind, count in sorted(listed.left_out.items()))
            console.say("not images, left out: " + ", ".join(kinds))
        return self._annotated(console, listed, label_map) if self.annotations else listed

    def _annotated(
        self, console: Console, listed: "ImageList", label_map: str | None
    ) -> "ImageList":
        """The images with the boxes, masks and labels of --annotations."""
        from gradtools.images import annotations

        names: dict = {}
        for path in self.annotations:
            names |= annotations.category_names(path)
        read = [annotations.read(path, names or None) for path in self.annotations]
        attached, notes = annotations.attach(listed, read, label_map)
        for note in notes:
            console.say(note)
        return attached


listing = options.record(
    "listing",
    Listing,
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


def output_file(output: str | None) -> str:
    """Return where the store goes, checked before anything heavy is imported: a file, or '-'.

    Raises
    ------
    UsageError
        Standard output is a terminal and no file is named.
    """
    target = streams.output_store(output)
    if target is None:
        raise UsageError("a store is HDF5 and does not go to a terminal: name a file with -o")
    return target
