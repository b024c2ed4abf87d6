"""The demo's question whether maps are right: found objects, shown parts, random parameters and permuted labels."""

import os
import tempfile
from collections.abc import Callable, Iterator

from gradtools import figures, images, store
from gradtools.network import models
from gradtools.stages import faithfulness, localize, saliency, sanity

Made = tuple[tuple[str, ...], tuple[str, ...], Callable[[], None]]

METHODS = ("gam", "gradcam++", "gradcam", "activation")
SHOWN, RANDOM = (
    60,
    30,
)  # of the scenes: images whose maps are held against boxes and shown in part; in sanity
STEPS, SEEDS = 16, 3  # of the curves; random networks
RANDOMISED = ("gam", "gradcam", "guided-backprop")
LENET = "gradtools.bundled.lenet:lenet5"
NAMES = ("maps", "localization", "faithfulness", "sanity", "labels")


def stores() -> tuple[str, ...]:
    """Return the names of the stores, which hold some of the demo's scenes, or none."""
    return tuple(f"truth-{name}.h5" for name in NAMES)


def steps(
    folder: str, how: dict, features: str, named: tuple[str, ...], model: Callable[[], models.Model]
) -> Iterator[Made]:
    """Yield the arguments of each command, what it makes, and its work.

    Parameters
    ----------
    how : dict
        `force`, `say` and `progress` of every stage.
    features : str
        The features of the network whose maps are looked at.
    named : tuple of str
        The options that name the network.
    model : callable
        Loads it.
    """
    maps, located, faithful, random, labels = (os.path.join(folder, name) for name in stores())
    boxes, strip, curve, learned = (
        os.path.join(folder, f"truth-{name}.png") for name in ("boxes", "strip", "curve", "labels")
    )
    some, few = (os.path.join(folder, f"truth-{count}.txt") for count in (SHOWN, RANDOM))

    def saved() -> None:
        _write_lists(features, some, few)
        options = saliency.Options(method=METHODS, layers=2, target="ranks")
        with store.read(features) as source:
            where = (f"list={some}",)
            saliency.saliency(
                None, model(), maps, options, source=source, where=where, restart=True, **how
            )

    def localized() -> None:
        options = localize.Options(fuse=("mean", "max"))
        with store.read(maps) as source:
            results = localize.localize(source, located, options, **how)
            drawn = localize.drawn(source, options)
            figures.localized(source, drawn.kinds, results, drawn.located, boxes)

    def shown() -> None:
        options = faithfulness.Options(steps=STEPS)
        with store.read(maps) as source:
            faithfulness.measure(source, model(), faithful, options, restart=True, **how)

    def randomised() -> None:
        listed = images.list_images([], files_from=few)
        options = sanity.Options(method=RANDOMISED, layers=1, seeds=SEEDS)
        results = sanity.measure(listed, model(), random, options, restart=True, **how)
        figures.sanity_strip(random, strip)
        figures.sanity_curve(results, curve)

    def relabelled() -> None:
        with tempfile.TemporaryDirectory() as digits:
            sanity.write_digits(digits)
            options = sanity.Options(method=RANDOMISED, layers=1, seeds=1, randomise=("labels",))
            listed, lenet = images.list_images([digits]), models.load(LENET, "random")
            sanity.measure(listed, lenet, labels, options, restart=True, **how)
        figures.sanity_strip(labels, learned)

    chosen = [word for method in METHODS for word in ("--method", method)]
    compared = [word for method in RANDOMISED for word in ("--method", method)]
    made = ("--layers", "2", "--target", "ranks", "-o", maps, "--force")
    yield (
        ("saliency", features, "--where", f"list={some}", *named, *chosen, *made),
        (maps,),
        saved,
    )
    fused = ("--fuse", "mean", "--fuse", "max", "--figure", boxes, "-o", located, "--force")
    yield ("localize", maps, *fused), (located, boxes), localized
    curves = ("--steps", str(STEPS), "-o", faithful, "--force")
    yield ("faithfulness", maps, *named, *curves), (faithful,), shown
    seeds = ("--seeds", str(SEEDS), "--figure", strip, "-o", random, "--force")
    yield (
        ("sanity", "--files-from", few, *named, *compared, *seeds),
        (random, strip, curve),
        randomised,
    )
    once = ("--randomise", "labels", "--seeds", "1", "--figure", learned, "-o", labels, "--force")
    yield ("sanity", "digits", *compared, *once), (labels, learned), relabelled


def _write_lists(features: str, some: str, few: str) -> None:
    """Write the ids of some scenes, and the paths of fewer, spread evenly over the classes."""
    with store.read(features) as source:
        ids, root = source.ids, str(source.attributes("/")["root"])
    step = max(1, len(ids) // SHOWN)
    with open(some, "w", encoding="utf-8") as lines:
        lines.writelines(f"{name}\n" for name in ids[::step])
    step = max(1, len(ids) // RANDOM)
    with open(few, "w", encoding="utf-8") as lines:
        lines.writelines(f"{os.path.join(root, name)}\n" for name in ids[::step])
