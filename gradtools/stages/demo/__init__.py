"""The whole way on the bundled example: scenes, three networks, their stores, tables and pictures, and the commands that make them."""

import io
import os
import shlex
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gradtools import figures, images, interrupt, store
from gradtools.bundled import scenes
from gradtools.errors import GradtoolsError
from gradtools.network import models
from gradtools.selection.subjects import Subject
from gradtools.stages import (
    classes,
    cluster,
    dendrogram,
    evaluate,
    extract,
    localize,
    neighbors,
    saliency,
    similarity,
)
from gradtools.stages.demo import links, truth
from gradtools.stages.run import Progress, Say
from gradtools.store.disk import disk_errors
from gradtools.tables.render import write_tables

NETWORKS = ("resnet8", "resnet14", "resnet20")
MAPPED = "resnet20"  # the network whose maps and classes are looked at, too
SWEEP = ("gradient@*", "activation@*", "logits", "probabilities")
METHODS = ("gradcam", "gam")
CLUSTER_REPEATS = 3  # ten are the default elsewhere
OVERLAYS = 12
CLUSTERS_OF_CLASSES = 4
PICTURES = ("prediction", "bars", "heat", "pca", "taps", "confusion")
TABLES, COMMANDS = "tables.txt", "commands.sh"


class Made(NamedTuple):
    """What the demo made: the subjects of its stores, pictures and folders of pictures, and the commands that make it."""

    subjects: list[Subject]
    stores: list[str]
    pictures: list[str]
    commands: list[str]


class Step(NamedTuple):
    """One command: its arguments as they are written, what it makes, and the work."""

    arguments: tuple[str, ...]
    makes: tuple[str, ...]
    run: Callable[[], None]


def run(
    folder: str,
    *,
    force: bool = False,
    full: bool = False,
    say: Say = print,
    progress: Progress = interrupt.unwatched,
) -> Made:
    """Make everything below `folder`; in full, whether maps are right and the links of generators too.

    Raises
    ------
    GradtoolsError
        The folder is not empty, without `force`.
    """
    if os.path.isdir(folder) and os.listdir(folder) and not force:
        raise GradtoolsError(
            f"{folder} is not empty: name another folder, or replace the demo's files in it with --force"
        )
    photographs = os.path.join(folder, "scenes")
    with disk_errors(photographs, "free some, then give the same command with --force"):
        scenes.write_demo_scenes(photographs)
    how = {"force": True, "say": _nothing, "progress": progress}
    made: list[str] = []
    commands: list[str] = []
    for step in steps(folder, how, full):
        commands.append(shlex.join(("gradtools", *step.arguments)))
        say(commands[-1])
        step.run()
        made += step.makes
    stores = [path for path in made if path.endswith(".h5")]
    classes_alone = (
        f"{MAPPED}-classes.h5",
        f"{MAPPED}-tree.h5",
        *links.stores(),
        *truth.stores(),
    )
    of_images = [path for path in stores if os.path.basename(path) not in classes_alone]
    subjects = evaluate.gather(of_images)
    pictures = [os.path.join(folder, f"{picture}.png") for picture in PICTURES]
    for picture, path in zip(PICTURES, pictures):
        figures.evaluated(subjects, picture, path)
        commands.append(
            shlex.join(
                ("gradtools", "evaluate", *of_images, "--picture", picture, "--figure", path, "-f")
            )
        )
    commands.append(
        shlex.join(("gradtools", "evaluate", *stores, "--layout", "all"))
        + f" > {shlex.quote(os.path.join(folder, TABLES))}"
    )
    _write_texts(folder, evaluate.gather(stores), commands)
    others = [path for path in made if not path.endswith(".h5")]
    return Made(subjects, stores, pictures + others, commands)


def _nothing(line: str) -> None:
    """The steps' own lines would stand between the commands."""


def _write_texts(folder: str, subjects: list[Subject], commands: list[str]) -> None:
    """Write every table, and the commands; each file is whole or not there."""
    tables = io.StringIO()
    for layout in ("all", "gradient-similarity"):
        write_tables(evaluate.evaluate(subjects, layout), "text", tables)
    for name, text in ((TABLES, tables.getvalue()), (COMMANDS, "\n".join(commands) + "\n")):
        path = os.path.join(folder, name)
        with store.whole_file(path) as part, open(part, "w", encoding="utf-8") as stream:
            stream.write(text)


def steps(folder: str, how: dict, full: bool = False) -> Iterator[Step]:
    """Yield the commands in the order in which they run.

    Parameters
    ----------
    how : dict
        `force`, `say` and `progress` of every stage.
    full : bool
        Ask whether maps are right, and link generators to classifiers too.
    """
    for network in NETWORKS:
        yield from _features(network, folder, how)
    yield from _maps(folder, how)
    yield from _classes(folder, how)
    if full:
        features = os.path.join(folder, f"{MAPPED}.h5")
        held = truth.steps(folder, how, features, _named(MAPPED), lambda: _model(MAPPED))
        yield from (Step(*parts) for parts in held)
        yield from (Step(*parts) for parts in links.steps(folder, how))


def _features(network: str, folder: str, how: dict) -> Iterator[Step]:
    """Features of one network, their similarities and clusters."""
    features, compared, clustered = (
        os.path.join(folder, f"{network}{part}.h5") for part in ("", "-similarity", "-clusters")
    )
    manifest = os.path.join(folder, "scenes", "manifest.csv")

    def extracted() -> None:
        listed = images.list_images([manifest])  # its boxes come along
        extract.extract(listed, _model(network), features, extract.Options(), restart=True, **how)

    def similar() -> None:
        with store.read(features) as source:
            similarity.similarity(source, compared, similarity.Options(feature=SWEEP), **how)

    def clusters() -> None:
        with store.read(features) as source:
            cluster.cluster(source, clustered, cluster.Options(repeats=CLUSTER_REPEATS), **how)

    sweep = [word for name in SWEEP for word in ("--feature", name)]
    yield Step(
        ("extract", manifest, *_named(network), "-o", features, "--force"), (features,), extracted
    )
    yield Step(("similarity", features, *sweep, "-o", compared, "--force"), (compared,), similar)
    repeats = ("--repeats", str(CLUSTER_REPEATS))
    yield Step(("cluster", features, *repeats, "-o", clustered, "--force"), (clustered,), clusters)


def _maps(folder: str, how: dict) -> Iterator[Step]:
    """Maps of one network: pictures, how alike they are, and whether they lie on the digit."""
    features, maps, alike, located = (
        os.path.join(folder, f"{MAPPED}{part}.h5")
        for part in ("", "-maps", "-maps-similarity", "-localization")
    )
    overlays = os.path.join(folder, "overlays")

    def saved() -> None:
        options = saliency.Options(method=METHODS, tap=("auto:last-conv",))
        with store.read(features) as source:
            model = _model(MAPPED)
            saliency.saliency(None, model, maps, options, source=source, restart=True, **how)
        with store.read(maps) as source:
            album = figures.overlays.open_album(source, None, None, model.preprocess)
            figures.overlays.draw(album, overlays, OVERLAYS, how["say"])

    def similar() -> None:
        with store.read(maps) as source:
            similarity.similarity(source, alike, similarity.Options(), **how)

    def localized() -> None:
        with store.read(maps) as source:
            localize.localize(source, located, localize.Options(), **how)

    chosen = [word for method in METHODS for word in ("--method", method)]
    drawn = ("--overlay", overlays, "--overlay-limit", str(OVERLAYS))
    tap = ("--tap", "auto:last-conv")
    yield Step(
        ("saliency", features, *_named(MAPPED), *chosen, *tap, *drawn, "-o", maps, "--force"),
        (maps, f"{overlays}{os.sep}"),
        saved,
    )
    yield Step(("similarity", maps, "-o", alike, "--force"), (alike,), similar)
    yield Step(("localize", maps, "-o", located, "--force"), (located,), localized)


def _classes(folder: str, how: dict) -> Iterator[Step]:
    """The classes of one network: their tree, and the neighbours of one."""
    rows, tree = (os.path.join(folder, f"{MAPPED}-{part}.h5") for part in ("classes", "tree"))
    drawn, near = (os.path.join(folder, f"{part}.png") for part in ("tree", "neighbors"))

    def listed() -> None:
        classes.classes(_model(MAPPED), rows, force=True)

    def grown() -> None:
        with store.read(rows) as source:
            options = dendrogram.Options(k=CLUSTERS_OF_CLASSES)
            made = dendrogram.dendrogram(source, tree, options, **how)
        figures.tree(MAPPED, made, None, drawn)

    def nearest() -> None:
        with store.read(rows) as source:
            nears = neighbors.of(source, "three", None, neighbors.Options())
            figures.neighbours(nears, source.ids, near)

    yield Step(("classes", *_named(MAPPED)[1:], "-o", rows, "--force"), (rows,), listed)
    cut = ("--k", str(CLUSTERS_OF_CLASSES))
    yield Step(
        ("dendrogram", rows, *cut, "--figure", drawn, "-o", tree, "--force"), (tree, drawn), grown
    )
    yield Step(("neighbors", rows, "--of", "three", "--figure", near, "--force"), (near,), nearest)


def _named(network: str) -> tuple[str, ...]:
    """The options that name one of the bundled networks."""
    return ("--model", f"gradtools.bundled.scene_resnet:{network}", "--weights", weights(network))


def _model(network: str) -> models.Model:
    return models.load(f"gradtools.bundled.scene_resnet:{network}", weights(network))


def weights(name: str) -> str:
    """Return the path of the weights of one of the bundled networks."""
    return os.path.join(os.path.dirname(scenes.__file__), f"scene_{name}.pth")
