"""A page of HTML that needs nothing but itself: styles and the script that sorts tables are in it, pictures are data."""

import base64
import dataclasses
from collections.abc import Iterable, Sequence

from gradtools.tables.html import escaped


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page: its anchor and heading, and its body as HTML."""

    anchor: str
    heading: str
    body: str


MOST_WIDE = (
    760  # pixels of a picture on a narrow screen, where it scrolls so that its words can be read
)


def picture(png: bytes, caption: str) -> str:
    """Return a picture with its caption, its bytes in the page."""
    data = base64.b64encode(png).decode("ascii")
    text = escaped(caption)
    wide = min(MOST_WIDE, int.from_bytes(png[16:20], "big") // 2)  # of a PNG's header: its width
    image = f'<img alt="{text}" style="--wide: {wide}px" src="data:image/png;base64,{data}">'
    return f'<figure><div class="scrolled">{image}</div><figcaption>{text}</figcaption></figure>\n'


def document(title: str, sections: Sequence[Section], foot: str) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
    sections : sequence of Section
    foot : str
        Text of the last line.
    """
    links = "".join(
        f'<a href="#{escaped(section.anchor)}">{escaped(section.heading)}</a>'
        for section in sections
    )
    body = "".join(map(_section, sections))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,"><title>{escaped(title)}</title>\n<style>{STYLE}</style></head>\n'
        f"<body><header><h1>{escaped(title)}</h1><nav>{links}</nav></header>\n<main>\n{body}</main>\n"
        f"<footer>{escaped(foot)}</footer>\n<script>{SCRIPT}</script></body></html>\n"
    )


def _section(section: Section) -> str:
    return f'<section id="{escaped(section.anchor)}"><h2>{escaped(section.heading)}</h2>\n{section.body}</section>\n'


def folded(summary: str, body: str) -> str:
    """Return a part that opens when its line is clicked."""
    return f"<details><summary>{escaped(summary)}</summary>\n{body}</details>\n"


def code(lines: Iterable[str]) -> str:
    """Return lines as they would be typed."""
    return f"<pre>{escaped(chr(10).join(lines))}</pre>\n"


STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1c1c1e; --soft: #5c5f66; --line: #d8dade; --band: #f5f6f8; --link: #1f5fbf; }
@media (prefers-color-scheme: dark) { :root { --page: #17181b; --text: #e8e8ea; --soft: #a0a4ac; --line: #3a3d44; --band: #202227; --link: #8ab4f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem 1.25rem 4rem; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); }
nav { display: flex; flex-wrap: wrap; gap: .2rem .9rem; } a { color: var(--link); }
p { max-width: 60rem; margin: .4rem 0; }
.gradtools-table { overflow-x: auto; margin: 1.2rem 0; }
caption span { display: block; position: sticky; left: 0; max-width: min(60rem, calc(100vw - 2.5rem)); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .88rem; }
caption { text-align: left; font-weight: 600; padding: .2rem 0 .4rem; }
th, td { padding: .25rem .7rem; text-align: right; white-space: nowrap; overflow-wrap: normal; border-bottom: 1px solid var(--line); }
thead th { white-space: normal; vertical-align: bottom; background: var(--band); cursor: pointer; }
thead th[aria-sort=ascending]::after { content: " \\2191"; } thead th[aria-sort=descending]::after { content: " \\2193"; }
tbody th { text-align: left; font-weight: 500; } thead th.row-head { text-align: left; }
tbody tr:hover > * { background: var(--band); } td small { color: var(--soft); } td small.interval { display: block; line-height: 1.2; }
thead th:first-child, tbody th:first-child { position: sticky; left: 0; box-shadow: inset 0 -1px var(--line); } tbody th:first-child { background: var(--page); }
@media (max-width: 40rem) { tbody th { white-space: normal; min-width: 6.5rem; } th, td { padding: .25rem .45rem; } }
.notes { color: var(--soft); font-size: .85rem; margin: .4rem 0; padding-left: 1.1rem; max-width: 60rem; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line); border-radius: 4px; padding: .5rem; }
@media screen and (max-width: 40rem) { .scrolled { overflow-x: auto; } .scrolled img { max-width: none; width: var(--wide); } }
figcaption, footer { color: var(--soft); font-size: .85rem; } pre { overflow-x: auto; background: var(--band); padding: .7rem; font-size: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media print { :root { --page: #fff; --text: #000; --soft: #444; --line: #bbb; --band: #fff; } nav { display: none; } body { max-width: none; font-size: 10pt; padding: 0; }
  .gradtools-table { overflow: visible; } table { font-size: 7.5pt; } th, td { white-space: normal; padding: .15rem .35rem; } .gradtools-table, figure, tr { break-inside: avoid; } h2 { break-after: avoid; } figure img { max-height: 88vh; } thead th:first-child, tbody th:first-child, caption span { position: static; } }
"""

SCRIPT = """
for (const head of document.querySelectorAll("thead th")) {
  head.tabIndex = 0;
  const sort = () => {
    const body = head.closest("table").tBodies[0], place = head.cellIndex;
    const up = head.getAttribute("aria-sort") !== "descending" && head.hasAttribute("aria-sort") ? "descending" : head.hasAttribute("aria-sort") ? "ascending" : "descending";
    const value = row => { const cell = row.cells[place]; return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value); };
    const rank = v => typeof v === "number" ? 0 : v === "-" || v.startsWith("- (") ? 2 : 1;
    const rows = [...body.rows].sort((a, b) => { const x = value(a), y = value(b);
      if (rank(x) !== rank(y)) return rank(x) - rank(y);
      const order = typeof x === "number" ? x - y : x.localeCompare(y, undefined, {numeric: true});
      return up === "ascending" ? order : -order; });
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up);
    body.append(...rows);
  };
  head.addEventListener("click", sort);
  head.addEventListener("keydown", event => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); } });
}
const closed = () => document.querySelectorAll("details:not([open])");
addEventListener("beforeprint", () => { for (const part of closed()) { part.open = true; part.dataset.printed = ""; } });
addEventListener("afterprint", () => { for (const part of document.querySelectorAll("details[data-printed]")) { part.open = false; delete part.dataset.printed; } });
"""
