"""gradtools compare"""

import click

from gradtools.cli import options
from gradtools.errors import UsageError
from gradtools.tables.rows import number, with_interval, write_table
from gradtools.tables.wording import units

SHOWN_MOVED = 10
HEADS = {
    "rsa_pearson": "RSA",
    "rsa_spearman": "RSA, ranks",
    "cka": "CKA",
    "cka_debiased": "CKA debiased",
    "cophenetic": "trees",
}
NOTES = {
    "RSA": "RSA: correlation of the two similarity matrices over all pairs; p: Mantel's, samples of one side permuted; floor: their 95 % quantile.",
    "CKA": "CKA: linear; shuffled: its mean over rows in random order, which it is biased by. debiased: 0 where nothing is in common.",
    "trees": "trees: correlation of the heights at which two samples join (of a taxonomy: path lengths). ARI@k: cuts into k clusters, 0 by chance.",
}
NOTE_OF_INTERVALS = (
    "[low, high]: 95 % of resampled {}, pairs of copies left out; the trees are not made anew."
)
NOTES_OF_MOVED = (
    "moved: 1 - correlation of its similarities to all others in a and in b; 0: unchanged, about 1: nothing in common.",
)
NOTE_OF_DIFFERENCES = "differences are from the first row, under the same resamples."


@options.command(
    "compare",
    [
        "gradtools compare resnet18.h5 resnet50.h5 --figure tanglegram.svg",
        "gradtools compare classes.h5 --reference taxonomy.csv --json",
    ],
)
@click.argument("stores", nargs=-1, metavar="STORES...")
@options.output
@options.feature
@click.option(
    "--metric",
    type=click.Choice(["cosine", "correlation", "euclidean", "dot"]),
    default="cosine",
    help="Of the similarity matrices.",
)
@options.rows
@options.where
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="CSV",
    help="A taxonomy, lines class,parent or class,group, or a matrix with names in its first line and column (repeat).",
)
@click.option(
    "--against",
    type=click.Choice(["each-other", "first", "last"]),
    default="each-other",
    help="Which pairs of stores, or of one store's features.",
)
@click.option(
    "--k",
    multiple=True,
    type=click.IntRange(2),
    help="Clusters of the trees' cuts (repeat).  [default: as many as classes, or the samples' root]",
)
@click.option(
    "--resamples",
    type=click.IntRange(0),
    default=1000,
    help="Resamples of samples for the intervals.",
)
@click.option(
    "--permutations",
    type=click.IntRange(0),
    default=1000,
    help="Permutations of the samples for Mantel's test.",
)
@click.option("--no-intervals", is_flag=True, help="The same as --resamples 0 --permutations 0.")
@options.seed
@options.figure
@click.option(
    "--picture",
    type=click.Choice(["tanglegram", "moved", "matrix", "curve"]),
    help="Of --figure.  [default: tanglegram for one pair, curve for --against first or last, else matrix]",
)
@click.option(
    "--at",
    metavar="X,Y,...",
    help="Where each store stands on the curve.  [default: the number in its file's name]",
)
@click.option(
    "--by",
    type=click.Choice(["cka_debiased", "cka", "rsa_pearson", "rsa_spearman"]),
    help="What a matrix shows.  [default: cka_debiased]",
)
@click.option(
    "--spaces",
    is_flag=True,
    help="The output's samples are the features or models compared, with their matrix of --by: for dendrogram.",
)
@options.text_forms
def command(
    console, stores, output, force, form, no_intervals, figure, picture, at, by, spaces, **chosen
):
    """How alike features, models or checkpoints are, sample by sample and whatever their dimensions; and what moved.

    Between stores, features of one role are compared (the last convolution's with the last convolution's), or those named
    as STORE::FEATURE; of one store, all that --feature names. Samples are met by digest, classes by name or WordNet id;
    only what all inputs have is compared. Prints its table where stdout is a terminal and no -o is given; through a pager, with --tsv.
    """
    from gradtools.stages import compare

    if figure:
        from gradtools import figures

        figures.check(figure)
    elif picture or at or by and not spaces:
        raise UsageError("--picture, --at and --by are those of the picture: add --figure FILE")
    target = options.output_store(output, form)
    if spaces and target is None:
        raise UsageError("--spaces is about the store that is made: name it with -o")
    if no_intervals:
        chosen |= {"resamples": 0, "permutations": 0}
    chosen["features"] = chosen.pop("feature")
    asked = compare.Options(**chosen)
    given = list(stores) or [options.input_store(None)]
    found = compare.compare(
        given,
        target,
        asked,
        spaces_by=(by or "cka_debiased") if spaces else None,
        force=force,
        say=console.say,
        progress=console.progress,
    )
    if figure:
        figures.compared(
            found,
            picture or default_picture(found, asked),
            figure,
            by or "cka_debiased",
            compare.positions(found.stores, numbers(at)),
        )
    stream = options.table_stream(target, form)
    if stream is not None:
        show(found, form, stream)


def numbers(text):
    """The numbers of --at (list of float), or None."""
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--at {text}: write a number for each store, as in 1,2,5,10") from None


def default_picture(found, asked):
    """What is drawn unless something is asked for."""
    if len(found.comparisons) == 1:
        return "tanglegram"
    return "matrix" if asked.against == "each-other" else "curve"


def show(found, form, stream):
    """One row a pair for people, and the most-moved samples of one pair; for programs one row a statistic, or sample."""
    from gradtools.stages import compare

    table, moved = compare.table(found), compare.moved(found)
    if form:
        rows = [
            {name: _plain(value) for name, value in zip(table, row)} for row in zip(*table.values())
        ]
        rows += [
            {"statistic": "moved"}
            | {
                ("value" if name == "moved" else name): _plain(value)
                for name, value in zip(moved, row)
            }
            for row in zip(*moved.values())
        ]
        write_table(
            rows, [*table, "sample", "nearest_a", "nearest_b"], form, "compare", stream=stream
        )
        return
    rows = [_row(table, comparison) for comparison in found.comparisons]
    title = f"{found.facts['samples']} {units(found.unit)}, {found.facts['metric']} (rows {found.facts['normalised']})"
    heads = list(dict.fromkeys(head for row in rows for head in row))
    notes = [note for head, note in NOTES.items() if head in heads]
    notes += [NOTE_OF_INTERVALS.format(units(found.unit))] if found.facts["resamples"] else []
    write_table(rows, heads, "text", title, [*notes, *limits(found)], stream)
    if len(rows) > 1 and found.facts["resamples"]:
        write_table(
            [_difference(table, comparison) for comparison in found.comparisons[1:]],
            ["a", "b", "RSA", "RSA, ranks", "CKA debiased", "trees"],
            "text",
            f"difference from {rows[0]['a']}, {rows[0]['b']}",
            (NOTE_OF_DIFFERENCES,),
            stream,
        )
    if len(rows) == 1:
        top = [
            {name: _plain(column[place]) for name, column in moved.items()}
            for place in range(min(SHOWN_MOVED, len(moved["sample"])))
        ]
        heads = [found.unit, "moved", f"nearest in {moved['a'][0]}", f"nearest in {moved['b'][0]}"]
        rows = [
            dict(
                zip(
                    heads,
                    (
                        row["sample"],
                        with_interval(row["moved"], row["low"], row["high"]),
                        row["nearest_a"],
                        row["nearest_b"],
                    ),
                )
            )
            for row in top
        ]
        write_table(
            rows,
            heads,
            "text",
            f"the {len(top)} most moved of {len(moved['sample'])}",
            NOTES_OF_MOVED,
            stream,
        )


def limits(found):
    """Lines that say what the number of samples left undone."""
    from gradtools.math.spaces.rsa import HELD

    if found.facts["samples"] > HELD:
        yield (
            f"more than {HELD} samples: no ranks, tests or trees (--where list=FILE takes fewer), and intervals of first order"
        )
    for name, head in HEADS.items():
        done = {
            comparison.measured.statistics[name].permutations
            for comparison in found.comparisons
            if name in comparison.measured.statistics
        }
        if done - {0, found.facts["permutations"]}:
            yield f"{head}: {min(done - {0})} permutations, as many as its pairs of samples allow"
    drawn = {
        len(comparison.measured.statistics["rsa_spearman"].replicates)
        for comparison in found.comparisons
        if comparison.measured.statistics["rsa_spearman"].replicates is not None
    }
    if drawn - {found.facts["resamples"]}:
        yield f"RSA, ranks: {min(drawn)} resamples"


def _plain(value):
    return value.item() if hasattr(value, "item") else value


def _of(table, comparison):
    """{statistic: its row} of a pair."""
    return {
        name: {head: _plain(column[place]) for head, column in table.items()}
        for place, name in enumerate(table["statistic"])
        if (table["a"][place], table["b"][place]) == (comparison.a, comparison.b)
    }


def _row(table, comparison):
    """One pair's row."""
    row = {"a": comparison.a, "b": comparison.b}
    for name, found in _of(table, comparison).items():
        row[HEADS.get(name, name.replace("ari", "ARI"))] = with_interval(
            found["value"], found["low"], found["high"]
        )
        if name in ("rsa_pearson", "cophenetic") and found["permutations"]:
            row["p" if name == "rsa_pearson" else "trees p"] = number(found["p"], 3)
            row["floor" if name == "rsa_pearson" else "trees floor"] = number(found["floor"], 3)
        if name == "cka":
            row["shuffled"] = number(found["shuffled"], 3)
    return row


def _difference(table, comparison):
    """The pair's differences from the first one."""
    found = _of(table, comparison)
    return {"a": comparison.a, "b": comparison.b} | {
        head: with_interval(
            found[name]["difference"], found[name]["difference_low"], found[name]["difference_high"]
        )
        for name, head in HEADS.items()
        if name in found and name != "cka"
    }
