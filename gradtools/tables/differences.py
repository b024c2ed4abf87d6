"""The table of `gradtools verify`: what differs."""

from collections.abc import Sequence

from gradtools.selection.differences import Difference
from gradtools.tables.model import Table
from gradtools.tables.wording import DIFFERS, NOTHING_DIFFERS

COLUMNS = ["kind", "where", "what"]


def table(checked: str, differences: Sequence[Difference]) -> Table:
    """Return the differences, a row each, under what was checked."""
    rows = [dict(zip(COLUMNS, difference)) for difference in differences]
    title = f"{checked}: {DIFFERS.format(count=len(rows)) if rows else NOTHING_DIFFERS}"
    columns = COLUMNS if rows else []
    return Table("verify", title, columns, rows, heads=("kind", "where"))
