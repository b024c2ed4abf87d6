"""What is compared: the trained network's maps, those of its other classes, and the networks that are held against it."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradtools import images
from gradtools.errors import UsageError
from gradtools.images import ImageList
from gradtools.math.maps import alikeness
from gradtools.math.maps.reading import read_maps
from gradtools.network import passes, randomise, relabelled
from gradtools.network.models import Model
from gradtools.network.saliency.batch import run_images
from gradtools.network.saliency.methods import AT_INPUT
from gradtools.stages.saliency import Options as MapOptions
from gradtools.stages.saliency import plan as planning
from gradtools.stages.sanity.reading import Allowed, read
from gradtools.store import paths

LABELS = "labels"
MODES = (*randomise.MODES, LABELS)
DRAWN = 3  # images whose maps are kept as pictures
ACTIVATION = "activation"
Maps = dict[str, np.ndarray]  # raw maps (N, h, w) by name, as in gradcam@layer3


@dataclasses.dataclass(frozen=True)
class Options(MapOptions):
    """What decides the values, beside what maps are made with.

    Attributes
    ----------
    randomise : tuple of str
        cascade (more and more from the output down), independent (one group at a time), full; or labels.
    init : str
        How random parameters are drawn: torch (as torch makes the layers) or he (normal, He et al. 2015).
    measure : tuple of str
        Of `alikeness.MEASURES`.
    seeds : int
        Random networks of each kind.
    resamples : int
    """

    randomise: tuple[str, ...] = ("cascade",)
    init: str = "torch"
    measure: tuple[str, ...] = alikeness.MEASURES[:3]
    seeds: int = 3
    resamples: int = 1000


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is compared.

    Attributes
    ----------
    model : Model
        The trained one.
    job : passes.Job
        The pass that made its maps.
    listed : ImageList
        Each image labelled by the trained network's answer.
    pixels : (N, C, H, W) u8 or float array
    member : (K, K) u8 array
        Each label is the model class of its number.
    trained : dict of str to (N, h, w) float32 array
        Its maps by name.
    beside : dict of str to dict
        Its maps of the second and the middle class, and sums of activations, by name.
    variants : list of Variant
    labels : (N,) int array
        The data's own labels, of `labels`.
    skipped, ended_early : (L,) bool arrays
        Of the images that were listed: which could not be read, and whose files end early.
    accuracy : float
        Of a network trained here, on the images it was trained on; else NaN.
    """

    model: Model
    job: passes.Job
    listed: ImageList
    pixels: np.ndarray
    member: np.ndarray
    trained: Maps
    beside: dict[str, Maps]
    variants: list[randomise.Variant]
    options: Options
    labels: np.ndarray
    skipped: np.ndarray
    ended_early: np.ndarray
    accuracy: float = float("nan")

    @property
    def drawn(self) -> np.ndarray:
        """The images whose maps are kept as pictures, (n,) int."""
        count = min(DRAWN, len(self.pixels))
        return np.round(np.linspace(0, len(self.pixels) - 1, count)).astype(int)


def make_plan(
    listed: ImageList,
    model: Model,
    options: Options,
    say: Callable[[str], None] = print,
    allowed: Allowed = Allowed(),
) -> Plan:
    """Make the trained network's maps, and list the networks that are held against it.

    Raises
    ------
    UsageError, GradtoolsError
    TooManySkipped
        More images cannot be read than allowed.
    """
    _check(listed, options)
    pixels, skipped, ended_early = read(listed, model, say, allowed)
    listed, accuracy = images.subset(listed, ~skipped), float("nan")
    labels = np.asarray(listed.labels)
    if LABELS in options.randomise:
        say(f"training a network on {len(pixels)} images and their true labels")
        model, accuracy = relabelled.train(model, pixels, labels, options.seed)
    first = planning.make(listed, model, _asked(options, "argmax"), say)
    width = first.job.width
    if width > 2:
        first = planning.make(listed, model, _asked(options, "ranks"), lambda line: None)
    values = _maps(first, pixels, None)
    rows = first.rows
    own = {one.name: values[paths.inside(one.path, "map")][::rows] for one in first.every_map}
    trained = {name: maps for name, maps in own.items() if name.split("@")[0] in options.method}
    beside: dict[str, Maps] = {
        word: {
            one.name: values[paths.inside(one.path, "map")][place::rows] for one in first.every_map
        }
        for place, word in ((1, "second class"), (2, "middle class"))
        if rows > place
    }
    beside["activation sum"] = {
        name: own[f"{ACTIVATION}@{name.partition('@')[2]}"]
        for name in trained
        if f"{ACTIVATION}@{name.partition('@')[2]}" in own
    }
    labelled = dataclasses.replace(
        listed,
        labels=values[paths.MAP_TARGET][::rows].astype("i4"),
        label_names=[str(number) for number in range(width)],
        labels_many=None,
        boxes=None,
        masks=None,
    )
    return Plan(
        model,
        first.job,
        labelled,
        pixels,
        np.eye(width, dtype="u1"),
        trained,
        beside,
        _variants(model, first, options),
        options,
        labels,
        skipped,
        ended_early,
        accuracy,
    )


def _check(listed: ImageList, options: Options) -> None:
    """Refuse options that do not go together, and labels that nothing can be trained on."""
    unknown = [mode for mode in options.randomise if mode not in MODES]
    if unknown:
        raise UsageError(f"--randomise {unknown[0]}: there are {', '.join(MODES)}")
    if options.pairs is not None or options.target != "argmax":
        raise UsageError(
            "sanity follows the trained network's own answers: leave --target and --pairs out"
        )
    if LABELS not in options.randomise:
        return
    if len(options.randomise) > 1:
        raise UsageError(
            "--randomise labels trains networks of its own: run it without the other kinds"
        )
    if (np.asarray(listed.labels) < 0).any() or len(listed.label_names) < 2:
        raise UsageError(
            "--randomise labels trains on labels: give images in folders of two classes or more"
        )


def _asked(options: Options, target: str) -> Options:
    """Return the options of the trained network's maps: its classes, and the sums of activations beside the methods."""
    at_taps = [name for name in options.method if name not in AT_INPUT]
    more = (ACTIVATION,) if at_taps and ACTIVATION not in options.method else ()
    return dataclasses.replace(options, target=target, method=(*options.method, *more))


def _variants(model: Model, first: planning.Plan, options: Options) -> list[randomise.Variant]:
    """Return the networks that are held against the trained one."""
    if LABELS in options.randomise:
        return relabelled.variants(options.seeds)
    names = randomise.groups(model.module, first.job.trace)
    return randomise.variants(names, options.randomise, options.seeds)


def _maps(plan: planning.Plan, pixels: np.ndarray, labels: np.ndarray | None) -> Maps:
    """Return what the saliency pass gives of all images, by path."""
    size, parts = plan.job.options.batch_size, []
    for start in range(0, len(pixels), size):
        classes = None if labels is None else labels[start : start + size, None]
        parts.append(run_images(plan, pixels[start : start + size], classes))
    return {path: np.concatenate([part[path] for part in parts]) for path in parts[0]}


def maps_of(plan: Plan, variant: randomise.Variant) -> tuple[Maps, float]:
    """Return the raw maps of another network by name, and its accuracy on what it was trained on, NaN of random ones.

    A random network's maps are of the trained one's answers; a network with labels of its own is asked
    for its own answers.
    """
    if variant.mode == LABELS:
        model, accuracy = relabelled.of_variant(plan.model, variant, plan.pixels, plan.labels)
        options, labels = plan.options, None
    else:
        model = randomise.randomised(plan.model, variant, plan.options.init)
        options, labels = dataclasses.replace(plan.options, target="label"), plan.listed.labels
        accuracy = float("nan")
    made = planning.make(plan.listed, model, options, lambda line: None, plan.member)
    values = _maps(made, plan.pixels, labels)
    return {name: values[paths.maps(name)] for name in plan.trained}, accuracy


def picture(maps: np.ndarray) -> np.ndarray:
    """Return maps (n, h, w) as they are read, as u8 from 0 to 255."""
    return np.round(255 * read_maps([maps])[0]).astype("u1")


def frames(plan: Plan) -> np.ndarray:
    """Return the drawn images as the network saw them, (n, H, W, 3) u8; what has no pixels in 0..1 is stretched to them."""
    shown = plan.pixels[plan.drawn].astype(float)
    if plan.pixels.dtype != np.uint8:
        low = shown.min(axis=(1, 2, 3), keepdims=True)
        spread = shown.max(axis=(1, 2, 3), keepdims=True) - low
        shown = 255 * (shown - low) / np.where(spread > 0, spread, 1)
    colour = shown if shown.shape[1] == 3 else np.repeat(shown[:, :1], 3, axis=1)
    return np.round(colour).astype("u1").transpose(0, 2, 3, 1)
