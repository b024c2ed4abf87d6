"""Options that name a network and say how it is read, each group of them one record whose fields have the options' names."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from gradtools.cli import completion, options
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError

if TYPE_CHECKING:
    from gradtools.images import ImageList
    from gradtools.network import models
    from gradtools.network.models import Model
    from gradtools.store import Store


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
reading = options.record("reading", Reading, *_reading)


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


def _network(required: bool) -> options.Decorator:
    spec = "resnet50, torchvision:NAME, timm:NAME, hf:FOLDER, file.py:callable, package.module:callable or FILE.pt2 (torch.export)."
    return options.record(
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
