"""The measured half of `gradtools channels`: options of --ablate, its run, its tables."""

import contextlib

import click
from click.core import ParameterSource

from gradtools.cli import options, passes
from gradtools.cli.channel_tables import interval, share
from gradtools.cli.console import write_table
from gradtools.errors import UsageError
from gradtools.vocabulary import RANKINGS_OF_CHANNELS

asked = options.combine(
    click.option("--ablate", multiple=True, type=click.Choice(["zero", "mean", "dataset"]),
                 help="Measure, with --model: run the network without each channel, filled with zero, the mean of its map or of the data (repeat)."),
    click.option("--channels", multiple=True, default=("all", "positive", "negative", "zero", "nearzero", "top10"), metavar="C",
                 help="With --ablate: subsets that stay and that go, in the words of saliency --channels (repeat)."),
    click.option("--steps", type=click.IntRange(0), default=20, help="With --ablate: steps of the deletion and insertion curves; 0 for none."),
    click.option("--kernels/--no-kernels", default=True, help="With --ablate: the norm of the loss's gradient at the kernel of each channel."),
    click.option("--target", metavar="T", help="With --ablate: argmax, label, a class NAME or ID, diff:A,B.  [default: the store's, or argmax]"),
    click.option("--restart", is_flag=True, help="Drop what a stopped run of another command left, and begin anew."),
    passes.scored, passes.computing(8))

NAMES = ("ablate", "channels", "steps", "kernels", "target", "restart", "score", "temperature", "label_map", "labels_in_order", "unmapped",
         "batch_size", "device", "dtype", "threads", "workers", "max_skipped", "strict", "fold", "compress")
OF_A_STORE = ("by", "of", "top", "ranking", "profiles", "bins", "figure", "picture")

ON_ABLATION = ("Spearman over an image's channels of each ranking with what the score loses when the channel is filled, mean over images.",
               "[low, high]: 95 % of resampled images.")
ON_SUBSETS = ("Shares of the channels, of the sum of contributions, of the full score, and of the images whose answer is the same, when only the "
              "subset stays and when it goes (zero fill).", "random: as many channels, drawn anew for every image.")
ON_CURVES = ("Areas under the score, as a share of the full one, against the share of channels taken away (deletion: small where the ranking knows)",
             "or put in (insertion: large where it knows).")
ON_DIFFERENCES = ("Area of the contribution minus that of the other ranking, on the same images; the other pairs are in the store and in --tsv.",)
ON_STEPS = ("kernel gradient: norm of d cross-entropy / d kernel, the training step of the kernel that makes the channel. |gradient|: of the score "
            "at the activation.",)
QUANTITIES = {"channels": "channels", "contribution": "contribution", "stay_score": "stays: score", "stay_unchanged": "same answer",
              "go_score": "goes: score", "go_unchanged": "same answer then"}
NAMED = {"kernel_gradient": "kernel gradient", "ablation_zero": "loss at zero", "ablation_mean": "loss at its mean",
         "ablation_dataset": "loss at the data's mean"}


def check(ablate, model):
    """Refuse options of the other half, and what has no network."""
    context = click.get_current_context()

    def given(names):
        return [name.replace("_", "-") for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]

    if not ablate and given(NAMES):
        raise UsageError(f"--{given(NAMES)[0]} is about measuring: add --ablate zero (with --model), or leave it out")
    if ablate and given(OF_A_STORE):
        raise UsageError(f"--{given(OF_A_STORE)[0]} reads a store: ablate first, then ask it of the output")
    if ablate and model is None:
        raise UsageError("Missing option '--model': --ablate runs the network without each channel")


def run(console, path, output, form, force, carry, where, images_dir, tap, resamples, seed, network, chosen):
    """Measure, and show the tables where they are asked for.

    Parameters
    ----------
    path : str or None
        A store, or images.
    form : str or None
        Form of the tables on standard output.
    network : callable
        Loads the model.
    chosen : dict
        The options of `asked`.
    """
    if output is None:
        raise UsageError("--ablate works long and makes a store: name a file with -o")
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
                raise UsageError("--where, --images and --carry are about the images of a store: give one, as in gradtools channels photos.h5")
            listed = passes.listed(console, [path], None, False)
        model = network()
        from gradtools.channels import ablation
        shared = {name: chosen.pop(name) for name in ("threads", "workers", "restart")}
        allowed = "0" if chosen.pop("strict") else chosen.pop("max_skipped")
        chosen.pop("max_skipped", None)
        wanted = ablation.Options(tap=tuple(tap) or ("auto:last-block",), fill=tuple(dict.fromkeys(chosen.pop("ablate"))),
                                  compress=chosen.pop("compress") == "gzip", resamples=resamples, seed=seed,
                                  **chosen | {"target": chosen["target"] or "argmax"})
        found = ablation.ablate(listed, model, output, wanted, source=source, where=where, images_dir=images_dir,
                                carry=source is not None and options.carried(carry, path, output), max_skipped=allowed, force=force,
                                say=console.say, progress=console.progress, **shared)
    stream = options.table_stream(output, form)
    if stream is not None:
        show(found, form or "text", stream)


def _of_store(source, chosen):
    """Target, score and temperature of a store's gradients, where they are not given."""
    context = click.get_current_context()
    return {name: source.model[name] for name in ("target", "score", "temperature")
            if name in source.model and (chosen[name] is None or context.get_parameter_source(name) is ParameterSource.DEFAULT)}


def show(found, form, stream):
    """Write the tables of an ablation.

    Parameters
    ----------
    found : list of outcomes.Outcome
    form : key of console.FORMS
    """
    rows = {one.path.rpartition("/")[2].removeprefix("channel_"): [dict(zip(one.columns, row)) for row in zip(*one.columns.values())]
            for one in found}
    if form in ("json", "csv", "tsv"):
        every = [{"table": name} | _plain(row) for name, part in rows.items() for row in part]
        write_table(every, list(dict.fromkeys(key for row in every for key in row)), form, "ablation of channels", (), stream)
        return
    for name, part in rows.items():
        title, shown, head, notes = TABLES[name]
        lines = {}
        for row in filter(shown, part):
            key, column = head(row)
            lines.setdefault(tuple(key.items()), dict(key))[column] = interval(float(row["value"]), float(row["low"]), float(row["high"]), share)
        lines = list(lines.values())
        heads = list(dict.fromkeys(key for line in lines for key in line))
        write_table(lines, heads, form, f"{title}, {found[0].facts['images']} images", (*notes, *_left_out(part, found[0].facts)), stream)


def _left_out(part, facts):
    """Which values rest on fewer images, and why."""
    if facts["left_out"]:
        yield f"{facts['left_out']} unreadable images are left out."
    fewer = {(row["tap"], row.get("quantity", row.get("curve", ""))): int(row["images"]) for row in part if row["images"] < facts["images"]}
    for (tap, what), images in fewer.items():
        why = "whose sum or score is above 0, to have a share of" if what else "whose channels differ in both values"
        yield f"{' '.join([tap, QUANTITIES.get(what, what)]).strip()}: of the {images} images {why}."


def _plain(row):
    """A row with Python's own numbers."""
    return {key: value.item() if hasattr(value, "item") else value for key, value in row.items()}


def _always(row):
    return True


TABLES = {  # title; which values are shown; the cells that name a value's row, and its column; notes
    "ablation": ("rankings against the measured loss", _always, lambda row: (
        {"tap": row["tap"], "fill": row["fill"]}, RANKINGS_OF_CHANNELS[row["ranking"]]), ON_ABLATION),
    "subsets": ("subsets of channels", lambda row: row["subset"] != "random:all", lambda row: (
        {"tap": row["tap"], "subset": row["subset"].replace("random:", "random, as ")}, QUANTITIES[row["quantity"]]), ON_SUBSETS),
    "curves": ("deletion and insertion", _always, lambda row: (
        {"tap": row["tap"], "curve": row["curve"]}, RANKINGS_OF_CHANNELS[row["ranking"]]), ON_CURVES),
    "differences": ("deletion and insertion, paired differences", lambda row: row["ranking"] == "contribution", lambda row: (
        {"tap": row["tap"], "curve": row["curve"]}, f"- {RANKINGS_OF_CHANNELS[row['other']]}"), ON_DIFFERENCES),
    "steps": ("training steps", _always, lambda row: (
        {"tap": row["tap"]}, " ~ ".join(NAMED.get(row[side], RANKINGS_OF_CHANNELS.get(row[side])) for side in ("first", "second"))), ON_STEPS),
}
