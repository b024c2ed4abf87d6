"""SHA-256 of every dataset: type, shape, little-endian values in C order and result attributes; no times, paths or names of runs."""

import hashlib
import json

import numpy as np

from gradtools.store import layout, paths

NOT_RESULTS = {
    "uuid",
    "created",
    "source",
    "root",
    "command",
    "model",
    "weights",
    "long_name",
    "units",
    "device",
}
READ_BYTES = 16 << 20


def dataset_digest(dataset, rows=None):
    """SHA-256 (hex) of one dataset, or of the rows (N,) bool of it as if it held no others; reads a bounded number of bytes at a time."""
    kind = dataset.dtype.newbyteorder("<") if dataset.dtype.byteorder not in "|<" else dataset.dtype
    shape = dataset.shape if rows is None else (int(rows.sum()), *dataset.shape[1:])
    sha = hashlib.sha256(f"{kind.str} {shape} ".encode())
    sha.update(_attributes(dataset))
    if dataset.shape == ():
        sha.update(np.asarray(dataset[()], dtype=kind).tobytes())
        return sha.hexdigest()
    step = max(1, READ_BYTES // max(kind.itemsize * int(np.prod(dataset.shape[1:])), 1))
    for start in range(0, dataset.shape[0], step):
        part = dataset[start : start + step]
        part = part if rows is None else part[rows[start : start + step]]
        sha.update(np.ascontiguousarray(part, dtype=kind).tobytes())
    return sha.hexdigest()


def unit_digests(weights, tap, count):
    """Digests of classes or of channels, which are no files: SHA-256 of the weights' digest, the tap and the index (architecture#what-several-stores-say).

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


def digests(file):
    """{path: SHA-256} of every dataset and of every group with result attributes; the history is left out."""
    found = {
        path: dataset_digest(dataset)
        for path, dataset in layout.datasets(file)
        if path != paths.HISTORY
    }
    for group in layout.groups(file):
        attributes = _attributes(group)
        if attributes != b"{}":
            found[group.name.rstrip("/") + "/"] = hashlib.sha256(attributes).hexdigest()
    return dict(sorted(found.items()))


def _attributes(item):
    """Result attributes as canonical JSON."""
    kept = {
        key: value for key, value in layout.plain_attributes(item).items() if key not in NOT_RESULTS
    }
    return json.dumps(kept, sort_keys=True).encode("utf-8", "surrogateescape")
