"""SHA-256 of every dataset: type, shape, little-endian values in C order and result attributes; no times, paths or names of runs."""

import hashlib
import json
from collections.abc import Mapping

import h5py
import numpy as np

from gradtools.store import layout, paths
from gradtools.store.damage import damage

NOT_RESULTS = {
    "uuid",
    "created",
    "source",
    "root",
    "command",
    "compared",  # names the files of the stores
    "model",
    "weights",
    "long_name",
    "units",
    "device",
    "coordinates",  # for other readers, as the names of samples that `layout.name_samples` puts into groups
    layout.ENCODING,
}


def dataset_digest(dataset: h5py.Dataset, rows: np.ndarray | None = None, name: str = "") -> str:
    """Return the SHA-256 (hex) of one dataset, or of the rows (N,) bool of it as if it held no others; reads a bounded number of bytes at a time.

    Raises
    ------
    GradtoolsError
        It cannot be read: `name` is what the user calls its file.
    """
    with damage(name or dataset.file.filename, dataset.name):
        return _digest(dataset, rows)


class Running:
    """The digest of a dataset that is being written, row after row.

    Parameters
    ----------
    dataset : h5py.Dataset
        Of its final shape and with its attributes, still without values.
    """

    def __init__(self, dataset: h5py.Dataset):
        self.dataset, self._kind = dataset, _little_endian(dataset.dtype)
        self._about = _about(dataset, dataset.shape)
        self._sha = hashlib.sha256(self._about)

    def update(self, values: np.ndarray) -> None:
        """Take the next rows."""
        self._sha.update(np.ascontiguousarray(values, dtype=self._kind).reshape(-1).view("u1"))

    def digest_of(self, dataset: h5py.Dataset) -> str | None:
        """Return the SHA-256 (hex) of the dataset as it is now; None where it is another one, or its attributes are others."""
        same = dataset.id == self.dataset.id and _about(dataset, dataset.shape) == self._about
        return self._sha.hexdigest() if same else None


def _little_endian(dtype: np.dtype) -> np.dtype:
    return dtype.newbyteorder("<") if dtype.byteorder not in "|<" else dtype


def _about(dataset: h5py.Dataset, shape: tuple[int, ...]) -> bytes:
    """Return what a digest begins with: type, shape and result attributes."""
    return f"{_little_endian(dataset.dtype).str} {shape} ".encode() + _attributes(dataset)


def _digest(dataset: h5py.Dataset, rows: np.ndarray | None) -> str:
    kind = _little_endian(dataset.dtype)
    shape = dataset.shape if rows is None else (int(rows.sum()), *dataset.shape[1:])
    sha = hashlib.sha256(_about(dataset, shape))
    start = 0
    for part in layout.blocks(dataset):
        values = part if rows is None else part[rows[start : start + len(part)]]
        start += 0 if rows is None else len(part)
        sha.update(np.ascontiguousarray(values, dtype=kind).reshape(-1).view("u1"))
    return sha.hexdigest()


def unit_digests(weights: str, tap: str, count: int) -> np.ndarray:
    """Return the digests of classes or of channels, which are no files: SHA-256 of the weights' digest, the tap and the index (architecture#what-several-stores-say).

    Parameters
    ----------
    weights : str
        SHA-256 (hex) of the model's weights.
    tap : str
    count : int

    Returns
    -------
    (count, 32) u8 array
    """
    made = [
        hashlib.sha256(f"{weights}/{tap}/{index}".encode("utf-8", "surrogateescape")).digest()
        for index in range(count)
    ]
    return np.frombuffer(b"".join(made), "u1").reshape(count, 32)


def digests(
    file: h5py.File, name: str = "", written: Mapping[str, Running] | None = None
) -> dict[str, str]:
    """Return {path: SHA-256} of every dataset and of every group with result attributes; the history is left out.

    Parameters
    ----------
    written : dict of str to Running, optional
        Digests taken while datasets were written, by path: these are not read again.
    """
    by_path = {
        path: _taken(path, dataset, written or {}) or dataset_digest(dataset, name=name)
        for path, dataset in layout.datasets(file)
        if path != paths.HISTORY and not path.startswith(f"{paths.DIGESTS}/")
    }
    for group in layout.groups(file):
        attributes = _attributes(group)
        if attributes != b"{}":
            by_path[group.name.rstrip("/") + "/"] = hashlib.sha256(attributes).hexdigest()
    return dict(sorted(by_path.items()))


def _taken(path: str, dataset: h5py.Dataset, written: Mapping[str, Running]) -> str | None:
    """Return the digest that was taken while a dataset was written, None where there is none."""
    return written[path].digest_of(dataset) if path in written else None


def recorded_digests(
    file: h5py.File, name: str = "", written: Mapping[str, Running] | None = None
) -> dict[str, str]:
    """Return what the group of digests holds: those of all else, and of the history (see `digests`)."""
    by_path = digests(file, name, written)
    if paths.HISTORY in file:
        by_path[paths.HISTORY] = dataset_digest(file[paths.HISTORY], name=name)
    by_path.pop(f"{paths.DIGESTS}/", None)
    return by_path


def write_digests(
    file: h5py.File, origin: str = "", written: Mapping[str, Running] | None = None
) -> None:
    """Write the samples' names into the groups, and the SHA-256 of everything in a file that is otherwise finished (about 1 s a GB).

    What HDF5 copied from another file, `origin`, it did not read: damage there shows here.
    """
    layout.name_samples(file)
    by_path = recorded_digests(file, origin, written)
    layout.put(file, f"{paths.DIGESTS}/path", list(by_path))
    layout.put(file, f"{paths.DIGESTS}/sha256", list(by_path.values()))


def _attributes(item: h5py.HLObject) -> bytes:
    """Return the result attributes as canonical JSON."""
    kept = {
        key: value for key, value in layout.plain_attributes(item).items() if key not in NOT_RESULTS
    }
    return json.dumps(kept, sort_keys=True).encode("utf-8", "surrogateescape")
