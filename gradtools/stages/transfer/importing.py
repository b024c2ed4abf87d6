"""Arrays of other programs -> a store of features: `import`. What the arrays say of the samples is checked, nothing is guessed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError, some
from gradtools.selection import feature_names
from gradtools.stages import run
from gradtools.stages.transfer import arrays as files
from gradtools.stages.transfer import described, matrices
from gradtools.stages.transfer.arrays import Arrays
from gradtools.stages.transfer.on_disk import BLOCK_BYTES, RowsOnDisk
from gradtools.stages.transfer.options import Options
from gradtools.store import paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Options", "read_files", "write"]

Vectors = np.ndarray | RowsOnDisk


def read_files(
    names: Sequence[str],
    options: Options,
    output: str,
    *,
    rename: Sequence[tuple[str, str]] = (),
    **how: "Unpack[run.How]",
) -> None:
    """Write a store from files (see `write`).

    Parameters
    ----------
    names : list of str
        NPZ, NPY, CSV, TSV or Parquet files; together they have one row a sample.
    options : Options
    output : str
        Path, or '-'.
    rename : sequence of (str, str)
        Old and new names of arrays and of columns.
    how
        Fields of `run.Run`.
    """
    values, sources = files.read(names, rename)
    write(values, options, output, sources=sources, **how)


def write(
    values: Arrays,
    options: Options,
    output: str,
    *,
    sources: Mapping[str, str] | None = None,
    **how: "Unpack[run.How]",
) -> None:
    """Write a store of features, or of a matrix, from arrays by name.

    Parameters
    ----------
    values : dict of str to array or list of str
        id, label, predicted, class_name, model_class_name, logits, probabilities, weight, bias, digest; all else is a
        feature, (N, D).
    options : Options
    output : str
        Path, or '-'.
    sources : dict of str to str, optional
        Where each array is from.

    Raises
    ------
    UsageError, GradtoolsError
        Names the array that does not fit the others.
    """
    this = run.begin(output, **how)
    sources = dict(sources or {})
    matrix = matrices.read(values, options)
    vectors, rest = files.vectors(
        {key: value for key, value in values.items() if key != options.matrix}
    )
    vectors = _chosen(vectors, options.feature)
    if rest:
        this.say(f"neither features nor a field, left out: {', '.join(rest)}")
    if matrix is None and not vectors and "logits" not in values and "probabilities" not in values:
        raise UsageError(
            f"no features: an array of numbers with a row a sample, in an NPZ or NPY file or in columns; there are {some(values) or 'no arrays'}"
        )
    count = _count(values, vectors, matrix)
    known = described.read(values, count, options, this.say)
    for name, rows in vectors.items():
        _check_finite(name, rows, known.ids)
    kind = "similarity" if matrix is not None and not vectors else "features"
    with store.create(output, kind, force=this.force, root=options.images or "") as sink:
        _write_samples(sink, known, options)
        for name, rows in vectors.items():
            _write_feature(sink, name, rows, sources.get(name, ""), options)
            this.say(
                f"{name}: {rows.shape[0]} x {rows.shape[1]} from {sources.get(name, 'memory')}"
            )
        if matrix is not None:
            matrices.write(sink, matrix, known, options)
            this.say(f"{options.matrix}: {options.metric} of {count} x {count} samples")
        this.note(sink, rows=count)


def _chosen(vectors: dict[str, Vectors], wanted: Sequence[str]) -> dict[str, Vectors]:
    """The features that --feature names; names that other features have, or that cannot be a path, are refused."""
    missing = [name for name in wanted if name not in vectors]
    if missing:
        raise UsageError(f"--feature {missing[0]}: no such array, there are {some(vectors)}")
    chosen = {name: vectors[name] for name in wanted or vectors}
    taken = {
        *feature_names.AT_TAPS,
        *feature_names.OUTPUTS,
        "probabilities",
        feature_names.CONTROL,
    } - {"embedding"}
    for name in chosen:
        if name in taken or not name.strip(".") or set(name) & set("/@:*?[]"):
            raise UsageError(
                f"{name!r} cannot name an imported feature: --rename {name}=NAME, without /, @, : and globs"
            )
    return chosen


def _count(values: files.Arrays, vectors: dict[str, Vectors], matrix: np.ndarray | None) -> int:
    """Number of samples, the same in every array of one row a sample."""
    lengths = {name: len(rows) for name, rows in vectors.items()}
    lengths |= {} if matrix is None else {"the matrix": len(matrix)}
    names = (*files.FIELDS, "logits", "probabilities", "digest")
    lengths |= {name: len(values[name]) for name in names if name in values}
    if len(set(lengths.values())) > 1:
        raise GradtoolsError(
            "a sample is a row of every array, and their lengths differ: "
            + ", ".join(f"{name} {length}" for name, length in lengths.items())
        )
    count = next(iter(lengths.values()))
    if count < 1:
        raise GradtoolsError("the arrays have no rows")
    empty = next((name for name, rows in vectors.items() if rows.shape[1] < 1), None)
    if empty is not None:
        raise GradtoolsError(f"{empty} has rows of no numbers: --feature NAME takes others alone")
    return count


def _blocks(rows: Vectors) -> Iterator[np.ndarray]:
    """Rows of a feature, some at a time."""
    if isinstance(rows, RowsOnDisk):
        yield from rows.blocks()
        return
    step = max(1, BLOCK_BYTES // max(rows.itemsize * rows.shape[1], 1))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _check_finite(name: str, rows: Vectors, ids: list[str]) -> None:
    """Refuse NaN and infinity."""
    if rows.dtype.kind != "f":
        return
    finite = [np.isfinite(block).all(axis=1) for block in _blocks(rows)]
    bad = np.flatnonzero(~np.concatenate(finite))
    if len(bad):
        raise GradtoolsError(
            f"{name} of {ids[bad[0]]} holds NaN or infinity ({len(bad)} such rows): leave those samples out"
        )


def _write_samples(sink: store.Sink, known: described.Samples, options: Options) -> None:
    """Samples, classes, the model and what it answered."""
    if options.unit != "image":
        sink.attributes(paths.SAMPLES, unit=options.unit)
    sink.put(paths.ID, known.ids)
    sink.put(paths.LABEL, known.labels)
    if known.digest is not None:
        sink.put(paths.DIGEST, np.asarray(known.digest, "u1"))
    if known.class_names:
        sink.put(paths.CLASS_NAME, known.class_names)
    if known.member is not None:
        sink.put(paths.MEMBER, known.member)
    for path, values in (
        (paths.LOGITS, known.logits),
        (paths.PREDICTED, known.predicted),
        (paths.WEIGHT, known.weight),
        (paths.BIAS, known.bias),
    ):
        if values is not None:
            sink.put(path, values if values.dtype.kind == "i" else values.astype("f4"))
    if known.model_class_names:
        sink.put(paths.MODEL_CLASS_NAME, known.model_class_names)
    sink.attributes(paths.MODEL, model=options.model, weights="imported")


def _write_feature(
    sink: store.Sink, name: str, rows: Vectors, source: str, options: Options
) -> None:
    """One feature with what it is of."""
    dtype = rows.dtype if rows.dtype in (np.float32, np.float64) else np.dtype("f4")
    about = dict(options.about).get(name, "")
    blocks = (block.astype(dtype, copy=False) for block in _blocks(rows))
    sink.put_blocks(paths.feature(name), rows.shape, dtype, blocks, about)
    sink.attributes(paths.feature_group(name), source=source, about=about)
