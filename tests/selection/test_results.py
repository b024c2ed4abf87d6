"""Results as they are read: rows of tables, and what is said of a column that a damaged store lacks."""

import numpy as np
import pytest

from gradtools.errors import GradtoolsError
from gradtools.selection.results import Result
from gradtools.store.reading import Facts


def test_a_column_that_a_store_lacks_is_said_in_a_line():
    columns = {"statistic": ["rsa"], "value": np.array([0.25])}
    (row,) = Result("/tables/compare", columns=Facts(columns, "a.h5", "/tables/compare")).rows()
    assert row == {"statistic": "rsa", "value": 0.25} and type(row["value"]) is float
    with pytest.raises(GradtoolsError, match="a.h5: /tables/compare has no floor"):
        row["floor"]


def test_rows_of_a_computed_table_are_plain():
    (row,) = Result("/tables/compare", columns={"value": np.array([1])}).rows()
    assert row == {"value": 1} and type(row) is dict
