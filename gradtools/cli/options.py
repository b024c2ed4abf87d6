"""Options that several commands share: the same word for the same thing everywhere."""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gradtools.cli import completion
from gradtools.errors import UsageError
from gradtools.tables.wording import ROWS

if TYPE_CHECKING:
    from click.core import Context, Option

    from gradtools.stages.remote import Scheduler, Served
    from gradtools.store import Share

Decorator = Callable[[Callable], Callable]


def combine(*decorators: Decorator) -> Decorator:
    """Combine several decorators into one, in the order in which the help shows them."""

    def decorate(function: Callable) -> Callable:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def record(name: str, kind: type, *decorators: Decorator) -> Decorator:
    """Return a decorator that adds options and hands them to the command as one record, its parameter `name`."""
    fields = [field.name for field in dataclasses.fields(kind)]

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def run(**parameters: Any) -> None:
            values = {field: parameters.pop(field) for field in fields}
            return function(**parameters, **{name: kind(**values)})

        return combine(*decorators)(run)

    return decorate


output = combine(
    click.option(
        "-o",
        "--output",
        metavar="FILE",
        help="Where the store goes; '-' is stdout, the default in a pipe.",
    ),
    click.option("-f", "--force", is_flag=True, help="Replace an output that exists."),
)


def _share(context: click.Context, parameter: click.Parameter, text: str | None) -> "Share | None":
    """Return the share that --shard names."""
    if text is None:
        return None
    from gradtools.store import shards

    return shards.parse(text)


shard = click.option(
    "--shard",
    metavar="I/N|auto",
    callback=_share,
    help="Compute share I of N only and write it as OUTPUT.I-of-N.h5; gradtools merge joins them. auto: from torchrun or "
    "a SLURM array.",
)


def _scheduler(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> "Scheduler | Served | None":
    """Return who computes the blocks: the cluster that is named, or in its workers whoever asks for them."""
    if text is None:
        return None
    from gradtools.stages import remote

    caller = context.find_root().obj
    return caller if isinstance(caller, remote.Served) else remote.parse(text, caller)


scheduler = click.option(
    "--scheduler",
    metavar="local:N|tcp://HOST:PORT",
    callback=_scheduler,
    help="Compute on the workers of a Dask cluster (gradtools help machines); local:N: on N processes of this machine.",
)

carry = click.option(
    "--carry/--no-carry",
    default=None,
    help="Copy everything of the input into the output.  [default: where one of them is a pipe]",
)

feature = click.option(
    "--feature",
    "feature",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.features,
    help="gradient, activation, logits, probabilities, weight, gradient@TAP, 'activation@*', map:gradcam, ... (repeat).",
)


def stored_rows(word: str | None) -> str | None:
    """Return the word of a store for one of --rows."""
    return next((stored for stored, shown in ROWS.items() if shown == word), None)


rows = click.option(
    "--rows",
    type=click.Choice(list(ROWS.values())),
    callback=lambda _context, _parameter, word: stored_rows(word),
    help="Of vectors: less their own mean and over their deviation (dividing by D - 1), as they are, or less the mean row of the chosen samples (of class rows: of all classes).  [default: standardised for classes, else raw]",
)

where = click.option(
    "--where",
    multiple=True,
    metavar="COND",
    help="""correct, wrong, class=A,B, class='"with, comma",B', smallest=25% (objects, of what the others leave) or list=FILE (repeat; all must hold).""",
)

seed = click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, help="Seed of everything random."
)

images_dir = click.option(
    "--images", "images_dir", metavar="DIR", help="Where the images of the store have gone."
)

fusions = click.option(
    "--fuse",
    multiple=True,
    default=("mean",),
    metavar="F",
    help="How: mean, max, product, or a weight each, as in 0.3,0.7 (repeat).",
)


def resamples(text: str) -> Callable[[Callable], Callable]:
    """Return --resamples of a thousand by default, with a command's own help."""
    return click.option("--resamples", type=click.IntRange(0), default=1000, help=text)


resamples_of_images = resamples("Resamples of images for the intervals.")


def _width(context: "Context", _parameter: "Option", text: str | None) -> None:
    """Make the pictures of this command as wide as is asked for."""
    from gradtools.figures import paper

    if text is not None:
        paper.set_width(paper.inches(text))
        context.call_on_close(lambda: paper.set_width(None))


width = click.option(
    "--width",
    metavar="W",
    expose_value=False,
    callback=_width,
    help="Of pictures: one-column (3.25 inches) or two-columns (6.75) of a paper, or inches; words of 8 points.",
)

figure = combine(
    click.option(
        "--figure",
        metavar="FILE",
        help="Also draw the picture (.png, .svg or .pdf; --force replaces one that exists).",
    ),
    width,
)


def _form(context: "Context", parameter: "Option", given: bool) -> None:
    """Put the form that a flag asks for among the parameters, as `form`; there is one standard output, so two forms are refused."""
    form = context.params.get("form")
    if given and form:
        raise UsageError(
            f"--{form} and --{parameter.name} both say what is on standard output: give one of them"
        )
    context.params["form"] = parameter.name if given else form


text_forms = combine(
    click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_form,
        help="The table as JSON on stdout.",
    ),
    click.option(
        "--tsv",
        is_flag=True,
        expose_value=False,
        callback=_form,
        help="The table as tab-separated text on stdout.",
    ),
)


def given(*names: str) -> list[str]:
    """Return those of the command's options that stand on the command line, as they are written there.

    Parameters
    ----------
    names
        Of parameters; the result is in their order.
    """
    context = click.get_current_context()
    written = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    return [
        written[name]
        for name in names
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]


def layers(text: str) -> Callable[[Callable], Callable]:
    """Return --layers with a command's own help: one number of taps, or several."""
    return click.option("--layers", metavar="N[,N...]", callback=_counts, help=text)


def _counts(_context: "Context", _parameter: "Option", text: str | None) -> tuple[int, ...] | None:
    """The numbers of `2` or `1,2,4`, each once, as they stand (tuple of int); None without the option."""
    if text is None:
        return None
    numbers = [part.strip() for part in text.split(",")]
    if not all(number.isdecimal() and int(number) for number in numbers):
        raise UsageError(
            f"--layers {text}: write how many of the last taps, as in 2, or several such numbers, as in 1,2,4"
        )
    return tuple(dict.fromkeys(int(number) for number in numbers))
