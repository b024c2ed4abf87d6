"""HDF5 feature stores: the one owner of their layout (`gradtools.store.layout` has the schema).

`read` opens one, `create` writes one in one go, `grow` block by block; `digests` tells whether two are equal.
"""

from gradtools.store import paths
from gradtools.store.growing import Axis, Column, Part, grow
from gradtools.store.hashing import dataset_digest, digests, unit_digests
from gradtools.store.layout import FORMAT, VERSION, datasets, scales_of
from gradtools.store.reading import Rows, Store, is_store, read
from gradtools.store.writing import Sink, check_files, check_output, create

__all__ = [
    "FORMAT",
    "VERSION",
    "Axis",
    "Column",
    "Part",
    "Rows",
    "Sink",
    "Store",
    "check_files",
    "check_output",
    "create",
    "dataset_digest",
    "datasets",
    "digests",
    "grow",
    "is_store",
    "paths",
    "read",
    "scales_of",
    "unit_digests",
]
