"""A store as Python shows it: arrays by name. Every look opens the file, reads what is asked for, and closes it again."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from gradtools import store
from gradtools.selection import feature_names, features, maps, samples
from gradtools.store import Store, paths
from gradtools.tables.model import Table

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

    from xarray import Dataset

T = TypeVar("T")
SHOWN = 12  # maps in a notebook
PEEK = 8  # rows of a table of samples


class Shown(np.ndarray):
    """An array with a name, the names of its rows and of its dimensions; maps show themselves in a notebook.

    Attributes
    ----------
    name : str
    ids : list of str
        One a row.
    dims : tuple of str
    """

    name: str
    ids: list[str]
    dims: tuple[str, ...]

    def __array_finalize__(self, other: np.ndarray | None) -> None:
        for key, default in (("name", ""), ("ids", []), ("dims", ())):
            setattr(self, key, getattr(other, key, default))

    def _repr_png_(self) -> bytes | None:
        """Return maps (n, H, W) as a picture."""
        if self.ndim != 3 or len(self.ids) != len(self):
            return None
        from gradtools import figures

        return figures.map_sheet(np.asarray(self[:SHOWN]), self.ids[:SHOWN], self.name)


def shown(values: np.ndarray, name: str, ids: list[str], dims: tuple[str, ...]) -> Shown:
    """Return an array with its names."""
    named = np.asarray(values).view(Shown)
    named.name, named.ids, named.dims = name, ids, dims
    return named


class Named(Mapping[str, T]):
    """Things of a store by name, each read when it is asked for."""

    def __init__(self, names: list[str], read: Callable[[str], T]) -> None:
        self._names, self._read = names, read

    def __getitem__(self, name: str) -> T:
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"<{', '.join(self._names) or 'none'}>"


class Opened:
    """A store: `samples`, `features`, `maps` and `tables` by name, `to_xarray`.

    Parameters
    ----------
    path : str
    folder : TemporaryDirectory, optional
        That the store lies in and goes with.
    """

    def __init__(self, path: str, folder: "TemporaryDirectory | None" = None) -> None:
        self.path, self._folder = path, folder

    def _ask(self, question: Callable[[Store], T]) -> T:
        with store.read(self.path) as source:
            return question(source)

    @functools.cached_property
    def ids(self) -> list[str]:
        """Return the samples' ids."""
        return self._ask(lambda source: source.ids)

    @property
    def samples(self) -> dict[str, np.ndarray]:
        """Return what is known of each sample, (N,) arrays: id, label and predicted class (names), and whether it is right."""

        def read(source: Store) -> dict[str, np.ndarray]:
            known = {"id": np.array(source.ids)}
            known["label"] = _named(source.labels, source.class_names)
            if source.predicted is not None:
                known["predicted"] = _named(source.predicted, source.model_class_names)
                if source.member is not None and source.member.any():
                    known["correct"] = samples.correct(source)
            return known

        return self._ask(read)

    @property
    def features(self) -> Named[Shown]:
        """Return the features by name; `features["gradient"]` is at its default tap, as `gradtools` has it."""

        def read(name: str) -> Shown:
            def rows(source: Store) -> Shown:
                (chosen,) = features.resolve(source, (name,), control=False, with_maps=True)
                keep = np.ones(source.n_samples, dtype=bool)
                return shown(
                    features.read_rows(chosen, keep), chosen.name, source.ids, ("sample", "channel")
                )

            return self._ask(rows)

        return Named(self._ask(feature_names.names), read)

    @property
    def maps(self) -> Named[Shown]:
        """Return the raw maps by name, (M, H, W): signed, at the tap's own size; `ids` are those of their samples."""

        def read(name: str) -> Shown:
            def rows(source: Store) -> Shown:
                (chosen,) = maps.resolve(source, (maps.PREFIX + name.removeprefix(maps.PREFIX),))
                every = source.needed_rows(paths.maps(f"{chosen.method}@{chosen.taps[0]}"))
                values = every.read(0, every.shape[0]).reshape(-1, *every.tail)
                ids = [source.ids[row] for row in source.needed(paths.MAP_SAMPLE)]
                return shown(values, chosen.name, ids, ("map", "y", "x"))

            return self._ask(rows)

        return Named(self._ask(lambda source: source.maps), read)

    @property
    def tables(self) -> Named[Table]:
        """Return the tables that `gradtools evaluate --layout all` prints of this store, by id."""
        from gradtools.stages import evaluate

        made: dict[str, Table] = {}
        for table in evaluate.every_table(evaluate.gather([self.path])):
            name = table.id
            while name in made:
                name += "+"
            made[name] = table
        return Named(list(made), made.__getitem__)

    def to_xarray(self) -> "Dataset":
        """Return samples, features and maps as one xarray.Dataset with the samples' ids (extra xarray).

        Raises
        ------
        ImportError
            xarray is not installed.
        """
        import xarray

        columns = self.samples
        data = xarray.Dataset(coords={"sample": columns.pop("id")})
        for name, values in columns.items():
            data[name] = ("sample", values)
        for name, rows in self.features.items():
            data[name] = (("sample", f"{name} column"), np.asarray(rows))
        for name, values in self.maps.items():
            dims = ("map", f"{name} y", f"{name} x")
            data[f"map:{name}"] = (dims, np.asarray(values), {"samples": values.ids})
        return data

    def __repr__(self) -> str:
        kind = self._ask(lambda source: source.kind)
        return (
            f"<gradtools {kind} {self.path}: {len(self.ids)} samples; features {self.features!r}; "
            f"maps {self.maps!r}>"
        )

    def _repr_html_(self) -> str:
        """Return the first samples as a table."""
        from gradtools.tables import html

        columns = self.samples
        rows = [
            {name: str(values[row]) for name, values in columns.items()}
            for row in range(min(PEEK, len(self.ids)))
        ]
        notes = (f"features: {', '.join(self.features)}", f"maps: {', '.join(self.maps) or 'none'}")
        title = f"{self.path}: {len(self.ids)} samples"
        return html.of_table(Table("samples", title, list(columns), rows, notes))


def _named(codes: np.ndarray, names: list[str]) -> np.ndarray:
    """Class numbers as names, empty for none; as they are where no names are known."""
    if not names:
        return codes
    return np.array(["" if code < 0 else names[code] for code in codes])
