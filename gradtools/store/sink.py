"""A store that is being written: datasets, tables, history, and what is copied of the input."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import h5py
import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from gradtools.store import guarded, layout, paths
from gradtools.store.copying import copy, followed
from gradtools.store.damage import damage
from gradtools.store.hashing import Running

if TYPE_CHECKING:
    from gradtools.store.provenance import Fact
    from gradtools.store.reading import Store

RESULTS = tuple(
    path.strip("/")
    for path in (
        paths.SIMILARITY,
        paths.NEIGHBORS,
        paths.CLUSTERS,
        paths.PROJECTION,
        paths.LINKAGE,
        paths.TABLES,
        paths.AUGMENTATION,
        paths.DECODING,
        paths.CHANNELS,
        paths.LOCALIZATION,
        paths.LINK,
        paths.TUNING,
    )
)


class Sink:
    """A store being written; wraps the open file so that other modules never name a path in it by hand."""

    def __init__(self, file: h5py.File, origin: str = ""):
        self.file, self.origin = file, origin  # the store that was carried on, as the user named it
        self.hashed: dict[str, Running] = {}  # digests of what was hashed while it was written

    def put(
        self,
        path: str,
        values: ArrayLike,
        dims: Sequence[str] | None = None,
        long_name: str = "",
        units: str = "",
        attrs: Mapping[str, ArrayLike] | None = None,
    ) -> h5py.Dataset:
        """Write one dataset; dimensions, text and units are the schema's unless given (see `layout.put`)."""
        guarded.check(self.file)
        return layout.put(self.file, path, values, dims, long_name, units, attrs)

    def put_blocks(
        self,
        path: str,
        shape: Sequence[int],
        dtype: DTypeLike,
        blocks: Iterable[np.ndarray],
        long_name: str = "",
    ) -> h5py.Dataset:
        """Write one dataset from blocks of its rows (see `layout.put_blocks`)."""
        guarded.check(self.file)
        return layout.put_blocks(self.file, path, shape, dtype, blocks, long_name)

    def carry(
        self, store: "Store", keep: np.ndarray, whole: bool, replacing: Sequence[str] = ()
    ) -> list[str]:
        """Copy what an output always has of its input, or everything.

        Samples, classes, what the network answered and the attributes of model and taps are always there.

        Parameters
        ----------
        keep : (N,) bool array
            Samples to keep. Results that rest on all of them are left behind where some are left out.
        whole : bool
            Everything, not only what is always there.
        replacing : sequence of str
            Paths that this step writes itself.

        Returns
        -------
        list of str
            Results that stay behind because they rest on samples that are left out.
        """
        self.origin = store.name
        with damage(store.name, "/"):
            return self._carry(store, keep, whole, replacing)

    def _carry(
        self, store: "Store", keep: np.ndarray, whole: bool, replacing: Sequence[str]
    ) -> list[str]:
        """Copy what an output has of its input."""
        subset = None if keep.all() else followed(store.file, {paths.SAMPLE: keep})
        behind = (
            [name for name in RESULTS if name in store.file] if whole and subset is not None else []
        )
        left = set(replacing) | ({f"/{name}" for name in RESULTS} if subset is not None else set())
        always = [
            paths.SAMPLES,
            paths.CLASSES,
            paths.MODEL_CLASS_NAME,
            paths.PREDICTED,
            paths.TARGET,
        ]
        everything = [
            "/" + name for name in sorted(store.file) if name not in ("history", "digests")
        ]
        for path in everything if whole else always:
            copy(store.file, self.file, path, subset, left)
        for path in (paths.MODEL, paths.TAPS):
            self.attributes(path, **store.attributes(path))
        for key in ("source", "root"):
            self.file.attrs[key] = store.file.attrs[key]
        return behind

    def attributes(self, path: str, **values: ArrayLike) -> None:
        """Set attributes of a group, made where it is missing."""
        group = self.file.require_group(path)
        for key, value in values.items():
            group.attrs[key] = (
                value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
            )

    def history(self, stores: "Iterable[Store]", step: Mapping[str, "Fact"]) -> None:
        """Write the steps of the inputs, each once, and this one."""
        lines = list(dict.fromkeys(line for store in stores for line in store.history_lines()))
        if paths.HISTORY in self.file:
            layout.drop(self.file, paths.HISTORY)
            del self.file[paths.STEP]
        self.put(paths.HISTORY, lines + [json.dumps(step, ensure_ascii=True)])

    def table(
        self,
        path: str,
        columns: Mapping[str, ArrayLike],
        long_name: str,
        attrs: Mapping[str, ArrayLike] | None = None,
        row: str = "row",
    ) -> None:
        """Write a table: a dataset a column.

        Parameters
        ----------
        columns : dict of str to (n,) array or list of str
        """
        self.file.require_group(path)
        for name, values in columns.items():
            self.put(f"{path}/{name}", values, [row], f"{long_name}: {name}")
        self.attributes(path, row_dimension=row, **(attrs or {}))
