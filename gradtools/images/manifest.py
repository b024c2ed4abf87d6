"""The CSV manifest: path,label[,x0,y0,x1,y1], a row an image or a box."""

import csv
import os
import re
from collections.abc import Iterator, Mapping

from gradtools.errors import GradtoolsError, UsageError
from gradtools.images.sources import Source, common_folder, refuse_missing, sorted_labels

CORNERS = ("x0", "y0", "x1", "y1")


def read(path: str) -> Source:
    """Read the images, labels and boxes of a manifest.

    The first line names the columns, in any order; others are passed over. Relative paths are relative to the file's
    folder. Several rows of one path are several boxes; labels joined by ';' or '|', or in several rows, are several
    labels. A box is in pixels of the original image, half-open, and belongs to its row's label where that is one.
    Labels are sorted, by number where all are whole numbers.

    Raises
    ------
    UsageError
        Where the file cannot be read, a column lacks, or a row cannot be understood (its line is named).
    GradtoolsError
        Where a path is not there.
    """
    folder = os.path.dirname(os.path.abspath(path))
    labels: dict[str, dict[str, None]] = {}
    boxes: list[tuple] = []
    for line, row in _rows(path):
        if not row["path"]:
            raise UsageError(f"{path}, line {line}: no path")
        file = os.path.abspath(os.path.join(folder, row["path"]))
        row_labels = [
            label.strip() for label in re.split("[;|]", row.get("label", "")) if label.strip()
        ]
        labels.setdefault(file, {}).update(dict.fromkeys(row_labels))
        box = _box(row, f"{path}, line {line}")
        if box is not None:
            boxes.append((file, row_labels[0] if len(row_labels) == 1 else None, *box))
    if not labels:
        raise GradtoolsError(
            f"{path}: a manifest without rows: write a line path,label for every image"
        )
    paths = list(labels)
    refuse_missing(paths, path)
    place = {file: index for index, file in enumerate(paths)}
    names = sorted_labels({label for row_labels in labels.values() for label in row_labels})
    return Source(
        _base(folder, paths),
        paths,
        [tuple(row_labels) for row_labels in labels.values()],
        names or None,
        [(place[file], *rest) for file, *rest in boxes],
    )


def _rows(path: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, {column: stripped text}) of every row."""
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            reader = csv.reader(stream)
            columns = [name.strip().lower() for name in next(reader, [])]
            _check_columns(columns, path)
            for cells in reader:
                if any(cells):
                    yield reader.line_num, dict(zip(columns, map(str.strip, cells)))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except csv.Error as error:
        raise UsageError(f"{path} is not a CSV file: {error}") from error


def _check_columns(columns: list[str], path: str) -> None:
    for name in ("path", "label", *CORNERS):
        if columns.count(name) > 1:
            raise UsageError(
                f"{path}: {columns.count(name)} columns are named {name}: leave one of them, "
                "several labels of an image are joined by ';'"
            )
    corners = [name for name in CORNERS if name in columns]
    if "path" not in columns or len(corners) not in (0, 4):
        raise UsageError(
            f"{path}: its first line must name the columns path,label or path,label,x0,y0,x1,y1; "
            f"it is {','.join(columns)[:80]!r}"
        )


def _box(row: Mapping[str, str], where: str) -> tuple[float, float, float, float] | None:
    """Return the x0, y0, x1, y1 of a row, None where it has no box."""
    cells = [row.get(name, "") for name in CORNERS]
    if not any(cells):
        return None
    try:
        x0, y0, x1, y1 = map(float, cells)
    except ValueError:
        raise UsageError(
            f"{where}: a box is four numbers x0,y0,x1,y1, not {','.join(cells)!r}"
        ) from None
    if not (x0 < x1 < float("inf") and y0 < y1 < float("inf") and min(x0, y0) > -float("inf")):
        raise UsageError(
            f"{where}: a box has x0 < x1 and y0 < y1 (pixels, half-open), not {','.join(cells)!r}"
        )
    return x0, y0, x1, y1


def _base(folder: str, paths: list[str]) -> str:
    """Return the manifest's folder where it holds all images, else the deepest one that does."""
    inside = common_folder([folder, *map(os.path.dirname, paths)]) == folder
    return folder if inside else common_folder(map(os.path.dirname, paths))
