"""gradtools neighbors"""

import click

from gradtools.cli import options
from gradtools.errors import UsageError
from gradtools.tables.rows import number, with_interval, write_table
from gradtools.tables.wording import GIVEN_PREDICTION, RETRIEVAL, units

CLOSEST = 20


@options.command(
    "neighbors",
    [
        'gradtools neighbors classes.h5 --of "Dungeness crab" -k 25 --figure crab.png',
        "gradtools neighbors photos.h5 --feature activation --feature gradient -o neighbors.h5",
    ],
)
@click.argument("path", required=False, metavar="STORE")
@click.option(
    "-k",
    "k",
    type=click.IntRange(1),
    default=25,
    help="How many; with --of the sample itself is the first of them.",
)
@click.option(
    "--of",
    "of",
    metavar="NAME",
    help="Of this sample alone: a class by name, index or WordNet id, an image by id or index.",
)
@click.option(
    "--metric",
    type=click.Choice(["cosine", "euclidean", "correlation", "dot"]),
    default="cosine",
    help="How alike two vectors are.",
)
@options.feature
@options.rows
@options.where
@click.option(
    "--permutations",
    type=click.IntRange(0),
    default=1000,
    help="With --of: rows made by chance for the floor.",
)
@click.option(
    "--floor",
    type=click.Choice(["dimensions", "values"]),
    default="dimensions",
    help="What is shuffled: each dimension's values across samples, so that what all rows share is in the floor; or the "
    "row's own values, right where dimensions are exchangeable.",
)
@click.option(
    "--resamples",
    type=click.IntRange(0),
    default=1000,
    help="Resamples of images for the intervals of retrieval.",
)
@options.seed
@options.output
@click.option(
    "--restart",
    is_flag=True,
    help="Drop what a stopped run of another command left, and begin anew.",
)
@options.carry
@options.figure
@options.text_forms
def command(console, path, of, output, force, restart, carry, form, figure, **chosen):
    """The nearest samples of one sample (--of) or of all, and how well the nearest images tell the class.

    --of prints a table, also into a pipe (-o writes a store instead), with the floor under which nearness says nothing:
    the 95 % quantile of the largest similarity that a row by chance reaches, 1,000 times (--floor says which chance).
    Without --of every sample's k nearest go into the store, found in blocks (under 1 GiB for any number of images); where
    samples have labels the table is leave-one-out retrieval: recall@1 and @5, mAP, accuracy of a vote of the k nearest.
    On images --of takes activation unless a --feature is named.
    """
    from gradtools import store
    from gradtools.stages import neighbors

    if figure:
        if of is None:
            raise UsageError("--figure draws the neighbours of one sample: add --of NAME")
        from gradtools import figures

        figures.check(figure)
    source_path = options.input_store(path)
    target = output if of is not None and not output else options.output_store(output, form)
    source_path, named = options.split_feature(source_path)
    asked = neighbors.Options(features=(*named, *chosen.pop("feature")), **chosen)
    carried = options.carried(carry, source_path, target)
    stream = options.table_stream(target, form)
    with store.read(source_path) as source:
        if of is not None:
            _one(source, of, target, asked, figure, form, stream, carry=carried, force=force)
            return
        found, measured = neighbors.neighbors(
            source,
            target,
            asked,
            carry=carried,
            force=force,
            restart=restart,
            say=console.say,
            progress=console.progress,
        )
        if stream is not None:
            _show_retrieval(source, measured, form, stream) if measured else _show_closest(
                source, found, asked, form, stream
            )


def _one(source, of, target, asked, figure, form, stream, *, carry, force):
    """The neighbours of one sample: table, picture and store."""
    from gradtools import store
    from gradtools.stages import neighbors
    from gradtools.store import provenance

    begun = provenance.begin()
    if target is not None:
        store.check_output(target, force, [source])
    found = neighbors.of(source, of, neighbors.chosen(source, asked, one=True), asked)
    if target is not None:
        neighbors.write_of(source, target, found, asked, begun, carry=carry, force=force)
    if figure:
        from gradtools import figures

        figures.neighbours(found, source.ids, figure)
    if stream is None:
        return
    if form:
        rows = [row for near in found for row in _rows(source, near)]
        notes = [f"{near.feature}: {note}" for near in found for note in _about_floor(near)]
        write_table(
            rows, list(rows[0]), form, f"nearest to {source.ids[found[0].sample]}", notes, stream
        )
        return
    for near in found:
        _show_near(source, near, stream)


def _value_name(metric):
    """What the numbers of a metric are called."""
    return "distance" if metric == "euclidean" else "similarity"


def _index(source, row):
    """The number a sample goes by: of a class the model's, else its row in the store."""
    return int(source.predicted[row]) if source.unit == "class" else int(row)


def _told(source, row):
    """What else is known of an image: its class and the network's answer."""
    known = {}
    if source.unit == "image" and source.class_names:
        known["class"] = source.class_names[source.labels[row]] if source.labels[row] >= 0 else None
    if source.unit == "image" and source.predicted is not None:
        names = source.model_class_names
        known["prediction"] = names[source.predicted[row]] if names else int(source.predicted[row])
    return known


def _rows(source, near):
    """One row a neighbour, for programs."""
    for rank, (row, value) in enumerate(zip(near.index, near.values)):
        yield {
            "feature": near.feature,
            "rank": rank,
            "index": _index(source, row),
            "name": source.ids[row],
            **_told(source, row),
            _value_name(near.metric): float(value),
            "floor": near.floor,
        }


def _show_near(source, near, stream):
    """The same for people, with a line where the floor is."""
    from gradtools.tables import text_tree

    value_name, rows, drawn = _value_name(near.metric), [], False
    for row in _rows(source, near):
        if (
            not drawn
            and row["rank"] > 0
            and near.floor == near.floor
            and not near.beyond(row[value_name])
        ):
            rows.append({"name": "-- floor --", value_name: near.floor})
            drawn = True
        rows.append(row | {"name": text_tree.shortened(row["name"])})
    count = near.others + 1
    title = f"nearest to {source.ids[near.sample]}: {near.metric} of {near.feature} (rows {near.normalised}), {count} {units(source.unit, count)}"
    columns = ["rank", "name", *_told(source, near.sample), "index", value_name]
    write_table(rows, columns, "text", title, _about_floor(near), stream)


def _about_floor(near):
    """What the floor is, and how many are above it."""
    if near.floor != near.floor:
        return []
    similar = ("above", "below", "largest", "95 %")
    nearer, rest, most, share = (
        ("nearer than", "farther", "smallest", "5 %") if near.metric == "euclidean" else similar
    )
    made = (
        "this row's values were shuffled"
        if near.shuffled == "values"
        else "a row was made of other samples' values in each dimension"
    )
    times = "once" if near.permutations == 1 else f"{near.permutations:,} times"
    return [
        f"{near.above} of {near.others} are {nearer} the floor of {number(near.floor, 3)}: what is {rest} is no more alike than chance makes it.",
        f"floor: {made} {times}; of the {most} {_value_name(near.metric)} to any other row each time, the {share} quantile.",
    ]


def _show_retrieval(source, measured, form, stream):
    """How often the nearest samples are of the sample's class."""
    if form:
        rows = [
            {"feature": found.feature, "metric": found.facts["metric"]} | row
            for found in measured
            for row in _measures(found)
        ]
        write_table(rows, list(rows[0]), form, "retrieval", stream=stream)
        return
    facts, asked = measured[0].facts, units(source.unit)
    scopes = {"": "", GIVEN_PREDICTION: ", given the same prediction"}
    shown = [
        scope
        for scope in scopes
        if any("recall_1" + scope in found.columns["statistic"] for found in measured)
    ]
    for scope in shown:
        rows = []
        for found in measured:
            of = {row["statistic"]: row for row in _measures(found)}
            if "recall_1" + scope not in of:
                continue
            row = {"feature": found.feature}
            for name, title in RETRIEVAL.items():
                at = of[name + scope]
                title = f"{title} of {facts['k']}" if name == "knn" else title
                row[f"{title} (chance)"] = (
                    f"{with_interval(at['value'], at['low'], at['high'])} ({number(at['chance'], 3)})"
                )
            rows.append(row | {asked: of["recall_1" + scope]["queries"]})
        title = f"leave-one-out retrieval{scopes[scope]}, {facts['metric']}, {facts['queries']} of {facts['rows']} {asked} asked"
        notes = (
            _about_retrieval(source, facts, GIVEN_PREDICTION in shown) if scope == shown[-1] else ()
        )
        write_table(rows, list(rows[0]), "text", title, notes, stream)


def _about_retrieval(source, facts, predicted):
    """What the numbers of retrieval are, and their controls."""
    name = units(source.unit)
    if source.unit == "channel":
        yield "class: of a channel, its tap."
    if predicted:
        yield f"given the same prediction: only {name} of the query's own prediction are candidates, where these have two classes or more."
    ties = (
        "; ties count as broken by chance, so weight, the class row of the prediction, scores it there"
        if predicted
        else ""
    )
    yield f"(chance): candidates in random order{ties}."
    if facts["resamples"]:
        yield f"[low, high]: 95 % of resampled queries; the {name} they are compared with stay."


def _measures(found):
    """Rows of an outcome's table (iterator of dicts)."""
    for values in zip(*found.columns.values()):
        yield {
            key: value.item() if hasattr(value, "item") else value
            for key, value in zip(found.columns, values)
        }


def _show_closest(source, found, asked, form, stream):
    """Neighbours of samples without labels: for programs all, for people the closest."""
    import numpy as np

    value_name, places = _value_name(asked.metric), _places(source, asked)
    if form:
        rows = [
            {
                "feature": one.feature,
                "index": _index(source, places[i]),
                "name": source.ids[places[i]],
                "rank": rank + 1,
                "neighbor_index": _index(source, places[j]),
                "neighbor": source.ids[places[j]],
                value_name: float(value),
            }
            for one in found
            for i, (near, values) in enumerate(zip(one.index, one.values))
            for rank, (j, value) in enumerate(zip(near, values))
            if j >= 0
        ]
        columns = ["feature", "index", "name", "rank", "neighbor_index", "neighbor", value_name]
        write_table(rows, columns, form, "neighbors", stream=stream)
        return
    for one in found:
        first = one.values[:, 0].astype(float)
        order = np.argsort(first if asked.metric == "euclidean" else -first, kind="stable")
        order = [i for i in order if one.index[i, 0] >= 0][:CLOSEST]
        rows = [
            {
                "sample": source.ids[places[i]],
                "nearest": source.ids[places[one.index[i, 0]]],
                value_name: float(first[i]),
            }
            for i in order
        ]
        title = f"{asked.metric} of {one.feature}: the nearest of each, the {len(rows)} closest of {len(first)}"
        write_table(
            rows,
            ["sample", "nearest", value_name],
            "text",
            title,
            ("--of NAME shows one with its floor; --tsv all.",),
            stream,
        )


def _places(source, asked):
    """Rows of the store that were compared."""
    import numpy as np

    from gradtools.selection import samples

    return np.flatnonzero(samples.select(source, asked.where))
