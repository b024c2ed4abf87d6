"""Stores opened for reading: checked, never changed."""

import contextlib
import functools
import json
import os

import h5py
import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.store import hashing, layout, paths, pipes


@contextlib.contextmanager
def read(path):
    """Open a store read-only; '-' is standard input. Yields a `Store`."""
    with contextlib.ExitStack() as stack:
        name = path
        if path == "-":
            path, name = stack.enter_context(pipes.spooled_input()), "standard input"
        file = stack.enter_context(_opened(path, name))
        _check(file, name)
        yield Store(file, name)


def is_store(path):
    """Whether a path is an HDF5 file, or '-' (bool)."""
    return path == "-" or (os.path.isfile(path) and h5py.is_hdf5(path))


def _opened(path, name):
    """The open file, or one line that says why not."""
    if not os.path.exists(path):
        raise GradtoolsError(f"{name}: no such file")
    if os.path.isdir(path):
        raise GradtoolsError(
            f"{name} is a directory, not a store: gradtools extract makes one from a folder of images"
        )
    try:
        return h5py.File(path, "r")
    except PermissionError as error:
        raise GradtoolsError(f"{name} cannot be read: no permission") from error
    except OSError as error:
        if "unable to lock" in str(error):
            reason = "is being written by another process"
        elif "truncated" in str(error):
            reason = "is truncated: make it again"
        elif not h5py.is_hdf5(path):
            reason = "is not an HDF5 file"
        else:
            reason = f"cannot be opened ({error})"
        raise GradtoolsError(f"{name} {reason}") from error


def _check(file, name):
    """Refuse what is not a whole store of this version, and files that reach into others."""
    if file.attrs.get("format") != layout.FORMAT:
        raise GradtoolsError(
            f"{name} is an HDF5 file but not a gradtools store (it has no format attribute {layout.FORMAT!r})"
        )
    if file.attrs.get("version") != layout.VERSION:
        raise GradtoolsError(
            f"{name} is a store of version {file.attrs.get('version')}, this gradtools reads version {layout.VERSION}: "
            "use the gradtools that wrote it, or make the store again"
        )
    if "part" in file or "command" in file.attrs and name.endswith(".part"):
        raise GradtoolsError(
            f"{name} is not finished: run the command that writes it again, it goes on where it stopped"
        )
    _check_links(file, name)
    _check_classes(file, name)


def _check_links(group, name):
    """Refuse external links, external raw storage and virtual datasets, which read other files than the one named."""
    for key in group:
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise GradtoolsError(
                f"{name} has a link to elsewhere at {group.name.rstrip('/')}/{key}: refused"
            )
        item = group[key]
        if isinstance(item, h5py.Group):
            _check_links(item, name)
        elif isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
            raise GradtoolsError(f"{name} keeps the values of {item.name} in other files: refused")


def _check_classes(file, name):
    """Refuse class numbers outside the classes: a negative one would count from the end."""
    labels = _first_length(file, (paths.CLASS_NAME, 0), (paths.MEMBER, 0))
    classes = _first_length(
        file, (paths.LOGITS, 1), (paths.WEIGHT, 0), (paths.MODEL_CLASS_NAME, 0), (paths.MEMBER, 1)
    )
    for path, count, lowest in (
        (paths.LABEL, labels, -1),
        (paths.PREDICTED, classes, 0),
        (paths.TARGET, classes, 0),
        (paths.MAP_TARGET, classes, -1),
    ):
        numbers = file.get(path)
        if not isinstance(numbers, h5py.Dataset):
            continue
        if numbers.dtype.kind not in "iu" or numbers.ndim != 1:
            raise GradtoolsError(
                f"{name}: {path} is not a column of class numbers: it is damaged, make it again"
            )
        try:
            values = numbers[:]
        except OSError:  # damaged data: `info --check` tells which
            continue
        wrong = np.flatnonzero((values < lowest) | (values >= (np.inf if count is None else count)))
        if len(wrong):
            known = (
                f"from {lowest}"
                + ("" if count is None else f" to {count - 1}")
                + (" (-1: none)" if lowest else "")
            )
            raise GradtoolsError(
                f"{name}: {path} is {values[wrong[0]]} in row {wrong[0]}, and classes are {known}: it is damaged, make it again"
            )


def _first_length(file, *places):
    """Length (int) of the first dataset there is, of (path, axis); None without one."""
    return next(
        (
            file[path].shape[axis]
            for path, axis in places
            if isinstance(file.get(path), h5py.Dataset) and file[path].ndim > axis
        ),
        None,
    )


class Store:
    """An open store. Row data are read on demand; what belongs to the samples is read once and kept."""

    def __init__(self, file, name):
        self.file, self.name = file, name

    def _column(self, path):
        return self.file[path][:] if path in self.file else None

    def _needed(self, path):
        """Values of a dataset that every store has."""
        if path not in self.file:
            raise GradtoolsError(f"{self.name} has no {path}: it is damaged, make it again")
        return self.file[path][:]

    @property
    def kind(self):
        """What the store was made to hold (str)."""
        return self.file.attrs["kind"]

    @property
    def uuid(self):
        """The file's own number (str)."""
        return self.file.attrs["uuid"]

    @functools.cached_property
    def n_samples(self):
        """Number of samples (int)."""
        return self.file[paths.SAMPLE].shape[0]

    @functools.cached_property
    def unit(self):
        """What a sample is (str): image, class or channel."""
        return self.attributes(paths.SAMPLES).get("unit", "image")

    @functools.cached_property
    def ids(self):
        """Sample ids (list of str): paths below the root."""
        return layout.decoded(self._needed(paths.ID))

    @functools.cached_property
    def labels(self):
        """Data class of each sample, i32 (N,); -1 where there is none."""
        return self._needed(paths.LABEL)

    @functools.cached_property
    def class_names(self):
        """Names of the data's classes (list of str)."""
        return (
            layout.decoded(self._column(paths.CLASS_NAME)) if paths.CLASS_NAME in self.file else []
        )

    @functools.cached_property
    def member(self):
        """Which of the model's classes belong to each data class, u8 (G, K), or None."""
        return self._column(paths.MEMBER)

    @functools.cached_property
    def model(self):
        """Attributes of the model (dict)."""
        return self.attributes(paths.MODEL)

    @functools.cached_property
    def model_class_names(self):
        """Names of the model's classes (list of str), empty where unknown."""
        return (
            layout.decoded(self._column(paths.MODEL_CLASS_NAME))
            if paths.MODEL_CLASS_NAME in self.file
            else []
        )

    @functools.cached_property
    def class_rows(self):
        """The last layer's rows, f32 (K, D), or None."""
        return self._column(paths.WEIGHT)

    @functools.cached_property
    def predicted(self):
        """Argmax class of each sample, i32 (N,), or None for a network without classes."""
        return self._column(paths.PREDICTED)

    @functools.cached_property
    def target(self):
        """Target class of each sample, i32 (N,), or None."""
        return self._column(paths.TARGET)

    @functools.cached_property
    def taps(self):
        """Names of the taps (list of str) in order of execution."""
        return json.loads(self.attributes(paths.TAPS).get("order", "[]"))

    @functools.cached_property
    def maps(self):
        """Names of the maps (list of str), `method@tap`, in the order in which they were made."""
        return json.loads(self.attributes(paths.MAPS).get("order", "[]"))

    def attributes(self, path):
        """Attributes of a group (dict, texts as str), empty where it is missing."""
        return layout.plain_attributes(self.file[path]) if path in self.file else {}

    def history_lines(self):
        """The steps that made this store (list of str, JSON)."""
        return layout.decoded(self.file[paths.HISTORY][:]) if paths.HISTORY in self.file else []

    def rows(self, path):
        """A row dataset of the store as `Rows`, or None where it is missing."""
        return Rows(self.file[path]) if path in self.file else None

    def tree(self, path):
        """Names directly below a group (list of str), empty where it is missing."""
        return (
            sorted(
                name for name in self.file[path] if isinstance(self.file[path][name], h5py.Group)
            )
            if path in self.file
            else []
        )

    def values(self, path):
        """A small dataset whole; texts as a list of str; None where it is missing."""
        if path not in self.file:
            return None
        values = self.file[path][()]
        return layout.decoded(values) if values.dtype.kind in "SO" else values

    def table(self, path):
        """A table as a dict of columns, and its attributes."""
        group = self.file[path]
        facts = layout.plain_attributes(group)
        rows = f"{group.name}/{facts.pop('row_dimension')}"
        names = [
            name
            for name in sorted(group)
            if isinstance(group[name], h5py.Dataset)
            and not layout.is_scale(group[name])
            and layout.scales_of(group[name]) == [rows]
        ]
        return {name: self.values(f"{path}/{name}") for name in names}, facts

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of every dataset by path (see `hashing.digests`)."""
        return hashing.digests(self.file)

    def check(self) -> None:
        """Read every value once, so that every checksum is tested.

        Raises
        ------
        GradtoolsError
            Names the first dataset that cannot be read.
        """
        for path, dataset in layout.datasets(self.file):
            try:
                hashing.dataset_digest(dataset)
            except OSError as error:
                raise GradtoolsError(
                    f"{self.name}: {path} is damaged ({error}): make the store again"
                ) from error

    def datasets(self):
        """Yield (path, shape, dtype, stored bytes, long_name) of every dataset."""
        for path, dataset in layout.datasets(self.file):
            about = str(layout.plain_attributes(dataset).get("long_name", ""))
            yield path, dataset.shape, dataset.dtype, dataset.id.get_storage_size(), about

    @functools.cached_property
    def sample_digest(self):
        """SHA-256 (hex) over the samples' own digests, in order: what makes two stores speak of the same images, with versions or without."""
        known = next((path for path in (paths.DIGEST, paths.ID) if path in self.file), None)
        original = self._column(paths.ORIGINAL)
        rows = None if original is None else original < 0
        return hashing.dataset_digest(self.file[known], rows) if known else ""

    def subject(self):
        """(samples, model) digests: stores with equal ones are tables of the same subject."""
        return self.sample_digest, self.model.get("weights_sha256", "")


class Rows:
    """A dataset of one row a sample, read in pieces; rows of more than one dimension are flattened."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.tail = dataset.shape[1:]
        self.shape = (dataset.shape[0], int(np.prod(self.tail)))
        self.nbytes = dataset.dtype.itemsize * self.shape[0] * self.shape[1]

    def read(self, start, stop):
        """Rows start..stop, (n, D) of the stored type."""
        return self.dataset[start:stop].reshape(-1, self.shape[1])
