"""What a job's maps are: which methods on which channels at which taps, for which targets or pairs; checked before the first image."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import UsageError
from gradtools.network import passes, scores, taps
from gradtools.network.saliency import methods, pairs, subset, targets
from gradtools.network.saliency.plan import Map, Plan

if TYPE_CHECKING:
    import numpy as np

    from gradtools.network.models import Model
    from gradtools.stages.saliency import Options


def make(
    image_list: pairs.ImageList,
    model: "Model",
    options: "Options",
    say: Callable[[str], None] = print,
    member: "np.ndarray | None" = None,
) -> Plan:
    """Make the plan of these options (`saliency.Options`).

    Raises
    ------
    UsageError, GradtoolsError
    """
    _check(options)
    subsets = [subset.parse(text) for text in dict.fromkeys(options.channels)]
    if len({one.suffix for one in subsets}) < len(subsets):
        raise UsageError("--channels: one list at a time: two would have the same name")
    embedding = (
        None
        if options.pairs is None or options.embedding in ("head-input", "output")
        else options.embedding
    )

    def choose(trace: taps.Trace) -> list[taps.Tap]:
        return taps.resolve(
            trace, [*_specs(options), *([embedding] if embedding else [])], _layers(options)
        )

    job = passes.prepare(image_list, model, options, say, choose, probed=False, member=member)
    passes.mixed.check(job)
    if options.pairs is None and job.target is None:
        raise UsageError(
            f"{model.spec} has no class head: compare images with --pairs same-class:K, all, or a CSV file"
        )
    maps, guided = _maps(options, job.trace, subsets)
    used = tuple(dict.fromkeys(one.tap for one in maps))
    if options.pairs is not None:
        tap = _embedding(job, embedding, used) if embedding else None
        drawn = pairs.choose(options.pairs, image_list, options.seed)
        say(_pairs_in_words(options.pairs, drawn, image_list.labels))
        return Plan(job, tuple(maps), guided, used, rows=2, pairs=drawn, embedding=tap)
    slots = targets.slots(job)
    rows = targets.per_image(job, slots)
    return Plan(job, tuple(maps), guided, used, rows=rows, slots=slots)


def _pairs_in_words(text: str, drawn: np.ndarray, labels: np.ndarray) -> str:
    """Say how many pairs there are, and where they were drawn of how many classes: of one class same-class:5 is five pairs."""
    words = f"{len(drawn)} pairs of images, two maps each"
    if text.startswith("same-class:"):
        classes = len(np.unique(np.asarray(labels)[drawn[:, 0]]))
        words += f", drawn of {classes} classes (--pairs {text}: so many of each class)"
    return words


def _embedding(job: passes.Job, name: str, before: tuple[taps.Tap, ...]) -> taps.Tap:
    """The tap that pairs are compared at; the maps' taps must feed it."""
    tap, order = taps.resolve(job.trace, [name])[0], [one.name for one in job.taps]
    late = [one.name for one in before if order.index(one.name) > order.index(tap.name)]
    if late:
        raise UsageError(
            f"--embedding {name}: {late[0]} comes after it and has no part in it; choose maps of an earlier --tap"
        )
    return tap


def _check(options: "Options") -> None:
    """Refuse options that do not go together."""
    unknown = [name for name in options.method if name not in methods.NAMES]
    if unknown:
        raise UsageError(f"--method {unknown[0]}: there are {', '.join(methods.NAMES)}")
    if (options.target in scores.PAIR_KINDS) != (options.pairs is not None):
        raise UsageError(
            f"--target {options.target}: pairs of images are compared by --target cosine or dot, and both need --pairs "
            "(same-class:K, all or a CSV file)"
        )
    if options.pairs is not None and options.amp != "none":
        raise UsageError(
            f"--amp {options.amp} with --pairs: the gradient of a pair is the difference of two rows, which in 16 bits cancels "
            "where they are nearly parallel; leave --amp out"
        )
    if options.pairs is not None and options.score != "logit":
        raise UsageError(
            f"--score {options.score} is of classes; a pair's score is its --target, cosine or dot"
        )
    if options.literal_exp and methods.PLUS_PLUS not in options.method:
        raise UsageError("--literal-exp is about Grad-CAM++: add --method gradcam++")


def _at_taps(options: "Options") -> list[str]:
    return [name for name in options.method if name not in methods.AT_INPUT]


def _specs(options: "Options") -> list:
    """The taps' names; the input where a method reads it."""
    return [
        *(options.tap if _at_taps(options) else ()),
        *(["input"] if "gradient" in options.method else []),
    ]


def _layers(options: "Options") -> int | None:
    return options.layers if _at_taps(options) else None


def _maps(
    options: "Options", trace: taps.Trace, subsets: list[subset.Subset]
) -> tuple[list[Map], Map | None]:
    """The maps of one backward pass, in order of taps, and the guided one."""
    names = _at_taps(options) + ([methods.LITERAL] if options.literal_exp else [])
    chosen = taps.resolve(trace, list(options.tap), options.layers) if names else []
    for tap in chosen:
        for one in subsets:
            subset.check(one, tap)
    maps = [
        Map(name, one, tap) for tap in chosen for name in dict.fromkeys(names) for one in subsets
    ]
    whole, (image,) = subset.parse("all"), taps.resolve(trace, ["input"])
    if "gradient" in options.method:
        maps.append(Map("gradient", whole, image))
    guided = Map("guided-backprop", whole, image)
    return maps, guided if "guided-backprop" in options.method else None
