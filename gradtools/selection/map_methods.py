"""The saliency methods by name, and what whoever reads their maps needs; their equations are in network/saliency/methods.py."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Method:
    """
    head: the method's name in the field, above a column of pictures; at_input: its maps are of the input, not of a tap;
    signed: negative values speak against the target.
    """

    head: str
    at_input: bool = False
    signed: bool = False


LITERAL = "gradcam++-literal"  # of --literal-exp
METHODS = {
    "gradcam": Method("Grad-CAM", signed=True),
    "gradcam++": Method("Grad-CAM++"),
    "gam": Method("GAM"),
    "layercam": Method("LayerCAM"),
    "hirescam": Method("HiResCAM", signed=True),
    "activation": Method("activations"),
    "positive-gradients": Method("positive\ngradients"),
    "negative-gradients": Method("negative\ngradients"),
    "gradient": Method("gradient,\nto its 99 %", at_input=True),
    "guided-backprop": Method("guided BP,\nto its 99 %", at_input=True),
    LITERAL: Method("Grad-CAM++\nas printed"),
}
AT_TAPS = tuple(name for name, method in METHODS.items() if not method.at_input and name != LITERAL)
AT_INPUT = tuple(name for name, method in METHODS.items() if method.at_input)
SIGNED = tuple(name for name, method in METHODS.items() if method.signed)


def split(name: str) -> tuple[str | None, str]:
    """Return the method in METHODS that a map's name begins with (None of another), and its channels: `gam-0,4` is ('gam', '0,4')."""
    known = max(
        (method for method in METHODS if name == method or name.startswith(f"{method}-")),
        key=len,
        default=None,
    )
    return known, name[len(known) + 1 :] if known else ""
