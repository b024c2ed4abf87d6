"""Options of the commands that run a network over images, each group of them one record whose fields have the options' names."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from gradtools.cli import options
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError

if TYPE_CHECKING:
    from gradtools.images import ImageList
    from gradtools.network.models import Model

Decorator = Callable[[Callable], Callable]


def record(name: str, kind: type, *decorators: Decorator) -> Decorator:
    """Return a decorator that adds options and hands them to the command as one record, its parameter `name`."""
    fields = [field.name for field in dataclasses.fields(kind)]

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def run(**parameters: Any) -> Any:
            values = {field: parameters.pop(field) for field in fields}
            return function(**parameters, **{name: kind(**values)})

        return options.combine(*decorators)(run)

    return decorate


@dataclasses.dataclass(frozen=True)
class Network:
    """Which network a command runs, and how images are prepared for it."""

    model: str | None
    weights: str
    trust_weights: bool
    preprocess: str | None
    class_names: str | None
    head: str

    def load(self, console: Console) -> "Model":
        """Load the network and print its notes.

        Raises
        ------
        UsageError, GradtoolsError
        """
        from gradtools.network import models

        model = models.load(
            self.model,
            self.weights,
            preprocess=self.preprocess,
            no_head=self.head == "none",
            class_names=self.class_names,
            trust=self.trust_weights,
        )
        for note in model.notes:
            console.say(note)
        return model


def _network(required: bool) -> Decorator:
    spec = "resnet50, torchvision:NAME, file.py:callable or package.module:callable."
    return record(
        "network",
        Network,
        click.option("--model", required=required, metavar="SPEC", help=spec),
        options.weights,
        click.option(
            "--preprocess",
            metavar="P",
            help="imagenet, imagenet-norm, none, or resize=256,crop=224,mean=a/b/c,std=a/b/c.",
        ),
        click.option(
            "--class-names", metavar="FILE", help="Names of the model's classes, one a line."
        ),
        click.option(
            "--head",
            type=click.Choice(["auto", "none"]),
            default="auto",
            help="none: the network has no classes; its output is an embedding.",
        ),
    )


network, network_or_none = _network(True), _network(False)


@dataclasses.dataclass(frozen=True)
class Score:
    """What is differentiated, and how the data's classes meet the model's."""

    score: str
    temperature: float
    label_map: str | None
    labels_in_order: bool
    unmapped: str


score = record(
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


def compute(batch_size: int) -> Decorator:
    """Return the options of `Compute` as the parameter `compute`; the default batch size is the command's."""
    return record(
        "compute",
        Compute,
        click.option(
            "--batch-size",
            type=click.IntRange(1),
            default=batch_size,
            help="Images computed at once.",
        ),
        click.option("--device", default="cpu", metavar="D", help="cpu, cuda, cuda:1, mps."),
        click.option(
            "--dtype",
            type=click.Choice(["float32", "float64"]),
            default="float32",
            help="Type the network computes in.",
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
            callback=lambda context, parameter, value: value == "gzip",
            help="gzip: smaller, and 30 to 90 times slower to write.",
        ),
    )


@dataclasses.dataclass(frozen=True)
class Job:
    """How a long job runs; its values do not depend on it."""

    restart: bool
    threads: int | None
    workers: int
    max_skipped: str
    strict: bool

    @property
    def allowed(self) -> str:
        """Unreadable images allowed: a number, or a percentage."""
        return "0" if self.strict else self.max_skipped


job = record(
    "job",
    Job,
    click.option(
        "--restart",
        is_flag=True,
        help="Drop what a stopped run of another command left, and begin anew.",
    ),
    click.option(
        "--threads", type=click.IntRange(1), help="Threads of the computation.  [default: all]"
    ),
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
    click.option("--strict", is_flag=True, help="Allow no unreadable image."),
)


@dataclasses.dataclass(frozen=True)
class Listing:
    """Which images there are, beside the command's arguments, and what is known of them."""

    files_from: str | None = None
    null: bool = False
    annotations: tuple[str, ...] = ()

    def read(
        self, console: Console, images: Sequence[str], label_map: str | None = None
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

    def _annotated(self, console, listed, label_map):
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


listing = record(
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
    target = options.output_store(output)
    if target is None:
        raise UsageError("a store is HDF5 and does not go to a terminal: name a file with -o")
    return target
