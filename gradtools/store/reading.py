"""An open store, never changed: attributes, small columns that are read once, rows that are read in pieces."""

import functools
import json
from collections.abc import Iterator
from typing import NoReturn

import h5py
import numpy as np

from gradtools.errors import GradtoolsError, printable
from gradtools.store import hashing, layout, paths
from gradtools.store.damage import damage
from gradtools.store.values import check_read


class Facts(dict):
    """Attributes or columns of a store; one that is missing is said in a line, with the store and the place."""

    def __init__(self, values: dict, name: str, path: str):
        super().__init__(values)
        self.name, self.path = name, path

    def __missing__(self, key: str) -> NoReturn:
        raise GradtoolsError(
            f"{self.name}: {self.path} has no {key}: it is damaged or of an earlier gradtools, make it again"
        )


class Store:
    """An open store. Row data are read on demand; what belongs to the samples is read once and kept.

    `sealed` is False where nothing but HDF5's own checks holds the index and the attributes (see `seal`).
    """

    def __init__(self, file: h5py.File, name: str, sealed: bool = True):
        self.file, self.name, self.sealed = file, name, sealed

    def _read(self, path: str) -> np.ndarray | None:
        """Return the values of a dataset, checked; None where it is missing."""
        if path not in self.file:
            return None
        with damage(self.name, path):
            values = self.file[path][()]
        return check_read(values, path, self.file, self.name)

    def _needed(self, path: str) -> np.ndarray:
        """Return the values of a dataset that every store of samples has."""
        values = self._read(path)
        if values is None:
            raise GradtoolsError(f"{self.name} has no {path}: it is damaged, make it again")
        return values

    @property
    def kind(self) -> str:
        """What the store was made to hold (str)."""
        return self.attributes("/")["kind"]

    @property
    def uuid(self) -> str:
        """The file's own number (str)."""
        return self.attributes("/")["uuid"]

    @property
    def nbytes(self) -> int:
        """Bytes of the file (int)."""
        return self.file.id.get_filesize()

    @functools.cached_property
    def n_samples(self) -> int:
        """Number of samples (int)."""
        return len(self.labels)

    @functools.cached_property
    def unit(self) -> str:
        """What a sample is (str): image, class or channel."""
        return self.attributes(paths.SAMPLES).get("unit", "image")

    @functools.cached_property
    def ids(self) -> list[str]:
        """Sample ids (list of str): paths below the root."""
        return layout.decoded(self._needed(paths.ID))

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """Data class of each sample, i32 (N,); -1 where there is none."""
        return self._needed(paths.LABEL)

    @functools.cached_property
    def class_names(self) -> list[str]:
        """Names of the data's classes (list of str)."""
        names = self._read(paths.CLASS_NAME)
        return [] if names is None else layout.decoded(names)

    @functools.cached_property
    def member(self) -> np.ndarray | None:
        """Which of the model's classes belong to each data class, u8 (G, K), or None."""
        return self._read(paths.MEMBER)

    @functools.cached_property
    def model(self) -> Facts:
        """Attributes of the model (dict)."""
        return self.attributes(paths.MODEL)

    @functools.cached_property
    def model_class_names(self) -> list[str]:
        """Names of the model's classes (list of str), empty where unknown."""
        names = self._read(paths.MODEL_CLASS_NAME)
        return [] if names is None else layout.decoded(names)

    @functools.cached_property
    def class_rows(self) -> np.ndarray | None:
        """The last layer's rows, f32 (K, D), or None."""
        return self._read(paths.WEIGHT)

    @functools.cached_property
    def predicted(self) -> np.ndarray | None:
        """Argmax class of each sample, i32 (N,), or None for a network without classes."""
        return self._read(paths.PREDICTED)

    @functools.cached_property
    def target(self) -> np.ndarray | None:
        """Target class of each sample, i32 (N,), or None."""
        return self._read(paths.TARGET)

    @functools.cached_property
    def taps(self) -> list[str]:
        """Names of the taps (list of str) in order of execution."""
        return json.loads(self.attributes(paths.TAPS).get("order", "[]"))

    @functools.cached_property
    def maps(self) -> list[str]:
        """Names of the maps (list of str), `method@tap`, in the order in which they were made."""
        return json.loads(self.attributes(paths.MAPS).get("order", "[]"))

    def attributes(self, path: str) -> Facts:
        """Return the attributes of a group (dict, texts as str), empty where it is missing."""
        attributes = layout.plain_attributes(self.file[path]) if path in self.file else {}
        return Facts(attributes, self.name, path)

    def history_lines(self) -> list[str]:
        """Return the steps that made this store (list of str, JSON)."""
        return self.texts(paths.HISTORY) or []

    def needed_rows(self, path: str) -> "Rows":
        """Return a row dataset that a store of this kind has.

        Raises
        ------
        GradtoolsError
            If it is missing.
        """
        rows = self.rows(path)
        if rows is None:
            raise GradtoolsError(f"{self.name} has no {path}: it is damaged, make it again")
        return rows

    def rows(self, path: str) -> "Rows | None":
        """Return a row dataset of the store as `Rows`, or None where it is missing."""
        return Rows(self, path) if path in self.file else None

    def tree(self, path: str) -> list[str]:
        """Return the names directly below a group (list of str), empty where it is missing."""
        return (
            sorted(
                name for name in self.file[path] if isinstance(self.file[path][name], h5py.Group)
            )
            if path in self.file
            else []
        )

    def values(self, path: str) -> np.ndarray | None:
        """Return a small dataset of numbers whole, None where it is missing; `texts` reads texts."""
        values = self._read(path)
        if values is not None and values.dtype.kind == "S":
            raise TypeError(f"{path} holds texts")
        return values

    def needed(self, path: str) -> np.ndarray:
        """Return a small dataset of numbers that a store of this kind has.

        Raises
        ------
        GradtoolsError
            If it is missing.
        """
        return self._needed(path)

    def texts(self, path: str) -> list[str] | None:
        """Return a small dataset of texts whole, None where it is missing."""
        values = self._read(path)
        return None if values is None else layout.decoded(values)

    def _column(self, path: str) -> np.ndarray | list[str]:
        """Return a column of a table."""
        values = self._needed(path)
        return layout.decoded(values) if values.dtype.kind == "S" else values

    def table(self, path: str) -> tuple[Facts, Facts]:
        """Return a table as a dict of columns, and its attributes."""
        if path not in self.file:
            raise GradtoolsError(f"{self.name} has no table {path}: it is damaged, make it again")
        group, facts = self.file[path], self.attributes(path)
        rows = f"{group.name}/{facts['row_dimension']}"
        del facts["row_dimension"]
        names = [
            name
            for name in sorted(group)
            if isinstance(group[name], h5py.Dataset)
            and not layout.is_scale(group[name])
            and layout.scales_of(group[name]) == [rows]
        ]
        columns = {name: self._column(f"{path}/{name}") for name in names}
        return Facts(columns, self.name, path), facts

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of every dataset by path (see `hashing.digests`)."""
        return hashing.digests(self.file, self.name)

    def check(self) -> None:
        """Read every value: its checksum, its range, and the digests that were written last.

        Raises
        ------
        GradtoolsError
            Names the first dataset that cannot be read, or is not what was written.
        """
        recorded = dict(
            zip(*(self.texts(f"{paths.DIGESTS}/{key}") or () for key in ("path", "sha256")))
        )
        for path, dataset in layout.datasets(self.file):
            with damage(self.name, path):
                for values in layout.blocks(dataset):
                    check_read(values, path, self.file, self.name)
        with damage(self.name, "/"):
            digests = hashing.recorded_digests(self.file, self.name) if recorded else {}
        for path in sorted(recorded.keys() | digests.keys()):
            if recorded.get(path) != digests.get(path):
                raise GradtoolsError(
                    f"{self.name}: {printable(path)} is not what was written: its SHA-256 differs, make the store again"
                )

    def datasets(self) -> Iterator[tuple[str, tuple[int, ...], np.dtype, int, str]]:
        """Yield (path, shape, dtype, stored bytes, long_name) of every dataset."""
        for path, dataset in layout.datasets(self.file):
            about = str(layout.plain_attributes(dataset).get("long_name", ""))
            yield path, dataset.shape, dataset.dtype, dataset.id.get_storage_size(), about

    @functools.cached_property
    def sample_digest(self) -> str:
        """SHA-256 (hex) over the samples' own digests, in order: what makes two stores speak of the same images, with versions or without."""
        known = next((path for path in (paths.DIGEST, paths.ID) if path in self.file), None)
        original = self._read(paths.ORIGINAL)
        rows = None if original is None else original < 0
        return hashing.dataset_digest(self.file[known], rows, self.name) if known else ""

    def subject(self) -> tuple[str, str]:
        """Return (samples, model) digests: stores with equal ones are tables of the same subject."""
        return self.sample_digest, self.model.get("weights_sha256", "")


class Rows:
    """A dataset of one row a sample, read in pieces; rows of more than one dimension are flattened."""

    def __init__(self, store: Store, path: str):
        self.store, self.path = store, path
        self.dataset = store.file[path]
        self.tail = self.dataset.shape[1:]
        self.shape = (self.dataset.shape[0], int(np.prod(self.tail)))
        self.nbytes = self.dataset.dtype.itemsize * self.shape[0] * self.shape[1]

    def read(self, start: int, stop: int) -> np.ndarray:
        """Read the rows start..stop, (n, D) of the stored type."""
        with damage(self.store.name, self.path):
            values = self.dataset[start:stop]
        if not self.path.startswith(
            (f"{paths.TAPS}/", f"{paths.OUTPUTS}/", f"{paths.FEATURES}/")
        ):  # features name the image
            values = check_read(values, self.path, self.store.file, self.store.name)
        return values.reshape(-1, self.shape[1])
