"""What gives rows a part at a time: an array, or a dataset that is read as it is sliced."""

from typing import Protocol

import numpy as np


class Sliced(Protocol):
    """Rows (N, ...), of which `rows[start:stop]` or `rows[ascending int array]` gives an array."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice | np.ndarray, /) -> np.ndarray: ...
