"""gradtools similarity"""

import dataclasses
import math
from typing import TYPE_CHECKING

import click

from gradtools.cli import commands, options, streams, terminal
from gradtools.errors import UsageError
from gradtools.tables.wording import MAP_METRICS

if TYPE_CHECKING:
    from gradtools.selection.results import Result
    from gradtools.stages.remote import Scheduler, Served
    from gradtools.stages.similarity import MapOptions, Options
    from gradtools.store import Share, Store


@dataclasses.dataclass(frozen=True)
class OfMaps:
    """How maps are made of the stored ones and compared."""

    map_metric: tuple[str, ...]
    sign: str
    size: str | None
    layers: tuple[int, ...] | None
    fuse: str | None
    eps: float
    log_base: float
    top_share: float | None
    between: bool

    @property
    def settings(self) -> "MapOptions":
        """What the stage takes of it."""
        from gradtools.selection import maps
        from gradtools.stages.similarity import MapOptions

        values = vars(self) | {
            "map_metric": tuple(dict.fromkeys(self.map_metric)),
            "size": maps.parse_size(self.size),
        }
        return MapOptions(**values)


of_maps = options.record(
    "of_maps",
    OfMaps,
    click.option(
        "--map-metric",
        multiple=True,
        type=click.Choice(MAP_METRICS),
        default=("CC", "SIM", "KLD", "AUC"),
        help="How alike two maps are (repeat).",
    ),
    click.option(
        "--sign",
        type=click.Choice(["for", "against", "signed"]),
        default="for",
        help="Of maps: what speaks for the target, against it, or both on one scale.",
    ),
    click.option(
        "--size", metavar="N|HxW", help="Resize maps to so many pixels.  [default: the tap's own]"
    ),
    options.layers(
        "Of maps: the last so many taps of each method; with --fuse, each number of 1,2,4 makes a map of its own."
    ),
    click.option(
        "--fuse",
        metavar="F",
        help="Make one map of a method's taps: mean, max, product, or a weight each, as in 0.3,0.7.  [default: each by itself]",
    ),
    click.option(
        "--eps",
        type=float,
        default=2.2204e-16,
        help="What KLD adds inside its logarithm (its value depends on it).",
    ),
    click.option(
        "--log-base",
        type=float,
        callback=lambda _context, _parameter, base: math.e if base is None else base,
        help="Of KLD and JSD.  [default: e]",
    ),
    click.option(
        "--top-share",
        type=float,
        help="AUC's and NSS's mask is this share of the pixels.  [default: those above the map's mean]",
    ),
    click.option(
        "--between/--no-between",
        default=True,
        help="Also compare maps of two classes: the control, which takes all N squared pairs.",
    ),
)


@commands.command(
    "similarity",
    [
        "gradtools similarity photos.h5",
        "gradtools similarity maps.h5 --feature map:gradcam --feature map:gam --where correct -o similarity.h5",
    ],
)
@click.argument("path", required=False, metavar="STORE")
@options.output
@click.option(
    "--restart",
    is_flag=True,
    help="Drop what a stopped run of another command left, and begin anew.",
)
@options.shard
@options.scheduler
@options.carry
@options.feature
@click.option(
    "--metric",
    multiple=True,
    type=click.Choice(["cosine", "dot", "euclidean", "correlation"]),
    default=("cosine",),
    help="How alike two vectors are (repeat).",
)
@options.rows
@options.where
@of_maps
@click.option(
    "--matrix",
    is_flag=True,
    help="Also store the similarity of every pair of vectors, and of every pair of maps.",
)
@click.option(
    "--auc/--no-auc",
    default=True,
    help="Pair AUC: is the similarity of images of one class larger than of two?",
)
@options.resamples_of_images
@click.option("--no-intervals", is_flag=True, help="The same as --resamples 0 --permutations 0.")
@click.option(
    "--permutations",
    type=click.IntRange(0),
    default=1000,
    help="Shuffles of the labels for the tests.",
)
@click.option(
    "--decode",
    is_flag=True,
    help="Also probe how well the label can be read, with and without the class row: minutes, not seconds.",
)
@options.seed
@options.figure
@click.option(
    "--order",
    type=click.Choice(["class", "leaf"]),
    help="Of --figure: every pair as a cosine and a euclidean matrix, in this order, also of labelled samples.  "
    "[default: the class x prediction table; without labels: class]",
)
@options.text_forms
def command(
    console: terminal.Console,
    path: str | None,
    output: str | None,
    force: bool,
    restart: bool,
    shard: "Share | None",
    scheduler: "Scheduler | Served | None",
    carry: bool | None,
    feature: tuple[str, ...],
    metric: tuple[str, ...],
    rows: str | None,
    where: tuple[str, ...],
    of_maps: OfMaps,
    matrix: bool,
    auc: bool,
    resamples: int,
    no_intervals: bool,
    permutations: int,
    decode: bool,
    seed: int,
    figure: str | None,
    order: str | None,
    form: str | None,
) -> None:
    """Measure how alike images are within and between classes, and within and between predictions.

    Compares vectors (--metric) and, where the store has maps, these (--map-metric): --feature map:gradcam is the last
    tap's, 'map:*@layer3' those of all methods there. Prints its table where stdout is a terminal and no -o is given;
    through a pager, with --tsv. Means over all pairs of vectors need no N x N matrix. Of samples without
    labels, as classes are, it prints the distribution of the similarities of all pairs. Where the store has versions of
    its images (extract --augment), a second table says how alike these are to their image.
    """
    from gradtools import store
    from gradtools.selection import subjects
    from gradtools.stages import similarity
    from gradtools.tables import per_model
    from gradtools.tables.similarity import of_results

    if order and not figure:
        raise UsageError("--order is that of the picture: add --figure FILE")
    if figure:
        from gradtools import figures

        figures.check(figure)
    source_path = streams.input_store(path)
    target = streams.output_store(output, form)
    source_path, named = streams.split_feature(source_path)
    wanted = similarity.Options(
        feature=(*named, *feature),
        metric=metric,
        rows=rows,
        where=where,
        matrix=matrix,
        auc=auc,
        resamples=0 if no_intervals else resamples,
        permutations=0 if no_intervals else permutations,
        seed=seed,
        maps=of_maps.settings,
    )
    carried = streams.carried(carry, source_path, target)
    with store.read(source_path) as source:
        if target is not None:
            store.check_output(shard.output(target) if shard else target, force, [source])
        if shard and not matrix:
            raise UsageError("--shard divides the rows of --matrix: ask for that as well")
        if scheduler and not (matrix and target):
            raise UsageError(
                "--scheduler computes the rows of --matrix: ask for that as well, and for -o"
            )
        if figure and not similarity.chosen(source, wanted)[0]:
            raise UsageError(
                "--figure is of vectors, and only maps are compared here: add a --feature, such as logits"
            )
        results, beside = _computed(
            console,
            source,
            target,
            wanted,
            decode,
            carry=carried,
            force=force,
            restart=restart,
            shard=shard,
            scheduler=scheduler,
        )
        if figure:
            _draw(source, results, wanted, order, figure)
        tables = of_results([*results, *beside], source.unit, every=form is not None)
        of_features = [result.feature for result in results]
        notes = per_model.known_gradients(of_features, subjects.verdicts_of(source))
    stream = streams.table_stream(target, form)
    if stream is not None:
        terminal.print_tables(tables, form, stream, notes=notes)


def _computed(
    console: terminal.Console,
    source: "Store",
    target: str | None,
    wanted: "Options",
    decode: bool,
    *,
    carry: bool,
    force: bool,
    restart: bool,
    shard: "Share | None",
    scheduler: "Scheduler | Served | None",
) -> "tuple[list[Result], list[Result]]":
    """Return the similarities, and what is computed beside them: images' own versions and probes."""
    from gradtools.stages import similarity
    from gradtools.stages.similarity import augmentation, probe

    say, progress = console.say, console.progress
    serves = scheduler is not None and scheduler.serves
    beside = [] if serves else augmentation.describe(source, wanted, say=say, progress=progress)
    if decode and not serves:
        beside = [*beside, *probe.describe(source, wanted, say=say, progress=progress)]
    results = similarity.similarity(
        source,
        target,
        wanted,
        beside=beside,
        carry=carry,
        force=force,
        restart=restart,
        shard=shard,
        scheduler=scheduler,
        say=say,
        progress=progress,
    )
    return results, beside


def _draw(
    source: "Store", results: "list[Result]", wanted: "Options", order: str | None, figure: str
) -> None:
    """Draw every pair, or the class x prediction table."""
    from gradtools import figures
    from gradtools.stages import similarity
    from gradtools.tables import pair_distribution

    if order or pair_distribution.is_unlabelled(results):
        chosen, _ = similarity.chosen(source, wanted)
        matrices = similarity.compute_matrices(source, chosen, wanted)
        figures.every_pair(matrices, order or "class", figure)
    else:
        of_vectors = [result for result in results if result.metric not in MAP_METRICS]
        figures.class_by_prediction(of_vectors, figure)
