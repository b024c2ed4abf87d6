"""What `counterfactual` prints and draws of moves that exist."""

import sys

from gradtools.errors import UsageError


def show(path: str, picture: str | None, metric: str, figure: str | None, form: str | None) -> None:
    """Print the tables of a store of moves, and draw them.

    Raises
    ------
    UsageError, GradtoolsError
    """
    from gradtools import figures, store
    from gradtools.cli import terminal
    from gradtools.selection import counterfactuals as selected
    from gradtools.selection import gathering
    from gradtools.tables import counterfactuals

    with store.read(path) as source:
        if source.values(store.paths.counterfactual("sample")) is None:
            raise UsageError(
                f"--target CLASS is needed: {source.name} holds no moves that could be shown without"
            )
        moves = selected.read(source)
    (subject,) = gathering.gather([path])
    results = list(subject.counterfactual.values())
    if figure:
        figures.least_moves(moves, results, figure, picture, metric)
    tables = [
        counterfactuals.moves(moves, every=form is not None),
        *counterfactuals.tables([(subject.name, results)]),
    ]
    terminal.print_tables(tables, form, sys.stdout)
