"""HDF5 feature stores: the one owner of their layout (`gradtools.store.layout` has the schema).

`read` opens one, `create` writes one in one go, `grow` block by block; `digests` tells whether two are equal.
"""

from gradtools.store import paths
from gradtools.store.hashing import dataset_digest, digests
from gradtools.store.layout import FORMAT, VERSION, datasets, scales_of
from gradtools.store.reading import Rows, Store, read
from gradtools.store.writing import Column, Part, Sink, check_output, create, grow

__all__ = [
    "FORMAT",
    "VERSION",
    "Column",
    "Part",
    "Rows",
    "Sink",
    "Store",
    "check_output",
    "create",
    "dataset_digest",
    "datasets",
    "paths",
    "digests",
    "grow",
    "read",
    "scales_of",
]
