"""The pages that ship with the package: `gradtools/docs/NAME.md`, whose first line is `# NAME: what it is`."""

import importlib.resources
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gradtools.errors import UsageError, near_names

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

GUIDES = (
    *("controls", "claims", "relations", "truth", "pictures", "feature-maps", "linking"),
    *("models", "files", "machines", "speed", "python", "example"),
)
REFERENCES = ("architecture", "mathematics", "coverage", "store", "glossary", "changes")
ORDER = (*GUIDES, *REFERENCES)  # as they are listed


def names() -> list[str]:
    """Return the names of the pages, the best known first."""
    files = (item.name for item in _folder().iterdir() if item.name.endswith(".md"))
    known = {name.removesuffix(".md") for name in files}
    return [*(name for name in ORDER if name in known), *sorted(known - set(ORDER))]


def summary(name: str) -> str:
    """Return what a page is about, one line."""
    return _page(name).splitlines()[0].removeprefix(f"# {name}: ")


def text(name: str) -> str:
    """Return a page, or one section of it, as Markdown.

    Parameters
    ----------
    name : str
        `mathematics`, or `mathematics#pair-auc` as the code cites it.

    Raises
    ------
    UsageError
        There is no such page or section; names near ones.
    """
    page, _, anchor = name.partition("#")
    if page not in names():
        raise UsageError(f"no page {page!r}" + _near(page, [*names(), *_all_sections()]))
    whole = _page(page)
    if not anchor:
        return whole
    known = anchors(whole)
    if anchor not in known:
        raise UsageError(f"page {page} has no section {anchor!r}" + _near(anchor, known))
    return _section(whole, known.index(anchor))


def anchors(page: str) -> list[str]:
    """Return the anchors of a page's headings below its title, in order, as Markdown viewers make them."""
    return [anchor for _, _, anchor in _headings(page)]


def _headings(page: str) -> Iterator[tuple[int, int, str]]:
    """Yield line, level and anchor of every heading below the title."""
    code = False
    for number, line in enumerate(page.splitlines()):
        code ^= line.startswith("```")
        heading = None if code else re.match(r"(##+) (.*)", line)
        if heading:
            anchor = re.sub(r"[^\w\- ]", "", heading[2].lower()).strip().replace(" ", "-")
            yield number, len(heading[1]), anchor


def _section(page: str, place: int) -> str:
    """Return the heading at a place and what stands below it, up to the next of its level."""
    headings = list(_headings(page))
    start, level, _ = headings[place]
    ends = (line for line, other, _ in headings[place + 1 :] if other <= level)
    lines = page.splitlines(keepends=True)
    return "".join(lines[start : next(ends, len(lines))])


def _all_sections() -> list[str]:
    return [f"{name}#{anchor}" for name in names() for anchor in anchors(_page(name))]


def _near(word: str, known: list[str]) -> str:
    """Return what to write instead: near names, also by a section's own name, or all pages."""
    ends = {name.rpartition("#")[2]: name for name in reversed(known)}
    near = [ends[end] for end in near_names(word, ends, 3)]
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f": there are {', '.join(name for name in known if '#' not in name)}"


def _page(name: str) -> str:
    return (_folder() / f"{name}.md").read_text("utf-8")


def _folder() -> "Traversable":
    return importlib.resources.files("gradtools").joinpath("docs")
