"""The shell's side: which commands there are, and how each of them may end.

One program serves every name: `gradtools extract`, `gradtools-extract` and `python -m gradtools extract` are the same.
Commands are imported when they are called, and the list of them imports none.
"""

import contextlib
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence

import click

from gradtools import __version__, interrupt
from gradtools.errors import GradtoolsError, printable, suggest

COMMANDS = {
    "extract": "Images + model -> features: logits, and at every tap activation, gradient, contribution.",
    "classes": "Model -> features whose samples are its classes: the last layer's row of each.",
    "saliency": "Images or features + model -> maps: Grad-CAM and its kin, for classes and for pairs of images.",
    "channels": "Features, or images + model -> which feature maps matter: distribution, rankings, measured ablation.",
    "similarity": "Features or maps -> how alike images are within and between classes and predictions.",
    "neighbors": "Features -> the nearest samples of one or of all, and how often they are of its class.",
    "cluster": "Features -> clusters: k-means, GMM, agglomerative, with their controls.",
    "dendrogram": "Features or similarity -> a tree of classes, images or channels: cuts, picture, Newick.",
    "faithfulness": "Maps + model -> what the score does when images are multiplied by their maps: ADP, PIC, curves.",
    "localize": "Maps + boxes or masks -> how well maps find their objects, with the controls.",
    "sanity": "Images + model -> whether maps change when the network's parameters are made random.",
    "trial": "Methods and measures on networks whose right answer is known: which of them to trust.",
    "link": "Model + generator -> the map from what the head reads to latents, and how well pictures come back.",
    "tune": "Link + generator -> what every unit of the head's input does to pictures, beside random directions.",
    "counterfactual": "Features or link -> the least change of what the head reads to another class, and what is met there.",
    "compare": "Two or more features, or a taxonomy -> how alike they are: RSA, CKA, trees, what moved.",
    "merge": "Shards of one job -> the store that one process would have made.",
    "import": "Features or a matrix made elsewhere (NPZ, NPY, CSV, Parquet) -> a store.",
    "export": "Samples and features -> CSV, TSV, NPZ or Parquet for other programs.",
    "evaluate": "Any stores -> the answer on one screen, and the papers' tables, controls beside them.",
    "claim": "A file of sentences + any stores -> supported, contradicted or undecided.",
    "verify": "A table + its stores -> what differs: every cell is computed again.",
    "report": "Any stores -> one HTML file: the answer, every table and picture, and what was run.",
    "info": "Look inside a store: what it holds, whether it is whole, its digests and history.",
    "layers": "List a model's taps: shapes, calls, and what a gradient there depends on.",
    "recipe": "A ready Makefile for an experiment.",
    "demo": "Run the whole way on the bundled example: images, stores, table, pictures.",
    "help": "Pages that ship: guides to what the figures say, models and files; mathematics, the format, glossary.",
}

ENDINGS = (
    GradtoolsError,
    click.ClickException,
    click.Abort,
    interrupt.Interrupted,
    OSError,
    MemoryError,
)  # exceptions that are one line


Failure = (
    GradtoolsError
    | click.ClickException
    | click.Abort
    | interrupt.Interrupted
    | OSError
    | MemoryError
)


class Commands(click.Group):
    """The group of all commands, each imported only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context | None, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return importlib.import_module(f"gradtools.cli.{name}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            raise click.UsageError(
                f"no command {args[0]!r} (gradtools --help lists them); {suggest(args[0], COMMANDS)}"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "GRADTOOLS",
        "max_content_width": 100,
    },
    epilog='Completion: eval "$(_GRADTOOLS_COMPLETE=bash_source gradtools)" (or zsh_source, fish_source).',
)
@click.version_option(__version__, prog_name="gradtools")
def gradtools() -> None:
    """Ask a trained image classifier what it has learned about its classes.

    Commands read and write HDF5 stores and chain in pipes: gradtools extract photos/ --model resnet50 | gradtools
    similarity | gradtools cluster | gradtools evaluate
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command this program was called by; returns its exit status.

    0 done, 1 failed, 2 usage, 3 too many inputs skipped, 130 and 143 interrupted, 141 the reader of a text has gone.
    """
    name = os.path.basename(sys.argv[0])
    argv = list(sys.argv[1:] if argv is None else argv)
    if name.startswith("gradtools-"):
        argv.insert(0, name.removeprefix("gradtools-").removesuffix(".py"))
    _occupy_closed_streams()
    stdout = sys.stdout
    verbose = any(arg.startswith("-vv") for arg in argv)
    try:
        for stream in (sys.stdout, sys.stderr):  # names that are not UTF-8 are shown escaped
            with contextlib.suppress(AttributeError):
                if isinstance(stream, io.TextIOWrapper):
                    stream.reconfigure(errors="backslashreplace")
        signal.signal(signal.SIGTERM, interrupt.raised)
        status = gradtools.main(argv, prog_name="gradtools", standalone_mode=False, obj=argv)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as leaving:
        if (
            sys.stdout is not stdout
        ):  # what click makes of a broken pipe: it leaves with another stdout in place
            return _reader_gone()
        print(f"{_called(argv)}: code of the user's left with {leaving.code!r}", file=sys.stderr)
        return 1
    except ENDINGS as error:
        if verbose:
            import traceback

            traceback.print_exc()
        return _report(error, _called(argv))
    except Exception as error:  # a defect of ours: still one line, and how to see more
        if verbose:
            raise
        print(
            f"{_called(argv)}: unexpected {type(error).__name__}: {error} (run again with -vv for the traceback)",
            file=sys.stderr,
        )
        return 1


def _occupy_closed_streams() -> None:
    """Keep a file that is opened later from getting the number of a closed stream, into which something may be printed.

    What is written to a closed standard output is an error, on a closed standard error it is lost.
    """
    with contextlib.suppress(OSError):
        while (number := os.open(os.devnull, os.O_RDONLY)) < 3:
            pass
        os.close(number)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, encoding="utf-8")  # not writable
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")


def _called(argv: list[str]) -> str:
    """What to put before a message: the program and its command."""
    return f"gradtools {argv[0]}" if argv and argv[0] in COMMANDS else "gradtools"


def _report(error: Failure, called: str) -> int:
    """Print one line for an error and return its exit status."""
    message, status = described(error)
    print(printable(f"{called}: {' '.join(message.split())}"), file=sys.stderr)
    return status


def described(error: BaseException) -> tuple[str, int]:
    """Return what one of ENDINGS says, and the exit status that it has."""
    if isinstance(error, GradtoolsError):
        message, status = str(error), error.exit_status
    elif isinstance(error, click.ClickException):
        message, status = error.format_message(), 2 if isinstance(error, click.UsageError) else 1
    elif isinstance(error, (click.Abort, interrupt.Interrupted)):
        kept = getattr(error, "kept", "")
        message = f"interrupted: {kept}" if kept else "interrupted"
        status = getattr(error, "exit_status", 130)
    elif isinstance(error, MemoryError):
        message, status = "out of memory: ask for fewer taps or rows at once", 1
    else:
        file, reason = getattr(error, "filename", None), getattr(error, "strerror", None)
        where = f"{file}: " if file else "writing the output: "
        message, status = where + (reason or str(error)), 1
    return message, status


def _reader_gone() -> int:
    """The reader of our text has left: leave too, silently, with the status a SIGPIPE would give."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 141
