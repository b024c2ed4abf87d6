"""What `import gradtools as gt` gives: stores opened by name, and a few commands as functions on arrays, folders and stores.

Every function calls the stage of its command, so its values are the command's.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradtools import images as image_lists
from gradtools import store
from gradtools.errors import UsageError
from gradtools.images.preprocessing import Rules
from gradtools.stages.python.opened import Opened, Shown
from gradtools.tables.model import Table

if TYPE_CHECKING:
    from gradtools.network.given import Network

Images = str | Sequence[str] | np.ndarray
Option = str | int | float | bool | None | Sequence[str] | Sequence[int]  # a value of --option
Rows = str | Opened | np.ndarray | Mapping[str, np.ndarray]

__all__ = ["Opened", "Shown", "extract", "open", "saliency", "similarity"]


def open(path: str | os.PathLike) -> Opened:
    """Open a store to look at: its samples, features, maps and tables as arrays by name.

    Parameters
    ----------
    path : str or path
        Nothing is read before it is asked for, and no file stays open.

    Returns
    -------
    Opened
    """
    return Opened(os.fspath(path))


def extract(
    images: Images,
    model: "str | Network",
    output: str | None = None,
    *,
    weights: str = "default",
    preprocess: Rules | str | None = None,
    class_names: list[str] | None = None,
    name: str | None = None,
    labels: Sequence[str] | None = None,
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    **options: Option,
) -> Opened:
    """Run a network once over images: logits, and at every tap activation, gradient, contribution and active share.

    Parameters
    ----------
    images : str, list of str, or (N, H, W) or (N, H, W, 3) uint8 array
        Folders, files or manifests as `gradtools extract` takes them, or pixels.
    model : str or torch module
        As --model; a module takes `preprocess` (a dict, or a text as --preprocess), `class_names`, and the `name` that tables
        have.
    output : str, optional
        Path of the store; by default a temporary file that goes with the result.
    labels : sequence of str, optional
        Class of each image, where `images` is an array.
    say : callable
        Takes one line for the user.
    options
        Of `gradtools extract`, by name: tap, target, score, maps, embedding, batch_size, ...

    Returns
    -------
    Opened

    Raises
    ------
    GradtoolsError
    """
    from gradtools.network import given
    from gradtools.stages import extract as stage

    ready = given.model(model, weights, preprocess, class_names, name)
    with _listed(images, labels) as listed:
        result = _result(output, "features.h5")
        stage.extract(
            listed, ready, result.path, stage.Options(**_tuples(options)), force=force, say=say
        )
    return result


def saliency(
    images: Images | Opened,
    model: "str | Network",
    output: str | None = None,
    *,
    weights: str = "default",
    preprocess: Rules | str | None = None,
    class_names: list[str] | None = None,
    name: str | None = None,
    labels: Sequence[str] | None = None,
    where: Sequence[str] = (),
    images_dir: str | None = None,
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    **options: Option,
) -> Opened:
    """Map where an image supports a class, or its similarity to another image.

    Parameters
    ----------
    images : as of `extract`, or a store (Opened, or its path)
        Whose images are found again: `where` chooses among them, `images_dir` says where they are now.
    options
        Of `gradtools saliency`, by name: method, layers, tap, target, pairs, channels, ...

    Returns
    -------
    Opened
        Its `maps` are by name, as in maps["gradcam@layer4"].
    """
    from gradtools.network import given
    from gradtools.stages import saliency as stage

    ready = given.model(model, weights, preprocess, class_names, name)
    chosen = {"layers": None if "tap" in options else 1} | _tuples(options)
    result = _result(output, "maps.h5")
    path = images.path if isinstance(images, Opened) else images
    with contextlib.ExitStack() as stack:
        source = listed = None
        if isinstance(path, str) and os.path.isfile(path) and store.is_store(path):
            source = stack.enter_context(store.read(path))
        else:
            listed = stack.enter_context(_listed(path, labels))
        stage.saliency(
            listed,
            ready,
            result.path,
            stage.Options(**chosen),
            source=source,
            where=_several(where),
            images_dir=images_dir,
            force=force,
            say=say,
        )
    return result


def similarity(
    rows: Rows,
    labels: Sequence | None = None,
    predicted: Sequence | None = None,
    *,
    say: Callable[[str], None] = lambda line: None,
    **options: Option,
) -> Table:
    """Measure how alike samples are within and between classes and predictions: means, pair AUC, label effect.

    Parameters
    ----------
    rows : a store (Opened, or its path), (N, D) array, or dict of such arrays by name
    labels, predicted : (N,) sequences of numbers or names, optional
        Of arrays: the class of each row, and the class that a network gave.
    options
        Of `gradtools similarity`, by name: feature, metric, where, rows, resamples, permutations, seed, ...

    Returns
    -------
    Table
        One row a feature and metric, with every statistic; it shows itself in a notebook.
    """
    from gradtools.stages import similarity as stage
    from gradtools.tables.similarity import of_results

    source = rows if isinstance(rows, (str, Opened)) else from_arrays(rows, labels, predicted)
    path = source if isinstance(source, str) else source.path
    with store.read(path) as opened:
        results = stage.similarity(opened, None, stage.Options(**_tuples(options)), say=say)
        return next(iter(of_results(results, opened.unit, every=True)))


def from_arrays(
    rows: np.ndarray | Mapping[str, np.ndarray],
    labels: Sequence | None = None,
    predicted: Sequence | None = None,
    output: str | None = None,
) -> Opened:
    """Make a store of arrays, as `gradtools import` does of files; see `similarity`."""
    from gradtools.stages.transfer import importing
    from gradtools.stages.transfer.arrays import Arrays

    named: Arrays = dict(rows) if isinstance(rows, Mapping) else {"features": np.asarray(rows)}
    for name, column in (("label", labels), ("predicted", predicted)):
        if column is not None:
            values = np.asarray(column)
            named[name] = values.tolist() if values.dtype.kind in "UO" else values
    result = _result(output, "imported.h5")
    importing.write(named, importing.Options(), result.path, say=lambda line: None)
    return result


def _result(output: str | None, name: str) -> Opened:
    """Where a result goes: the path, or a temporary folder that lives as long as the result."""
    if output is not None:
        return Opened(os.fspath(output))
    folder = tempfile.TemporaryDirectory(prefix="gradtools-")
    return Opened(os.path.join(folder.name, name), folder)


def _several(value: str | Sequence) -> tuple:
    """One text or several, as a tuple."""
    return (value,) if isinstance(value, str) else tuple(value)


def _tuples(options: Mapping[str, Option]) -> dict[str, Any]:
    """Options with lists as tuples, and one text where several may stand as a tuple of it."""
    several = ("tap", "maps", "method", "channels", "feature", "metric", "where")
    return {
        name: _several(value)
        if name in several and isinstance(value, str | list | tuple)
        else tuple(value)
        if isinstance(value, list)
        else value
        for name, value in options.items()
    }


@contextlib.contextmanager
def _listed(images: Images, labels: Sequence[str] | None = None) -> Iterator[image_lists.ImageList]:
    """The list of images: of paths, or of pixels, which lie in a folder meanwhile."""
    if not isinstance(images, np.ndarray):
        if labels is not None:
            raise UsageError(
                "labels go with an array of images; folders and manifests bring theirs"
            )
        yield image_lists.list_images(_several(images))
        return
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise UsageError(
            f"images are (N, H, W) or (N, H, W, 3) uint8, got {images.shape} {images.dtype}"
        )
    if labels is not None and len(labels) != len(images):
        raise UsageError(f"{len(images)} images and {len(labels)} labels: give one each")
    with tempfile.TemporaryDirectory(prefix="gradtools-") as folder:
        yield image_lists.list_images([image_lists.write_pixels(images, labels, folder)])
