"""HDF5 feature stores: the one owner of their layout (`gradtools.store.layout` has the schema).

`read` opens one, `create` writes one in one go, `grow` block by block; `digests` of equal stores are equal.
"""

from gradtools.store import paths
from gradtools.store.blocks import UNREADABLE, Block, Stored, cut
from gradtools.store.columns import Axis, Column
from gradtools.store.disk import free_bytes
from gradtools.store.folders import FILES, SIZES, marks
from gradtools.store.growing import Part, grow
from gradtools.store.growth import Growth
from gradtools.store.hashing import dataset_digest, digests, unit_digests
from gradtools.store.layout import FORMAT, VERSION, datasets, scales_of
from gradtools.store.opening import is_store, read
from gradtools.store.outputs import check_files, check_output, whole_file
from gradtools.store.pipes import is_pipe
from gradtools.store.reading import Rows, Store
from gradtools.store.shards import BATCH_LIMIT, Share
from gradtools.store.sink import Sink
from gradtools.store.writing import create

__all__ = [
    "BATCH_LIMIT",
    "FILES",
    "FORMAT",
    "SIZES",
    "VERSION",
    "Axis",
    "Block",
    "Column",
    "Growth",
    "Part",
    "Rows",
    "Share",
    "Sink",
    "Store",
    "Stored",
    "UNREADABLE",
    "check_files",
    "check_output",
    "create",
    "cut",
    "dataset_digest",
    "datasets",
    "digests",
    "free_bytes",
    "grow",
    "is_pipe",
    "is_store",
    "marks",
    "paths",
    "read",
    "scales_of",
    "unit_digests",
    "whole_file",
]
