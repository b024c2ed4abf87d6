"""Tables of measured channels: rankings beside the measured loss, subsets, areas under curves with their differences, training steps."""

from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import RANDOM_WEIGHTS, RANKINGS_OF_CHANNELS

PREFIX = "channel_"
FIRST_KERNELS = 10
QUANTITIES = {
    "channels": "channels",
    "contribution": "contribution",
    "stay_score": "stays: score",
    "stay_unchanged": "same answer",
    "go_score": "goes: score",
    "go_unchanged": "same answer then",
}
NAMED = {
    "kernel_gradient": "kernel gradient",
    "abs": "|gradient|",
    "ablation_zero": "loss at zero",
    "ablation_mean": "loss at its mean",
    "ablation_dataset": "loss at the data's mean",
}
ON_ABLATION = (
    "Spearman over an image's channels of each ranking with what the score loses when the channel is filled, mean over images.",
    "[low, high]: 95 % of resampled images.",
)
ON_SUBSETS = (
    "Shares of the channels, of the sum of contributions, of the full score, and of the images whose answer is the same, when only the "
    "subset stays and when it goes (zero fill).",
    "random: as many channels, drawn anew for every image.",
)
ON_CURVES = (
    "Areas under the score, as a share of the full one, against the share of channels taken away (deletion: small where the ranking knows)",
    "or put in (insertion: large where it knows).",
)
ON_DIFFERENCES = (
    "Area of the contribution minus that of the other ranking, on the same images; the other pairs are in the store and in "
    "channels --tsv.",
)
ON_STEPS = (
    "kernel gradient: norm of d cross-entropy / d kernel, the training step of the kernel that makes the channel. |gradient|: of the score "
    "at the activation.",
)
ON_KERNELS = (
    f"The {FIRST_KERNELS} channels of a tap with the largest training steps, means over images; (n): rank by that column among all "
    "channels of the tap.",
    "Every channel is in the store and in channels --tsv.",
)


def make(subjects):
    """The tables that the stores can fill, a row a model and tap, fill, subset or curve."""
    yield from tables(
        [
            (subject.name, {name: measured for (_, name), measured in subject.channels.items()})
            for subject in subjects
        ]
    )


def tables(measured):
    """The tables of some models.

    Parameters
    ----------
    measured : list of (str or None, dict)
        The model's name (None: no column says it), and by the tables' names in the store what has `columns` and `facts`.

    Returns
    -------
    list of Table
    """
    found = []
    for name, (title, shown, place, notes) in TABLES.items():
        stored = [
            (model, by_name[PREFIX + name])
            for model, by_name in measured
            if PREFIX + name in by_name
        ]
        lines = [line for model, one in stored for line in _lines(model, one, shown, place)]
        if lines:
            about = dict.fromkeys(whose(one.facts) for _, one in stored)
            said = dict.fromkeys(
                f"{model}: {line}" if model else line
                for model, one in stored
                for line in (*left_out(one), *warnings(one.facts))
            )
            found.append(
                Table(
                    f"channel-{name}",
                    f"{title}, {' | '.join(about)}",
                    list(dict.fromkeys(key for line in lines for key in line)),
                    lines,
                    (*notes, *said),
                )
            )
    return found


def whose(facts):
    """How many images, and which score of which target."""
    images = f"{facts['images']} image{'s' * (facts['images'] != 1)}"
    return f"{images}, target {facts['target']}" + (
        f", score {facts['score']}" if facts["score"] != "logit" else ""
    )


def left_out(measured):
    """Which values of a table rest on fewer images, and why, a sentence each."""
    facts = measured.facts
    if facts["left_out"]:
        yield f"{facts['left_out']} unreadable images are left out."
    fewer = {
        (row["tap"], row.get("quantity", row.get("curve", ""))): row["images"]
        for row in rows_of(measured)
        if row["images"] < facts["images"]
    }
    for (tap, what), images in fewer.items():
        why = (
            "whose sum or score is above 0, so that there are shares of it"
            if what
            else "whose channels differ in both values"
        )
        yield f"{' '.join([tap, QUANTITIES.get(what, what)]).strip()}: mean over the {images} images {why}."


def warnings(facts):
    """What the numbers do not mean, a sentence each."""
    if facts.get("undefined"):
        yield f"{facts['undefined']} images have a score that is no finite number: the network's answer to them is broken"
    if facts.get("weights") == "random":
        yield RANDOM_WEIGHTS


def rows_of(measured):
    """The rows (dicts) of a stored table, with Python's own numbers."""
    for row in zip(*measured.columns.values()):
        yield {
            key: value.item() if hasattr(value, "item") else value
            for key, value in zip(measured.columns, row)
        }


def _lines(model, measured, shown, place):
    """Lines of a table: `place` says of a row what names its line, and its column."""
    lines = {}
    for row in filter(shown, rows_of(measured)):
        key, column = place(row)
        key = ({} if model is None else {"model": model}) | key
        lines.setdefault(tuple(key.items()), dict(key))[column] = _cell(row)
    return list(lines.values())


def _cell(row):
    """A share with its interval, or of a single channel its mean value and rank."""
    if "rank" in row:
        return Cell(row["value"], note=f"({row['rank']:g})", digits=None)
    return Cell(row["value"], row["low"], row["high"])


def _always(row):
    return True


TABLES = {  # title; which values are shown; the cells that name a value's row, and its column; notes
    "ablation": (
        "rankings against the measured loss",
        _always,
        lambda row: (
            {"tap": row["tap"], "fill": row["fill"]},
            RANKINGS_OF_CHANNELS[row["ranking"]],
        ),
        ON_ABLATION,
    ),
    "subsets": (
        "subsets of channels",
        lambda row: row["subset"] != "random:all",
        lambda row: (
            {"tap": row["tap"], "subset": row["subset"].replace("random:", "random, as ")},
            QUANTITIES[row["quantity"]],
        ),
        ON_SUBSETS,
    ),
    "curves": (
        "deletion and insertion",
        _always,
        lambda row: (
            {"tap": row["tap"], "curve": row["curve"]},
            RANKINGS_OF_CHANNELS[row["ranking"]],
        ),
        ON_CURVES,
    ),
    "differences": (
        "deletion and insertion, paired differences",
        lambda row: row["ranking"] == "contribution",
        lambda row: (
            {"tap": row["tap"], "curve": row["curve"]},
            f"- {RANKINGS_OF_CHANNELS[row['other']]}",
        ),
        ON_DIFFERENCES,
    ),
    "steps": (
        "training steps",
        _always,
        lambda row: (
            {"tap": row["tap"]},
            " ~ ".join(NAMED[row[side]] for side in ("first", "second")),
        ),
        ON_STEPS,
    ),
    "kernels": (
        "training steps of single channels",
        lambda row: row["place"] < FIRST_KERNELS,
        lambda row: ({"tap": row["tap"], "channel": str(row["channel"])}, NAMED[row["quantity"]]),
        ON_KERNELS,
    ),
}
