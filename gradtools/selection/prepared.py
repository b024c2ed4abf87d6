"""How the images of a store were read and prepared, as its model's attributes say."""

import json

from gradtools.errors import GradtoolsError
from gradtools.store import Store


def preprocessing(store: Store) -> dict:
    """Return the preprocessing that a store's images went through.

    Raises
    ------
    GradtoolsError
        It is code of the model's own.
    """
    text = str(store.model.get("preprocess", ""))
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise GradtoolsError(
            f"{store.name}: its images went through {text or 'a preprocessing'} of the model's own code: "
            "name the --model again, so that the same frames can be drawn"
        ) from None


def value_range(store: Store) -> tuple[float, float] | None:
    """Return the files' values of black and white that a store's images were read with, None for those of their types."""
    text = store.model.get("range")
    if text is None:
        return None
    low, high = map(float, str(text).split(","))
    return low, high
