"""Arrays by name from files that other programs wrote: NPZ, NPY, CSV, TSV and Parquet."""

import csv
import json
import os
import re
import zipfile
from collections.abc import Callable, Sequence

import numpy as np

from gradtools.errors import GradtoolsError, UsageError, some
from gradtools.stages.transfer import on_disk
from gradtools.stages.transfer.on_disk import RowsOnDisk

Column = np.ndarray | list[str] | RowsOnDisk
Arrays = dict[str, Column]
ENTRY = re.compile(r"(.+)\[(.+)\]")  # a column of a table that is one entry of a vector
TABLES = (".csv", ".tsv", ".parquet")
FEATURES = "features"  # what numbers without a name of their own become


def read(
    files: Sequence[str], rename: Sequence[tuple[str, str]] = ()
) -> tuple[Arrays, dict[str, str]]:
    """Read every array of several files.

    Parameters
    ----------
    files : sequence of str
        `.npz`, `.npy` (its name is the file's), `.csv`, `.tsv`, `.parquet`.
    rename : sequence of (str, str)
        Old and new names of arrays and of columns.

    Returns
    -------
    arrays : dict of str to array or list of str
        Columns `NAME[i]` of a table are the vector NAME; numbers under other heads than those of `FIELDS` are `features`.
    sources : dict of str to str
        The file and key of each.

    Raises
    ------
    UsageError, GradtoolsError
        A file that cannot be read, of another kind, or two arrays of one name.
    """
    arrays: Arrays = {}
    sources: dict[str, str] = {}
    new_names, seen = dict(rename), set()
    for path in files:
        columns, is_table = _read_file(path)
        seen |= set(columns)
        columns = {new_names.get(name, name): values for name, values in columns.items()}
        for name, values in (gathered(columns) if is_table else columns).items():
            if name in arrays:
                raise UsageError(
                    f"{path} and {sources[name]} both have {name}: --rename OLD=NEW, or leave one out"
                )
            arrays[name], sources[name] = values, f"{os.path.basename(path)} {name}"
    missing = next((name for name in new_names if name not in seen), None)
    if missing is not None:
        raise UsageError(f"--rename {missing}: no such array or column; there are {some(seen)}")
    return arrays, sources


def _read_file(path: str) -> tuple[Arrays, bool]:
    """The arrays of one file by name, and whether they are columns of a table."""
    end = os.path.splitext(path)[1].lower()
    readers: dict[str, Callable[[str], Arrays]] = {
        ".npz": _npz,
        ".npy": _npy,
        ".csv": _csv,
        ".tsv": _csv,
        ".parquet": _parquet,
    }
    if end not in readers:
        raise UsageError(f"{path}: import reads {', '.join(readers)}, chosen by the file's end")
    try:
        return readers[end](path), end in TABLES
    except OSError as error:
        raise GradtoolsError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise GradtoolsError(f"{path} cannot be read: {error}") from error


def _npz(path: str) -> Arrays:
    with zipfile.ZipFile(path) as file:
        members = {member.filename.removesuffix(".npy"): member for member in file.infolist()}
    large = {
        name: on_disk.of_member(path, member)
        for name, member in members.items()
        if name not in KNOWN
    }
    with np.load(path, allow_pickle=False) as held:
        return {name: large.get(name) or _plain(held[name]) for name in held.files}


def _npy(path: str) -> Arrays:
    name = os.path.splitext(os.path.basename(path))[0]
    large = None if name in KNOWN else on_disk.of_npy(path)
    return {name: large or _plain(np.load(path, allow_pickle=False))}


def _plain(values: np.ndarray) -> Column:
    """Texts as a list of str, numbers as they are."""
    if values.dtype.kind == "S":
        return [value.decode("utf-8", "surrogateescape") for value in values.tolist()]
    return values.tolist() if values.dtype.kind == "U" else values


def _csv(path: str) -> Arrays:
    separator = "\t" if path.lower().endswith(".tsv") else ","
    with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as handle:
        lines = list(csv.reader(handle, delimiter=separator))
    if len(lines) < 2:
        raise GradtoolsError(f"{path} has no row below its heads")
    head, *rows = lines
    if all(_numbers([cell]) is not None for cell in head):
        raise GradtoolsError(f"{path}: its first line is numbers: give the columns names there")
    odd = next((number for number, row in enumerate(rows, 2) if len(row) != len(head)), None)
    if odd:
        raise GradtoolsError(
            f"{path} line {odd} has {len(rows[odd - 2])} entries, and the first line {len(head)}"
        )
    return {name: list(column) for name, column in zip(head, zip(*rows))}


def _parquet(path: str) -> Arrays:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise GradtoolsError(
            f"{path}: Parquet needs pyarrow: pip install 'gradtools[parquet]'"
        ) from error
    table = parquet.read_table(path)
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    return {
        name: np.array(values, dtype=np.float64)
        if isinstance(values[0] if values else None, list)
        else ["" if value is None else str(value) for value in values]
        for name, values in columns.items()
    }


def gathered(columns: Arrays) -> Arrays:
    """Put the columns of a table together to arrays.

    Parameters
    ----------
    columns : dict of str to list of str, or to an (N, D) array, which stays

    Returns
    -------
    dict of str to array or list of str
        A field (`label`) as numbers where all entries are; columns `NAME[i]` as one (N, D) array, and so a column of
        vectors in brackets; all other numbers as `features`, in their order; other texts as they are.
    """
    arrays: Arrays = {}
    groups: dict[str, list[np.ndarray]] = {}
    for name, column in columns.items():
        if not isinstance(column, list):
            arrays[name] = column
            continue
        numbers = None if name == "id" else _numbers(column)  # 007 is a name
        entry = ENTRY.fullmatch(name)
        if name in FIELDS or numbers is None:
            arrays[name] = column if numbers is None else numbers
        elif numbers.ndim == 2:
            arrays[name] = numbers
        else:
            groups.setdefault(entry[1] if entry else FEATURES, []).append(numbers)
    return arrays | {name: np.column_stack(parts) for name, parts in groups.items()}


def _numbers(column: Sequence[str]) -> np.ndarray | None:
    """A column as float64, (N,) or of vectors in brackets (N, D); None where an entry is neither."""
    try:
        if column[0].startswith("["):
            return np.array([json.loads(entry) for entry in column], dtype=np.float64)
        return np.array(column, dtype=np.float64)
    except (ValueError, RecursionError):
        return None


FIELDS = ("id", "label", "predicted", "target")  # columns of a row that are not features
KNOWN = (
    *FIELDS,
    *("class_name", "model_class_name", "logits", "probabilities", "weight", "bias", "digest"),
)


def vectors(arrays: Arrays) -> tuple[dict[str, np.ndarray | RowsOnDisk], list[str]]:
    """Split what is not a field into features and the rest.

    Returns
    -------
    features : dict of str to (N, D) array
        Numbers with a row a sample; further dimensions are flattened.
    rest : list of str
        What is neither a field nor a feature, with its shape.
    """
    features, rest = {}, []
    for name, values in arrays.items():
        if name in KNOWN:
            continue
        if isinstance(values, list):
            rest.append(f"{name} (texts)")
        elif values.ndim < 2 or values.dtype.kind not in "fiub":
            shape = "x".join(map(str, values.shape)) or "one value"
            rest.append(f"{name} ({values.dtype}, {shape})")
        else:
            features[name] = (
                values.flattened()
                if isinstance(values, RowsOnDisk)
                else values.reshape(len(values), int(np.prod(values.shape[1:])))
            )
    return features, rest
