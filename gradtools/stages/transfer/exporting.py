"""A store -> one file for other programs: CSV, TSV, NPZ or Parquet, a row a sample; written block by block."""

import contextlib
import csv
import dataclasses
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from typing import TextIO

import numpy as np

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.selection import feature_names, features, samples
from gradtools.selection.results import Columns
from gradtools.stages.run import Say
from gradtools.store import Store, paths

FORMATS = ("csv", "tsv", "npz", "parquet")
BLOCK = 1024  # rows that are held
GROUP_BYTES = (
    32 << 20
)  # of a row group of Parquet, whose every column takes some 2 kB until the file is closed


@dataclasses.dataclass(frozen=True)
class Options:
    """What is written, by the options' names."""

    feature: tuple[str, ...] = ()
    rows: str | None = None
    where: tuple[str, ...] = ()
    lists: bool = False


@dataclasses.dataclass(frozen=True)
class Export:
    """The chosen samples of a store: the columns of one value each, and the features."""

    source: Store
    keep: np.ndarray
    columns: Columns
    features: list[features.Feature]

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """Yield which rows a block of that size is of, and the features' rows, (n, D) each."""
        rows = {one.name: features.Slices(one, self.keep) for one in self.features}
        count = int(self.keep.sum())
        for start in range(0, count, size):
            part = slice(start, min(start + size, count))
            yield part, {name: slices[part] for name, slices in rows.items()}


def form_of(path: str | None, form: str | None) -> str:
    """Return the format: what is asked for, or the file's end; on standard output CSV.

    Raises
    ------
    UsageError
        The end is none of FORMATS, or the format cannot go to standard output.
    """
    end = os.path.splitext(path or "")[1][1:].lower()
    if form is None and path in (None, "-"):
        return "csv"
    if (form or end) not in FORMATS:
        raise UsageError(f"-o {path}: end the name with .{', .'.join(FORMATS)}, or give --format")
    if path in (None, "-") and form in ("npz", "parquet"):
        raise UsageError(f"--format {form} is not text: name a file with -o")
    return form or end


def export(source: Store, path: str | None, form: str, options: Options, say: Say = print) -> None:
    """Write the chosen samples and features of a store.

    Parameters
    ----------
    source : store.Store
    path : str or None
        The file; None or '-' is standard output.
    form : one of FORMATS
    options : Options

    Raises
    ------
    GradtoolsError, UsageError
    """
    export = _chosen(source, options, form)
    if path in (None, "-"):
        _separated(export, sys.stdout, form, options)
        return
    write = {"npz": _npz, "parquet": _parquet}.get(form, _text)
    with store.whole_file(path) as part:
        write(export, part, form, options)
    named = ", ".join(f"{one.name} ({one.shape[1]})" for one in export.features)
    say(f"{path}: {int(export.keep.sum())} samples; {named or 'no features'}")


def _chosen(source: Store, options: Options, form: str) -> Export:
    """What is written: samples by --where, features by name, and what is known of each sample."""
    keep = samples.select(source, options.where)
    requests = options.feature
    if requests or feature_names.names(source) or source.kind == "maps":
        chosen = features.resolve(source, requests, control=False, with_maps=True)
    else:
        chosen = []
    chosen = [features.normalised(source, one, options.rows, keep) for one in chosen]
    ids = source.ids
    columns: Columns = {"id": [ids[row] for row in np.flatnonzero(keep)]}
    columns |= _answers(source, keep, as_names=form != "npz")
    return Export(source, keep, columns, chosen)


def _answers(source: Store, keep: np.ndarray, as_names: bool) -> Columns:
    """Label and predicted class of each sample, as names where they are known, and whether it is right."""
    columns: Columns = {}
    if (source.labels >= 0).any():
        columns["label"] = _named(source.labels[keep], source.class_names, as_names)
    for name in ("predicted", "target"):
        values = getattr(source, name)
        if values is not None:
            columns[name] = _named(values[keep], source.model_class_names, as_names)
    known = source.predicted is not None and source.member is not None and source.member.any()
    if known and as_names:
        right = samples.correct(source)[keep]
        columns["correct"] = [("", "no", "yes")[value + 1] for value in right]
    return columns


def _named(codes: np.ndarray, names: list[str], as_names: bool) -> list[str] | np.ndarray:
    """Class numbers as they are, or as names; empty for none."""
    if not as_names or not names:
        return codes
    return ["" if code < 0 else names[code] for code in codes]


def _text(export: Export, part: str, form: str, options: Options) -> None:
    """Write a table of text."""
    with open(part, "w", newline="", encoding="utf-8", errors="surrogateescape") as handle:
        _separated(export, handle, form, options)


def _separated(export: Export, handle: TextIO, form: str, options: Options) -> None:
    """Write CSV or TSV; numbers as short as they are read back exactly."""
    writer = csv.writer(handle, delimiter="\t" if form == "tsv" else ",", lineterminator="\n")
    heads = list(export.columns)
    for one in export.features:
        heads += [one.name] if options.lists else [f"{one.name}[{i}]" for i in range(one.shape[1])]
    writer.writerow(heads)
    for part, rows in export.blocks():
        known = [column[part] for column in export.columns.values()]
        values = [_texts(block, options.lists) for block in rows.values()]
        for place in range(part.stop - part.start):
            line = [column[place] for column in known]
            writer.writerow(line + [text for block in values for text in block[place]])


def _texts(block: np.ndarray, lists: bool) -> list[list[str]]:
    """Rows of a feature as texts, one an entry or one a row."""
    rows = [[str(value) for value in row] for row in block]
    return [[f"[{', '.join(row)}]"] for row in rows] if lists else rows


def _npz(export: Export, part: str, form: str, options: Options) -> None:
    """Write an archive that `import` reads back: every array by name, features a block at a time."""
    source, count = export.source, int(export.keep.sum())
    known = {
        name: np.array(values, dtype=np.str_) if isinstance(values, list) else values
        for name, values in export.columns.items()
    }
    names = {"class_name": source.class_names, "model_class_name": source.model_class_names}
    known |= {name: np.array(values, dtype=np.str_) for name, values in names.items() if values}
    digest = source.values(paths.DIGEST)
    known |= {} if digest is None else {"digest": digest[export.keep]}
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for name, values in known.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as handle:
                np.lib.format.write_array(handle, values, allow_pickle=False)
        for one in export.features:
            _stream(archive, one, export, count)


def _stream(
    archive: zipfile.ZipFile, feature: features.Feature, export: Export, count: int
) -> None:
    """Write one feature's rows as an array of the archive, a block at a time."""
    rows = features.Slices(feature, export.keep)
    kind = rows[0:1].dtype
    head = {"descr": kind.str, "fortran_order": False, "shape": (count, feature.shape[1])}
    with archive.open(f"{_key(feature.name)}.npy", "w", force_zip64=True) as handle:
        np.lib.format.write_array_header_2_0(handle, head)
        for start in range(0, count, BLOCK):
            block = rows[start : min(start + BLOCK, count)]
            handle.write(np.ascontiguousarray(block, dtype=kind).tobytes())


def _key(name: str) -> str:
    """A feature's name as the name of a file in an archive."""
    return name.replace("/", "_")


def _parquet(export: Export, part: str, form: str, options: Options) -> None:
    """Write Parquet: a feature is one column of lists, or with columns one a dimension."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise GradtoolsError("Parquet needs pyarrow: pip install 'gradtools[parquet]'") from error
    width = sum(one.shape[1] for one in export.features)
    size = max(BLOCK, GROUP_BYTES // max(4 * width, 1))
    with contextlib.ExitStack() as stack:
        writer = None
        for rows, blocks in export.blocks(size):
            columns: dict = {name: column[rows] for name, column in export.columns.items()}
            for name, block in blocks.items():
                if options.lists:
                    flat = pyarrow.array(np.ascontiguousarray(block).ravel())
                    columns[name] = pyarrow.FixedSizeListArray.from_arrays(flat, block.shape[1])
                else:
                    columns |= {f"{name}[{i}]": block[:, i] for i in range(block.shape[1])}
            table = pyarrow.table(columns)
            if writer is None:
                facts = {"gradtools": json.dumps(export.source.model, default=str)}
                schema = table.schema.with_metadata(facts)
                texts = [*export.columns]
                writer = stack.enter_context(
                    parquet.ParquetWriter(part, schema, use_dictionary=texts)
                )
            writer.write_table(table)
