"""Options of the commands that run a network over images, each group of them one record whose fields have the options' names."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from gradtools.cli import completion, options
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError

if TYPE_CHECKING:
    from click.core import Context, Option

    from gradtools.images import ImageList
    from gradtools.network import models
    from gradtools.network.models import Model
    from gradtools.stages.run import Working
    from gradtools.store import Store

Decorator = Callable[[Callable], Callable]


def record(name: str, kind: type, *decorators: Decorator) -> Decorator:
    """Return a decorator that adds options and hands them to the command as one record, its parameter `name`."""
    fields = [field.name for field in dataclasses.fields(kind)]

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def run(**parameters: Any) -> None:
            values = {field: parameters.pop(field) for field in fields}
            return function(**parameters, **{name: kind(**values)})

        return options.combine(*decorators)(run)

    return decorate


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a network is read: its weights, its output, its classes."""

    weights: str
    weights_entry: str | None
    trust_weights: bool
    head: str
    output_entry: str | None
    reduce: str | None

    @property
    def settings(self) -> "models.Reading":
        """What `models.load` takes of it."""
        return {
            "weights": self.weights,
            "weights_entry": self.weights_entry,
            "trust": self.trust_weights,
            "no_head": self.head == "none",
            "head": None if self.head in ("auto", "none") else self.head,
            "output_entry": self.output_entry,
            "reduce": self.reduce,
        }


_reading = (
    click.option(
        "--weights",
        default="default",
        metavar="W",
        help="default, random, torchvision's name of weights, or the path of a state dict.",
    ),
    click.option(
        "--weights-entry",
        metavar="NAME",
        help="Which entry of the checkpoint, as in state_dict_ema or model.state_dict.",
    ),
    click.option(
        "--trust-weights",
        is_flag=True,
        help="Load a checkpoint that runs code of its own when it is opened.",
    ),
    click.option(
        "--head",
        default="auto",
        metavar="auto|none|NAME",
        help="The layer whose rows are the classes'; none: the network has no classes, its output is an embedding.",
    ),
    click.option(
        "--output-entry",
        metavar="KEY|INDEX",
        help="Which of several outputs of the network are the logits.",
    ),
    click.option(
        "--reduce",
        metavar="R",
        help="Of a network that gives maps of logits: mean, max, predicted (where the class is the argmax), or a position Y,X.",
    ),
)
reading = record("reading", Reading, *_reading)


@dataclasses.dataclass(frozen=True)
class Network(Reading):
    """Which network a command runs, and how images are prepared for it."""

    model: str | None
    preprocess: str | None
    class_names: str | None

    def load(
        self,
        console: Console,
        listed: "ImageList | None" = None,
        source: "Store | None" = None,
        images_dir: str | None = None,
        sample: Callable | None = None,
    ) -> "Model":
        """Load the network, tried on the first of the images listed or of a store, or on a sample, and print its notes.

        Raises
        ------
        UsageError, GradtoolsError
        """
        from gradtools.network import models

        if self.model is None:
            raise UsageError("Missing option '--model'.")
        model = models.load(
            self.model,
            preprocess=self.preprocess,
            class_names=self.class_names,
            sample=sample or _sample(listed, source, images_dir),
            **self.settings,
        )
        for note in model.notes:
            console.say(note)
        return model


def _sample(
    listed: "ImageList | None", source: "Store | None", images_dir: str | None
) -> Callable | None:
    """What gives the first image under some preprocessing; None without images."""
    from gradtools import images

    if listed is None and source is not None:
        from gradtools.selection import images as store_images

        listed, _ = store_images.find(source, images_dir)
    return None if listed is None else lambda rules: images.first_readable(listed, rules)


def _network(required: bool) -> Decorator:
    spec = "resnet50, torchvision:NAME, timm:NAME, hf:FOLDER, file.py:callable, package.module:callable or FILE.pt2 (torch.export)."
    return record(
        "network",
        Network,
        click.option(
            "--model",
            required=required,
            metavar="SPEC",
            shell_complete=completion.models,
            help=spec,
        ),
        *_reading,
        click.option(
            "--preprocess",
            metavar="P",
            help="imagenet, imagenet-norm, none, or resize=256,crop=224,mean=a/b/c,std=a/b/c.",
        ),
        click.option(
            "--class-names", metavar="FILE", help="Names of the model's classes, one a line."
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
compress = click.option(
    "--compress",
    type=click.Choice(["none", "gzip"]),
    default="none",
    callback=lambda context, parameter, value: value == "gzip",
    help="gzip: smaller, and 30 to 90 times slower to write.",
)


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
        device,
        dtype,
        click.option(
            "--fold/--no-fold",
            default=True,
            help="Fold BatchNorm into convolutions that are no taps: faster; activations equal within rounding, "
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


job = record(
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
