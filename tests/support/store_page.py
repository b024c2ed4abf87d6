"""Write `gradtools/docs/store.md` anew: its introduction as it stands, and below it the page made from the schema."""

from pathlib import Path

from gradtools.store import schema

PAGE = Path(__file__).resolve().parents[2] / "gradtools" / "docs" / "store.md"
BEGIN = "\n## `/`\n"


def page() -> str:
    """Return the page as it should be."""
    introduction, mark, _ = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, body = schema.page().partition(BEGIN)
    return introduction + BEGIN + body


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
