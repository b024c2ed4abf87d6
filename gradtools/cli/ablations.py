"""The measured half of `gradtools channels`: options of --ablate, its run, its tables."""

import contextlib

import click
from click.core import ParameterSource

from gradtools.cli import options, passes
from gradtools.errors import UsageError
from gradtools.tables.rows import write_table

asked = options.combine(
    click.option(
        "--ablate",
        multiple=True,
        type=click.Choice(["zero", "mean", "dataset"]),
        help="Measure, with --model: run the network without each channel, filled with zero, the mean of its map or of the data (repeat).",
    ),
    click.option(
        "--channels",
        multiple=True,
        default=("all", "positive", "negative", "zero", "nearzero", "top10"),
        metavar="C",
        help="With --ablate: subsets that stay and that go, in the words of saliency --channels (repeat).",
    ),
    click.option(
        "--steps",
        type=click.IntRange(0),
        default=20,
        help="With --ablate: steps of the deletion and insertion curves; 0 for none.",
    ),
    click.option(
        "--kernels/--no-kernels",
        default=True,
        help="With --ablate: the norm of the loss's gradient at the kernel of each channel.",
    ),
    click.option(
        "--target",
        metavar="T",
        help="With --ablate: argmax, label, a class NAME or ID, diff:A,B.  [default: the store's, or argmax]",
    ),
    click.option(
        "--restart",
        is_flag=True,
        help="Drop what a stopped run of another command left, and begin anew.",
    ),
    passes.scored,
    passes.computing(8),
)

NAMES = (
    "ablate",
    "channels",
    "steps",
    "kernels",
    "target",
    "restart",
    "score",
    "temperature",
    "label_map",
    "labels_in_order",
    "unmapped",
    "batch_size",
    "device",
    "dtype",
    "threads",
    "workers",
    "max_skipped",
    "strict",
    "value_range",
    "fold",
    "compress",
)
OF_A_STORE = ("by", "of", "top", "ranking", "profiles", "bins", "picture")


def check(ablate, model):
    """Refuse options of the other half, and what has no network."""
    context = click.get_current_context()

    def given(names):
        return [
            name.replace("_", "-")
            for name in names
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        ]

    if not ablate and given(NAMES):
        raise UsageError(
            f"--{given(NAMES)[0]} is about measuring: add --ablate zero (with --model), or leave it out"
        )
    if ablate and given(OF_A_STORE):
        raise UsageError(
            f"--{given(OF_A_STORE)[0]} reads a store: ablate first, then ask it of the output"
        )
    if ablate and model is None:
        raise UsageError("Missing option '--model': --ablate runs the network without each channel")


def run(
    console,
    path,
    output,
    form,
    force,
    carry,
    figure,
    where,
    images_dir,
    tap,
    resamples,
    seed,
    network,
    chosen,
):
    """Measure, and show the tables where they are asked for.

    Parameters
    ----------
    path : str or None
        A store, or images.
    form : str or None
        Form of the tables on standard output.
    figure : str or None
        Where the curves are drawn.
    network : callable
        Loads the model.
    chosen : dict
        The options of `asked`.
    """
    if output is None:
        raise UsageError("--ablate works long and makes a store: name a file with -o")
    _check_figure(figure, chosen["steps"])
    from gradtools import store

    store.check_output(output, force)
    path = options.input_store(path)
    with contextlib.ExitStack() as stack:
        source, listed = None, None
        if store.is_store(path):
            source = stack.enter_context(store.read(path))
            chosen |= _of_store(source, chosen)
        else:
            if where or images_dir or carry:
                raise UsageError(
                    "--where, --images and --carry are about the images of a store: give one, as in gradtools channels photos.h5"
                )
            listed = passes.listed(console, [path], None, False, strict=chosen["strict"])
        model = network(listed=listed, source=source, images_dir=images_dir)
        from gradtools.stages.channels import ablation

        shared = {name: chosen.pop(name) for name in ("threads", "workers", "restart")}
        allowed = "0" if chosen.pop("strict") else chosen.pop("max_skipped")
        chosen.pop("max_skipped", None)
        wanted = ablation.Options(
            tap=tuple(tap) or ("auto:last-block",),
            fill=tuple(dict.fromkeys(chosen.pop("ablate"))),
            compress=chosen.pop("compress") == "gzip",
            resamples=resamples,
            seed=seed,
            **chosen | {"target": chosen["target"] or "argmax"},
        )
        found = ablation.ablate(
            listed,
            model,
            output,
            wanted,
            source=source,
            where=where,
            images_dir=images_dir,
            carry=source is not None and options.carried(carry, path, output),
            max_skipped=allowed,
            force=force,
            say=console.say,
            progress=console.progress,
            **shared,
        )
    found = {one.path.rpartition("/")[2]: one for one in found} or _stored(output)
    if figure:
        from gradtools import figures
        from gradtools.selection.subjects import short_name

        figures.deletion_curves({short_name(model.spec): found}, figure)
    stream = options.table_stream(output, form)
    if stream is not None:
        show(found, form or "text", stream)


def _check_figure(figure, steps):
    """Refuse a picture that could not be drawn, before the work for it is done."""
    if figure and not steps:
        raise UsageError(
            "--figure draws the deletion and insertion curves, and --steps 0 leaves them out: drop one of the two"
        )
    if figure:
        from gradtools import figures

        figures.check(figure)


def _stored(path):
    """The tables of a store that only waited for its name, by their names."""
    from gradtools.stages import evaluate

    return {
        name: measured
        for subject in evaluate.gather([path])
        for (_, name), measured in subject.channels.items()
    }


def _of_store(source, chosen):
    """Target, score and temperature of a store's gradients, where they are not given."""
    context = click.get_current_context()
    return {
        name: source.model[name]
        for name in ("target", "score", "temperature")
        if name in source.model
        and (chosen[name] is None or context.get_parameter_source(name) is ParameterSource.DEFAULT)
    }


def show(found, form, stream):
    """Write the tables of an ablation.

    Parameters
    ----------
    found : dict of str to results.Result
        By their names in the store.
    form : key of console.FORMS
    """
    from gradtools.tables import ablation

    if form in ("json", "csv", "tsv"):
        every = [
            {"table": name.removeprefix(ablation.PREFIX)} | row
            for name, one in found.items()
            for row in ablation.rows_of(one)
        ]
        write_table(
            every,
            list(dict.fromkeys(key for row in every for key in row)),
            form,
            "ablation of channels",
            (),
            stream,
        )
        return
    for one in ablation.tables([(None, found)]):
        rows = [{key: str(value) for key, value in row.items()} for row in one.rows]
        write_table(rows, one.columns, form, one.title, one.notes, stream)
