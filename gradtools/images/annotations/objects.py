"""What annotations are made of, whatever form they come in."""

import dataclasses

from gradtools.images.annotations.runs import Mask

Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Object:
    """One annotated object of an image.

    Attributes
    ----------
    label : str or None
    box : (x0, y0, x1, y1) or None
        Pixels of the original image, half-open.
    mask : Mask or None
        Of the original image's size.
    ignore : bool
        A crowd or a difficult object: it counts neither for nor against a map.
    """

    label: str | None
    box: Box | None = None
    mask: Mask | None = None
    ignore: bool = False


@dataclasses.dataclass
class Annotations:
    """What one file or folder says.

    Attributes
    ----------
    source : str
        The file or folder, for messages.
    by_stem : bool
        Images are met by their path without its suffix, or by the stem of their file's name (XML, PNG), else by its
        whole name (COCO).
    objects : dict of str to list of Object
    labels : dict of str to list of str
        Labels of whole images, where a form has them beside objects.
    sizes : dict of str to (height, width)
        Where the form says them.
    names : list of str
        Labels in the order of the form; empty where it has none.
    in_order : list of str or None
        Labels of images that are not named: of the sorted list, one an image.
    numbered : bool
        The labels are ILSVRC's own numbers, which are not the order of any network.
    by_path : bool
        With `by_stem`: keys are paths below the folder, else stems alone.
    """

    source: str
    by_stem: bool
    objects: dict[str, list[Object]] = dataclasses.field(default_factory=dict)
    labels: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    names: list[str] = dataclasses.field(default_factory=list)
    in_order: list[str] | None = None
    numbered: bool = False
    by_path: bool = True

    def keys(self) -> set[str]:
        """Return the names or stems of all annotated images."""
        return set(self.objects) | set(self.labels)
