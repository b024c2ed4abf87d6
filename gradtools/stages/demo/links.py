"""The demo's links: handwritten digits of the bundled generator, read by LeNet-5, and creatures whose parts are known."""

import os
from collections.abc import Callable, Iterator

from gradtools import figures, store
from gradtools.network import generators, models
from gradtools.selection import tunings
from gradtools.stages import counterfactual, link, tune
from gradtools.stages.counterfactual.drawing import drawing

Made = tuple[tuple[str, ...], tuple[str, ...], Callable[[], None]]

BUNDLED = {  # generator, classifier, truncation, the part that units are listed by
    "digits": (
        "gradtools.bundled.digit_generator:Digits",
        "gradtools.bundled.lenet:digits",
        0.7,
        "object",
    ),
    "creatures": (
        "gradtools.bundled.creatures:Creatures",
        "gradtools.bundled.creatures:trained",
        1.0,
        "ear",
    ),
}
PER_CLASS, REPEATS, SAMPLES, KEPT, TOP = 200, 20, 10, 5, 8
MARGIN, MOVED = 20, 9  # of moves to other classes, and how many are drawn


def steps(folder: str, how: dict) -> Iterator[Made]:
    """Yield the arguments of each command, what it makes, and its work.

    Parameters
    ----------
    how : dict
        `force`, `say` and `progress` of every stage.
    """
    for name in BUNDLED:
        yield from _steps(name, folder, how)


def stores() -> tuple[str, ...]:
    """Return the names of the stores, which hold samples of generators and none of the demo's scenes."""
    return tuple(f"{name}-{kind}.h5" for name in BUNDLED for kind in ("link", "tuning", "moves"))


def _steps(name: str, folder: str, how: dict) -> Iterator[Made]:
    """One generator linked, its units tuned, and the strongest of them drawn."""
    spec, model, psi, part = BUNDLED[name]
    linked, tuned = (os.path.join(folder, f"{name}-{kind}.h5") for kind in ("link", "tuning"))
    cycled, strips = (os.path.join(folder, f"{name}-{kind}.png") for kind in ("cycled", "units"))

    def link_them() -> None:
        made, network = _loaded(spec, model, psi)
        options = link.Options(psi=psi, per_class=PER_CLASS, repeats=REPEATS)
        plan = link.make_plan(made, network, options, say=how["say"])
        results = link.link(plan, linked, restart=True, **how)
        with store.read(linked) as source:
            figures.cycled_pictures(source, results, cycled)

    def tune_them() -> None:
        made, network = _loaded(spec, model, psi)
        options = tune.Options(samples=SAMPLES, keep=KEPT)
        with store.read(linked) as source:
            plan = tune.make_plan(source, made, network, options, how["say"])
            tune.tune(plan, tuned, restart=True, **how)

    def draw_them() -> None:
        with store.read(tuned) as source:
            tuning = tunings.read(source)
            rows = tunings.top(tuning, part, "area", TOP)
            figures.unit_strips(tuning, rows, strips, part, "area", source.class_names)

    networks = ("--generator", spec, "--model", model)
    numbers = ("--psi", str(psi), "--per-class", str(PER_CLASS), "--repeats", str(REPEATS))
    yield (
        ("link", *networks, *numbers, "--figure", cycled, "-o", linked, "--force"),
        (linked, cycled),
        link_them,
    )
    kept = ("--samples", str(SAMPLES), "--keep", str(KEPT))
    yield ("tune", linked, *kept, "-o", tuned, "--force"), (tuned,), tune_them
    yield (
        ("tune", tuned, "--of", part, "--top", str(TOP), "--figure", strips, "--force"),
        (strips,),
        draw_them,
    )
    yield _moved(name, folder, how)


def _moved(name: str, folder: str, how: dict) -> Made:
    """Some samples moved to every other class, and drawn."""
    spec, model, psi, _ = BUNDLED[name]
    linked, moved = (os.path.join(folder, f"{name}-{kind}.h5") for kind in ("link", "moves"))
    picture = os.path.join(folder, f"{name}-moves.png")

    def move_them() -> None:
        options = counterfactual.Options(
            target=("all",), samples=SAMPLES, margin=MARGIN, keep=MOVED
        )
        with store.read(linked) as source:
            drawn = drawing(source, source, *_loaded(spec, model, psi))
            plan = counterfactual.make_plan(source, options, drawn, how["say"])
            moves, results = counterfactual.counterfactual(plan, moved, restart=True, **how)
        figures.least_moves(moves, results, picture)

    asked = ("--samples", str(SAMPLES), "--margin", str(MARGIN), "--keep", str(MOVED))
    return (
        ("counterfactual", linked, "--target", "all", *asked, "--figure", picture, "-o", moved, "--force"),
        (moved, picture),
        move_them,
    )  # fmt: skip


def _loaded(spec: str, model: str, psi: float) -> tuple[generators.Generator, models.Model]:
    """A generator and the network that sees its samples."""
    made = generators.load(spec)
    first, _ = made.synth(made.draw([0], [0], psi))
    return made, models.load(model, sample=lambda rules: generators.view(first, rules)[0])
