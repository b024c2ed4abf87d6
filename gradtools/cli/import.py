"""gradtools import"""

import click

from gradtools.cli import commands, options, passes
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError


def _pairs(
    _context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """(name, text) of every NAME=TEXT."""
    for text in texts:
        if not all(text.partition("=")[::2]):
            raise UsageError(f"{parameter.opts[0]} {text}: write it as {parameter.metavar}")
    parts = (text.partition("=") for text in texts)
    return tuple((name, value) for name, _, value in parts)


@commands.command(
    "import",
    [
        "gradtools import clip.npz --about 'features=CLIP ViT-B/32, image side' -o clip.h5",
        "gradtools import rows.npy labels.csv --images photos/ | gradtools similarity | gradtools evaluate",
    ],
)
@click.argument("files", nargs=-1, metavar="FILES...")
@options.output
@click.option(
    "--feature",
    multiple=True,
    metavar="KEY",
    help="Arrays that are features (repeat).  [default: all of numbers with a row a sample]",
)
@click.option(
    "--rename",
    multiple=True,
    metavar="OLD=NEW",
    callback=_pairs,
    help="Call an array otherwise, as in --rename y=label (repeat).",
)
@click.option(
    "--about",
    multiple=True,
    metavar="KEY=TEXT",
    callback=_pairs,
    help="What a feature is of, in words that stay in the store (repeat).",
)
@click.option(
    "--model",
    default="imported",
    metavar="NAME",
    help="What made the features, as tables name it.",
)
@click.option(
    "--unit",
    type=click.Choice(["image", "class"]),
    default="image",
    help="What a row is of. Classes meet those of gradtools classes by name.",
)
@click.option(
    "--images",
    metavar="DIR",
    help="The ids are image files below DIR: their digests let compare meet them with other stores' images.",
)
@click.option(
    "--label-map",
    metavar="CSV",
    help="Label, predicted class (name or index), one pair a line.  [default: those of equal names]",
)
@click.option(
    "--labels-in-order", is_flag=True, help="The labels are the predicted classes, in their order."
)
@click.option(
    "--matrix",
    metavar="KEY",
    help="The array that is a similarity or distance of every pair, N x N.",
)
@click.option(
    "--metric",
    type=click.Choice(["similarity", "cosine", "correlation", "dot", "euclidean", "distance"]),
    default="similarity",
    help="Of --matrix: what it holds; a similarity reaches 1 at most, euclidean lets Ward's linkage be taken.",
)
@options.resamples("Of --matrix: resamples of samples for the intervals.")
@options.seed
def command(
    console: Console,
    files: tuple[str, ...],
    output: str | None,
    force: bool,
    feature: tuple[str, ...],
    rename: tuple[tuple[str, str], ...],
    about: tuple[tuple[str, str], ...],
    model: str,
    unit: str,
    images: str | None,
    label_map: str | None,
    labels_in_order: bool,
    matrix: str | None,
    metric: str,
    resamples: int,
    seed: int,
) -> None:
    """Make a store from embeddings of another program: every command that takes features takes it.

    FILES are .npz, .npy, .csv, .tsv and .parquet (extra parquet), which together have one row a sample. Known names:
    id, label (numbers or names), class_name, predicted, model_class_name, logits, probabilities, weight and bias (the
    class rows), digest. Everything else that is numbers is a feature of its key's name; in a table columns NAME[0],
    NAME[1], ... are one, and other numbers are `features`. All but one feature may be missing; what needs labels or
    predictions says so then.
    """
    target = passes.output_file(output)
    if not files:
        raise UsageError("no files: name .npz, .npy, .csv, .tsv or .parquet")
    from gradtools.stages.transfer import importing

    importing.read_files(
        files,
        importing.Options(
            feature=feature,
            about=about,
            model=model,
            unit=unit,
            label_map=label_map,
            labels_in_order=labels_in_order,
            images=images,
            matrix=matrix,
            metric=metric,
            resamples=resamples,
            seed=seed,
        ),
        target,
        rename=rename,
        force=force,
        say=console.say,
    )
