"""Any stores -> one HTML file: the answer, how to read it, every table and picture there is data for, and what was run."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Sequence

from gradtools import __version__, figures, store
from gradtools.errors import GradtoolsError
from gradtools.selection import maps as stored_maps
from gradtools.selection.gathering import gather
from gradtools.selection.subjects import Subject
from gradtools.stages import evaluate
from gradtools.store import Store, paths
from gradtools.tables import html, page
from gradtools.tables.model import Table
from gradtools.tables.wording import (
    ABOVE,
    HOW_TO_READ,
    OF_FEATURES,
    OF_MAPS,
    PICTURES,
    SECTIONS,
)

PICTURE = "picture.png"  # a name in memory
MOST_MAPS = 12  # drawn of one kind, without their images
MOST_SHEETS = 4  # of classes, with them
MOST_LEAVES = 400  # of a tree that is drawn
LAYOUTS = tuple(name for name in evaluate.BUILDERS if name in SECTIONS)


def report(
    stores: Sequence[str],
    output: str,
    *,
    title: str | None = None,
    pictures: bool = True,
    images_dir: str | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Write the report of some stores.

    Parameters
    ----------
    stores : sequence of str
        Paths.
    output : str
        Path of the page; replaced where it exists (see `store.check_files`).
    title : str, optional
        By default the models' names.
    pictures : bool
        Draw them too.
    images_dir : str, optional
        Where the images of maps have gone.

    Raises
    ------
    GradtoolsError
        As of `evaluate`; a store was replaced meanwhile.
    """
    files = list(map(_file, stores))
    groups = _by_unit(stores)
    subjects = [subject for group in groups.values() for subject in group]
    heading = title or "gradtools: " + ", ".join(
        dict.fromkeys(subject.name for subject in subjects)
    )
    drawn = []
    if pictures:
        drawn = [picture for group in groups.values() for picture in _of_subjects(group)] + [
            *_of_maps(stores, images_dir),
            *_of_links(stores),
        ]
    main = [picture for picture in drawn if picture[0] == "prediction"]
    others = [picture for picture in drawn if picture[0] != "prediction"]
    used: set[str] = set()  # anchors
    answers = "".join(_summary(group, used) for group in groups.values())
    sections = [
        page.Section("answer", "The answer", answers + _shown(main)),
        page.Section("how-to-read", "How to read it", _paragraphs(_how_to_read(groups))),
        *_of_layouts(groups, used),
    ]
    if others:
        sections.append(page.Section("all-pictures", "Pictures", _shown(others)))
    sections.append(page.Section("what-was-run", "What was run", _history(stores)))
    if replaced := [path for path, before in zip(stores, files) if _file(path) != before]:
        raise GradtoolsError(
            f"{replaced[0]} was replaced while the report was made, which opens stores several times: give the command again"
        )
    text = page.document(heading, sections, f"Written by gradtools {__version__}.")
    with store.whole_file(output) as part, open(part, "w", encoding="utf-8") as handle:
        handle.write(text)
    tables = text.count("<table")
    say(f"{output}: {tables} tables, {len(drawn)} pictures, {len(text.encode()) / 1e6:.1f} MB")


def _summary(subjects: list[Subject], used: set[str]) -> str:
    """The summary of `evaluate`, and what cannot be shown."""
    tables = evaluate.evaluate(subjects, "summary", width=evaluate.SUMMARY_WIDTH)
    kept = (table for table in tables if table.id != "layouts")  # all of them follow
    shown = (html.of_table(table, _anchor(table, used)) for table in kept)
    return "\n".join(shown) + _paragraphs(evaluate.missing(subjects, "summary"))


def _how_to_read(groups: dict[str, list[Subject]]) -> list[str]:
    """Return what explains the tables that there are."""
    subjects = [subject for group in groups.values() for subject in group]
    features = any(
        not name.startswith("map:")
        for one in subjects
        for name, _ in [*one.similarity, *one.clusters]
    )
    maps = any(one.maps or one.localization or one.faithfulness for one in subjects)
    return [*HOW_TO_READ[:1], *OF_FEATURES * features, *OF_MAPS * maps, *HOW_TO_READ[1:]]


def _paragraphs(lines: Iterator | tuple[str, str, str, str] | list[str]) -> str:
    return "".join(f"<p>{html.escaped(line)}</p>\n" for line in lines)


def _file(path: str) -> tuple[int, ...]:
    """Return what tells a file from one that has replaced it; nothing where there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return ()
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns


def _by_unit(stores: Sequence[str]) -> dict[str, list[Subject]]:
    """Return what the stores say, those of images apart from those of classes or channels, which are not rows of one table."""
    paths_of: dict[str, list[str]] = {}
    for path in stores:
        with store.read(path) as source:
            paths_of.setdefault(source.unit, []).append(path)
    return {
        unit: gather(paths_of[unit]) for unit in sorted(paths_of, key=lambda one: one != "image")
    }


def _of_layouts(groups: dict[str, list[Subject]], used: set[str]) -> Iterator[page.Section]:
    """Yield a section for every layout that the stores can fill."""
    for layout in LAYOUTS:
        tables = [table for group in groups.values() for table in _tables(group, layout)]
        if tables:
            body = "\n".join(html.of_table(table, _anchor(table, used)) for table in tables)
            yield page.Section(f"layout-{layout}", SECTIONS[layout], body)


def _tables(subjects: list[Subject], layout: str) -> list[Table]:
    """The tables of a layout; none where the stores hold nothing for it."""
    tables = list(evaluate.BUILDERS[layout](subjects))
    alone = layout == "layers" and tables and len(tables[0].rows) <= len(subjects) * 2
    return [] if alone else [_without_model(table) for table in tables]


def _without_model(table: Table) -> Table:
    """Return a table without its column of models where there is one model, which the heading names, and rows have other names."""
    if len({row.get("model") for row in table.rows}) != 1 or table.shown_heads() < 2:
        return table
    return dataclasses.replace(table, hidden=(*table.hidden, "model"))


def _anchor(table: Table, used: set[str]) -> str:
    """An anchor that no other table has."""
    name, turn = table.id, 1
    while name in used:
        turn += 1
        name = f"{table.id}-{turn}"
    used.add(name)
    return name


def _shown(drawn: list[tuple[str, bytes, str]]) -> str:
    return "".join(page.picture(png, caption) for _, png, caption in drawn)


def _of_subjects(subjects: list[Subject]) -> Iterator[tuple[str, bytes, str]]:
    """Yield name, PNG and caption of every picture of results there is data for."""
    with figures.in_memory() as drawn:
        for name, caption in PICTURES.items():
            try:
                figures.evaluated(subjects, name, PICTURE)
            except GradtoolsError:  # nothing is stored for it
                continue
            yield name, drawn.pop(PICTURE), caption
        for subject in subjects:
            for feature, tree in subject.trees.items():
                if len(tree.names) <= MOST_LEAVES:
                    figures.tree(subject.name, tree, None, PICTURE)
                    yield "tree", drawn.pop(PICTURE), f"{subject.name}: tree of {feature}"


def _of_maps(stores: Sequence[str], images_dir: str | None) -> Iterator[tuple[str, bytes, str]]:
    """Yield the same of the maps in the stores: over their images where these are there."""
    for path in stores:
        with store.read(path) as source:
            if source.maps:
                over = _overlays(source, images_dir)
                yield from over or _maps(source)


def _of_links(stores: Sequence[str]) -> Iterator[tuple[str, bytes, str]]:
    """Yield the same of the links, tunings and moves in the stores."""
    with figures.in_memory() as drawn:
        for name in stores:
            with store.read(name) as source:
                for caption in figures.linked_pictures(source, PICTURE):
                    yield "linked", drawn.pop(PICTURE), caption


def _overlays(source: Store, images_dir: str | None) -> list[tuple[str, bytes, str]]:
    """The first sheets of maps over their images; none where these are not there, or only the model's code can prepare them."""
    name = os.path.basename(source.name)
    try:
        album = figures.overlays.open_album(source, images_dir)
        sheets = list(figures.overlays.sheets_of(album, MOST_SHEETS))
    except GradtoolsError:
        if images_dir is not None:
            raise
        return []
    return [("overlays", png, f"{name}, {caption}") for caption, png in sheets]


def _maps(source: Store) -> Iterator[tuple[str, bytes, str]]:
    """Yield a sheet of the first maps of every kind in a store."""
    for feature in stored_maps.resolve(source):
        rows = source.needed_rows(paths.maps(f"{feature.method}@{feature.taps[0]}"))
        count = min(MOST_MAPS, rows.shape[0])
        ids = [source.ids[row] for row in source.needed(paths.MAP_SAMPLE)[:count]]
        values = rows.read(0, count).reshape(count, *rows.tail)
        caption = f"{feature.name}: the first {count} maps of {os.path.basename(source.name)}, raw and signed, each on its own scale"
        yield "maps", figures.map_sheet(values, ids, feature.name), caption


def _history(stores: Sequence[str]) -> str:
    """The steps that made each store, the newest last, without those that another one has as well."""
    seen: set[str] = set()
    parts = []
    for path in stores:
        with store.read(path) as source:
            lines = [line for line in source.history_lines() if line not in seen]
            seen |= set(lines)
            facts = ", ".join(f"{key} {value}" for key, value in source.model.items())
        steps = [json.loads(line) for line in lines]
        commands = [
            f"{step.get('started', '')}  {step.get('command', '')}  # gradtools {step.get('version', '')}, {step.get('seconds', 0):g} s"
            for step in steps
        ]
        shown = page.code(commands) if commands else _paragraphs([ABOVE])
        parts.append(page.folded(path, _paragraphs([facts] if facts else []) + shown))
    return "".join(parts)
