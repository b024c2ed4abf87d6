"""What the features of a store are called (architecture#features), and what a request without a tap stands for."""

from collections.abc import Mapping, Sequence

from gradtools.selection import maps
from gradtools.store import Store, paths

DEFAULTS = ("gradient", "activation", "logits", "probabilities")
AT_TAPS = (
    "gradient",
    "activation",
    "contribution",
    "active_share",
    "gradient_map",
    "activation_map",
    "token_gradient",
    "token_activation",
    "ablation_zero",
    "ablation_mean",
    "ablation_dataset",
    "kernel_gradient",
)
CONTROL = "weight"
OUTPUTS = {"logits": paths.LOGITS, "embedding": paths.EMBEDDING}


def names(store: Store) -> list[str]:
    """Return every feature the store can give (list of str), in order of taps."""
    available = [
        f"{kind}@{tap}"
        for tap in store.taps
        for kind in AT_TAPS
        if store.rows(paths.tap(tap, kind)) is not None
    ]
    available += imported(store)
    available += [name for name, path in OUTPUTS.items() if store.rows(path) is not None]
    if "logits" in available:
        available.append("probabilities")
    if store.class_rows is not None and store.predicted is not None:
        available.append(CONTROL)
    return available


def imported(store: Store) -> list[str]:
    """Return the names of the features that another program made (list of str)."""
    return store.tree(paths.FEATURES)


def matrices(store: Store) -> list[tuple[str, str]]:
    """Return (feature, metric) of every stored matrix of all pairs, imported ones too."""
    return [
        (feature, metric)
        for feature in store.tree(paths.SIMILARITY)
        for metric in store.tree(paths.similarity_of(feature))
        if store.rows(paths.matrix(feature, metric)) is not None
    ]


def map_names(store: Store) -> list[str]:
    """Return the names of the maps that are vectors of the samples when they are flattened (list of str)."""
    return [f"{maps.PREFIX}{name}" for name in store.maps if store.rows(paths.maps(name))]


def maps_of_last_command(store: Store) -> list[str]:
    """Return the maps of a store whose last command made them, its default features; empty for other stores."""
    return map_names(store) if store.kind == "maps" else []


def defaults(store: Store, available: Sequence[str]) -> list[str]:
    """Return the imported features and DEFAULTS, each at its default tap, or at every tap (`@*`) where that one was not extracted."""
    return imported(store) + [
        name if full_name(store, name) in available else f"{name}@*"
        for name in DEFAULTS
        if full_name(store, name) in available
        or any(other.startswith(f"{name}@") for other in available)
    ]


def controls(store: Store, available: Sequence[str]) -> list[str]:
    """Return the class row of the prediction; where the head has no rows, the gradient at the last block's output."""
    at_block = f"gradient@{store.attributes(paths.TAPS).get('default_activation')}"
    return [CONTROL] if CONTROL in available else [at_block] if at_block in available else []


def path_of(name: str) -> str:
    """Return the path of a full name's rows in the store."""
    kind, at, tap = name.partition("@")
    return paths.tap(tap, kind) if at else OUTPUTS[kind]


def full_name(store: Store, request: str) -> str:
    """Return a name with its tap: `gradient` at the last convolution, `activation` at the last block's output."""
    if maps.is_map(request) and "@" not in request:
        return next((name for name in map_names(store)[::-1] if name.startswith(f"{request}@")), "")
    if "@" in request or request not in AT_TAPS:
        return request
    attributes = store.attributes(paths.TAPS)
    tap = attributes.get("default_activation" if request == "activation" else "default_gradient")
    return f"{request}@{tap}"


def role(taps: Mapping[str, str], feature: str) -> str:
    """Return a feature's name that means the same in every model: `@last-conv`, `@last-block`, or its own tap.

    Parameters
    ----------
    taps : dict
        The store's attributes of its taps.
    feature : str
        A full name.
    """
    kind, at, tap = feature.partition("@")
    if not at:
        return feature
    if tap == taps.get("default_gradient") and kind != "activation":
        return f"{kind}@last-conv"
    if tap == taps.get("default_activation"):
        return f"{kind}@last-block"
    if tap == taps.get("default_gradient"):
        return f"{kind}@last-conv"
    return feature


def remedy(request: str) -> str:
    """Return what to do where a store has no such feature."""
    if request in AT_TAPS:
        return (
            "without a tap it is the last convolution's, an activation the last block's: "
            "extract --tap auto:last-conv --tap auto:last-block"
        )
    if request.split("@", 1)[0] in AT_TAPS:
        return "gradtools extract --tap TAP adds one, with --maps the flattened ones"
    return "gradtools info lists them"
