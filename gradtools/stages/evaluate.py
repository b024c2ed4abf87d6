"""Any stores -> tables. Never runs a model, opens an image or clusters: it reads what the other commands stored."""

from collections.abc import Callable, Iterable, Iterator

from gradtools.errors import GradtoolsError
from gradtools.selection.gathering import gather
from gradtools.selection.subjects import Subject
from gradtools.tables import (
    audit,
    augmentation,
    channels,
    choices,
    clustering,
    comparisons,
    confusion,
    counterfactuals,
    faithfulness,
    gam_paper,
    gradient_similarity,
    known_answers,
    links,
    localization,
    maps,
    probes,
    retrieval,
    sanity,
    similarity,
    summary,
    trees,
    tunings,
)
from gradtools.tables.model import Table
from gradtools.tables.wording import FILLED_BY, LAYOUTS
from gradtools.tables.wording.summary import NO_ANSWERS

__all__ = ["LAYOUTS", "evaluate", "every_table", "fillable", "gather", "missing"]

SUMMARY_WIDTH = 100  # columns of a summary that goes into a pipe
Published = Callable[[list[Subject], bool], Iterable[Table]]
PAPERS: dict[str, Published] = {  # layouts with published values of their own
    "gradient-similarity": gradient_similarity.build,
    "gam-faithfulness": gam_paper.faithfulness,
    "gam-localization": gam_paper.localization,
}
Build = Callable[[list[Subject]], Iterable[Table]]
BUILDERS: dict[str, Build] = {
    "similarity": similarity.build,
    "clustering": clustering.build,
    "layers": similarity.layers,
    "maps": maps.build,
    "augmentation": augmentation.build,
    "decoding": probes.build,
    "retrieval": retrieval.build,
    "channels": channels.make,
    "localization": localization.build,
    "faithfulness": faithfulness.build,
    "sanity": sanity.build,
    "link": links.build,
    "tuning": tunings.build,
    "counterfactual": counterfactuals.build,
    "trees": trees.build,
    "comparison": comparisons.build,
    "confusion": confusion.build,
    "audit": audit.build,
    "known-answers": known_answers.build,
}


def evaluate(
    subjects: list[Subject],
    layout: str = "summary",
    *,
    published: bool = False,
    per_image: bool = False,
    width: int | None = None,
) -> list[Table]:
    """Build the tables of a layout.

    Parameters
    ----------
    subjects : list of Subject
        From `gather`.
    layout : one of LAYOUTS
        summary: the answer on a screen; all: every table that the stores can fill.
    published : bool
        Show the values of the post or paper too, with its layout.
    per_image : bool
        List every wrong answer, with the layout confusion.
    width : int, optional
        Columns of the screen that the summary is to fit.

    Raises
    ------
    GradtoolsError
        The stores hold nothing for the layout.
    """
    if layout == "summary":
        return summary.build(subjects, fillable(subjects), width)
    if layout in PAPERS:
        tables = list(PAPERS[layout](subjects, published))
    elif layout == "choices":
        tables = list(choices.build(subjects))
    elif layout == "confusion":
        tables = list(confusion.build(subjects, per_image))
    else:
        tables = every_table(subjects) if layout == "all" else list(BUILDERS[layout](subjects))
    if not tables:
        if layout == "confusion" and any(subject.answers is not None for subject in subjects):
            raise GradtoolsError(f"nothing for --layout confusion: {NO_ANSWERS}")
        command = FILLED_BY.get(layout, f"{FILLED_BY['similarity']} or {FILLED_BY['clustering']}")
        raise GradtoolsError(
            f"the stores hold nothing for --layout {layout}: {command} computes it"
        )
    return tables


def every_table(subjects: list[Subject]) -> list[Table]:
    """Build every table that the stores can fill, each once."""
    made = {layout: list(build(subjects)) for layout, build in BUILDERS.items()}
    if made["layers"] and len(made["layers"][0].rows) <= len(subjects) * 2:
        made["layers"] = []  # the two default taps are in the other tables
    return [table for tables in made.values() for table in tables]


def fillable(subjects: list[Subject]) -> list[str]:
    """Return the layouts that the stores can fill."""
    held = {
        "similarity": "similarity",
        "clustering": "clusters",
        "comparison": "comparison",
        "known-answers": "trial",
        **{
            layout: layout
            for layout in BUILDERS
            if layout
            not in (
                "similarity",
                "clustering",
                "layers",
                "comparison",
                "confusion",
                "known-answers",
            )
        },
    }
    names = [
        layout
        for layout in BUILDERS
        if layout in held and any(getattr(subject, held[layout]) for subject in subjects)
    ]
    taps = {name for subject in subjects for name, _ in subject.similarity if "@" in name}
    names += ["layers"] * (len(taps) > 2)
    right = any(s.answers is not None and s.answers.known.any() for s in subjects)
    names += ["confusion"] * right
    return [layout for layout in BUILDERS if layout in names] + ["choices"] * (len(taps) > 2)


def missing(subjects: list[Subject], layout: str = "summary") -> Iterator[str]:
    """Yield the command for what no store holds and the layout shows, and what cannot be compared."""
    for subject in subjects:
        others = (
            subject.channels,
            subject.localization,
            subject.faithfulness,
            subject.sanity,
            subject.trial,
            subject.audit,
            subject.link,
            subject.tuning,
            subject.counterfactual,
        )
        if any(others) and not (subject.similarity or subject.clusters):
            continue  # they answer another question
        if (
            not subject.similarity
            and not subject.maps
            and layout in ("all", "similarity", "layers", "maps", "gradient-similarity")
        ):
            yield f"{subject.name}: no similarities: {FILLED_BY['similarity']} computes them"
        if not subject.clusters and layout in ("all", "clustering", "gradient-similarity"):
            yield f"{subject.name}: no clusters: {FILLED_BY['clustering']} computes them"
    unpaired = [
        subject.name
        for subject in subjects[1:]
        if not (subject.trial or subject.same_samples(subjects[0]))
    ]
    if unpaired:
        yield f"{', '.join(unpaired)}: other samples than {subjects[0].name}: not paired with it"
