"""Which images an audit shows, with their objects and labels, found before the network runs."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.regions import faithfulness
from gradtools.network import passes
from gradtools.network.models import Model
from gradtools.selection import images as store_images
from gradtools.selection import regions
from gradtools.stages.faithfulness import shown
from gradtools.store import Store, paths


@dataclasses.dataclass(frozen=True)
class Options(shown.Options):
    """What decides the values, beside what `shown.Options` has.

    Attributes
    ----------
    boxes : str or None
        As for `localize`.
    """

    boxes: str | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is shown.

    Attributes
    ----------
    source : Store
    job : passes.Job
    regions : list of Region, M
        One a row: an image and a class.
    others : (M,) int array
        Row of a region of another image, -1 where there is none.
    place : dict of int to int
        Of every sample its place in the job's list of images.
    members : (M, K) bool array
        The model classes whose probability is split.
    right : (M,) bool array
        Whether the network's answer is one of the label's classes.
    label : (M,) int array
        Data class of each row, -1 none.
    boxes_only : int
        Rows whose object is known by boxes alone.
    """

    source: Store
    job: passes.Job
    regions: list[regions.Region]
    others: np.ndarray
    place: dict[int, int]
    members: np.ndarray
    right: np.ndarray
    label: np.ndarray
    options: Options

    @property
    def boxes_only(self) -> int:
        """Number of rows whose object is known by boxes alone."""
        return sum(region.mask is None for region in self.regions)

    @property
    def sample(self) -> np.ndarray:
        """Row of each region's image."""
        return np.array([region.sample for region in self.regions])

    @property
    def partner(self) -> np.ndarray:
        """-1: no image is compared with another."""
        return np.full(len(self.regions), -1)


def make_plan(
    source: Store,
    model: Model,
    options: Options,
    say: Callable[[str], None] = print,
    where: tuple[str, ...] = (),
    images_dir: str | None = None,
) -> Plan:
    """Find the images, their objects and labels, and prepare the network.

    Raises
    ------
    UsageError, GradtoolsError
    """
    shown.check(source, model, options)
    if source.predicted is None:
        raise GradtoolsError(f"{source.name}: its network has no classes, so no answer is right")
    listed, keep = store_images.find(source, images_dir, where)
    rows = _rows(source, keep)
    located = regions.of_maps(source, rows, options.boxes)
    for line in located.notes:
        say(line)
    for reason, count in located.left_out.items():
        say(f"{count} rows left out: {reason}")
    job = passes.prepare(
        listed, model, options, say, choose=lambda trace: [], probed=False, member=source.member
    )
    members, label, right = _labelled(source, located.regions, job.width)
    if not right.any():
        raise GradtoolsError(f"{source.name}: no annotated image of a label that the model answers")
    place = {int(row): index for index, row in enumerate(np.flatnonzero(keep))}
    sample = np.array([region.sample for region in located.regions])
    others = faithfulness.others(sample, options.seed)
    return Plan(source, job, located.regions, others, place, members, right, label, options)


def _rows(source: Store, keep: np.ndarray) -> np.ndarray:
    """Return the rows of maps of classes of the kept images, one for each image, class and label."""
    sample = source.values(paths.MAP_SAMPLE)
    if sample is None:
        raise UsageError(
            f"{source.name} holds no maps: gradtools saliency --annotations MASKS makes them"
        )
    partner, target = source.needed(paths.MAP_PARTNER), source.needed(paths.MAP_TARGET)
    labels = source.values(paths.MAP_LABEL)
    if (partner >= 0).all():
        raise UsageError("--audit is about classes: the maps of this store are of pairs of images")
    if str(source.attributes(paths.MAPS).get("target", "")).startswith("diff:"):
        raise UsageError(
            f"{source.name}: its maps are of a difference of two classes, which no answer is: "
            "make maps of argmax, label or labels"
        )
    label = np.full(len(sample), -1) if labels is None else labels
    about = np.stack([sample, target, label], axis=1)
    _, first = np.unique(about, axis=0, return_index=True)
    return np.sort([row for row in first if partner[row] < 0 and keep[sample[row]]]).astype(int)


def _labelled(
    source: Store, located: list[regions.Region], width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each row's model classes (M, K) bool, its data class (M,), and whether the answer is of that (M,) bool."""
    target, stored = source.needed(paths.MAP_TARGET), source.values(paths.MAP_LABEL)
    member, labels, predicted = source.member, source.labels, source.needed(paths.PREDICTED)
    members = np.zeros((len(located), width), bool)
    label, right = np.full(len(located), -1), np.zeros(len(located), bool)
    for place, region in enumerate(located):
        about = -1 if stored is None else int(stored[region.row])
        label[place] = about if about >= 0 else int(labels[region.sample])
        classes = np.zeros(width, bool)
        if label[place] >= 0 and member is not None:
            classes = member[label[place]] != 0
        right[place] = bool(classes[predicted[region.sample]])
        members[place] = classes
        if about < 0:
            members[place] = np.arange(width) == target[region.row]
            right[place] &= bool(members[place] @ classes)
    return members, label, right
