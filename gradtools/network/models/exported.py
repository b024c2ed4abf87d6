"""Networks that `torch.export.save` wrote: their modules come back by name, with the layers that taps, folding and heads know.

A program of torch.export is a graph of ATen's functions. `torch.export.unflatten` gives every module of the network back under its name, as a
module that runs its part of the graph. Here those that are one layer become that layer again, and functions get the names that they have in
networks, so that all else works as in the network's own code.
"""

import contextlib
import hashlib
import json
import operator
import unittest.mock
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import fx, nn

from gradtools.errors import GradtoolsError, UsageError
from gradtools.network.models import preprocessing
from gradtools.network.models.sources import Source, first_line

if TYPE_CHECKING:
    from io import BytesIO

    from torch.export import ExportedProgram
    from torch.fx import Node

SUFFIX = ".pt2"
DECLARED = ("preprocess.json", "classes.json")  # extra files that may lie in it
HOW = "dynamic_shapes=({0: torch.export.Dim('batch')},)"


def find(path: str) -> Source:
    """Return the source of a program file.

    The file may hold `preprocess.json` and `classes.json`, as `torch.export.save(..., extra_files=...)` puts them there.

    Parameters
    ----------
    path : str

    Raises
    ------
    UsageError
        There is no such file, or what it declares cannot be understood.
    GradtoolsError
        It cannot be opened, or is no network of images.
    """
    program, declared = _opened(path)
    _check_input(path, program)
    rules, classes = (_declared(path, name, declared[name]) for name in DECLARED)
    if rules is not None:
        rules = preprocessing.normalise(cast(dict, rules), f"{DECLARED[0]} in {path}")
    names = None if classes is None else [str(name) for name in classes]
    notes: list[str] = []
    return Source(
        lambda kind: _build(path, program, kind, notes), rules, path, names, False, notes=notes
    )


def _opened(path: str) -> "tuple[ExportedProgram, dict[str, str]]":
    """Return the program of a file, and what else it holds (dict of str to str)."""
    declared = dict.fromkeys(DECLARED, "")
    try:
        with _safely():
            program = torch.export.load(path, extra_files=declared)
    except FileNotFoundError as error:
        raise UsageError(f"model {path}: no such file") from error
    except UsageError:
        raise
    except Exception as error:  # whatever the reader of another version trips over
        raise GradtoolsError(
            f"model {path} is not a program that this torch ({torch.__version__}) opens: {first_line(error)}"
        ) from error
    return program, declared


@contextlib.contextmanager
def _safely() -> Iterator[None]:
    """Let nothing that torch.export opens run code of its own: it falls back to pickles."""
    load = torch.load

    def tensors_alone(
        file: "BytesIO", *arguments: str, **options: str | bool
    ) -> tuple[tuple, dict]:
        try:
            settings: dict = {**options, "weights_only": True}
            return load(file, *arguments, **settings)
        except Exception as error:
            raise UsageError(
                "the program holds pickled objects beside its tensors, which run code when they are opened: export the network anew "
                "without them, or name its code (file.py:callable)"
            ) from error

    with unittest.mock.patch.object(torch, "load", tensors_alone):
        yield


def _declared(path: str, name: str, text: str) -> dict | list[str] | None:
    """Return the value of an extra file, None where there is none."""
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"model {path}: its {name} is not JSON: {error}") from error


def _check_input(path: str, program: "ExportedProgram") -> None:
    """Refuse programs that take anything but batches of images, of any number."""
    given = program.graph_signature.user_inputs
    nodes = {node.name: node for node in program.graph.nodes}
    value = nodes[given[0]].meta.get("val") if len(given) == 1 and given[0] in nodes else None
    if value is None or value.dim() != 4:
        raise GradtoolsError(
            f"model {path} takes {len(given)} inputs, not one batch of images (N, C, H, W)"
        )
    count = value.shape[0]
    if isinstance(count, int):
        raise GradtoolsError(
            f"model {path} was exported for batches of {count}: export it for any number of images, with {HOW}"
        )
    least = program.range_constraints[count.node.expr].lower
    if least > 1:
        raise GradtoolsError(
            f"model {path} was exported for batches of {least} and more, and images are run alone as well: export it with {HOW}"
        )


def _build(path: str, program: "ExportedProgram", kind: str | None, notes: list[str]) -> nn.Module:
    """Return the network of a program, with its weights; what is to be said of it is added to the notes."""
    if kind == "random":
        raise UsageError(
            f"--weights random: {path} has its weights; a network's code (file.py:callable) can be made with others"
        )
    try:
        network = torch.export.unflatten(program)
    except Exception as error:
        raise GradtoolsError(
            f"model {path}: its modules do not come back from the program ({first_line(error)}); name the network's code "
            "(file.py:callable)"
        ) from error
    texts = []
    split = [name for name, module in network.named_modules() if name and _is_split(module)]
    if split:
        notes.append(
            f"{split[0]}{f' and {len(split) - 1} more' if len(split) > 1 else ''} of the program gives sizes beside its tensor: it is no "
            "tap, and auto: names may stand for other layers than in the network's code"
        )
    for module in list(network.modules()):
        texts.append(str(getattr(module, "graph", "")))
        for name, child in list(module.named_children()):
            layer = _layer(child)
            if layer is not None:
                setattr(module, name, layer)
    for module in network.modules():
        _name_functions(module)
    setattr(network, "code_sha256", hashlib.sha256("".join(texts).encode()).hexdigest())  # noqa: B010
    return network


def _is_split(module: nn.Module) -> bool:
    """Whether a module hands numbers that export has moved into it on to others, beside its tensor."""
    graph = getattr(module, "graph", None)
    if not isinstance(graph, fx.Graph):
        return False
    (output,) = (node for node in graph.nodes if node.op == "output")
    values = output.args[0]
    return isinstance(values, (tuple, list)) and any(
        not isinstance(value, fx.Node) or not isinstance(value.meta.get("val"), torch.Tensor)
        for value in values
    )


def _name_functions(module: nn.Module) -> None:
    """Let a graph call `relu`, not its overload `relu.default`: names are what a trace of a network goes by."""
    graph = getattr(module, "graph", None)
    if isinstance(graph, fx.Graph):
        for node in graph.nodes:
            if isinstance(node.target, torch._ops.OpOverload):
                node.target = node.target._overloadpacket


def _layer(module: nn.Module) -> nn.Module | None:
    """Return the layer that a module is, with its own parameters; None where it is more than one function, or another."""
    graph = getattr(module, "graph", None)
    if not isinstance(graph, fx.Graph) or list(module.children()):
        return None
    nodes = [node for node in graph.nodes if node.op not in ("output", "get_attr")]
    if [node.op for node in nodes] != ["placeholder", "call_function"]:
        return None
    call = nodes[1]
    (output,) = (node for node in graph.nodes if node.op == "output")
    if call.args[:1] != (nodes[0],) or output.args[0] is not call:
        return None
    make = LAYERS.get(str(call.target))
    if make is None:
        return None
    values = _arguments(call, module)
    layer = make(values)
    if layer is not None:
        for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            if isinstance(getattr(module, name, None), torch.Tensor):
                setattr(layer, name, getattr(module, name))
    return layer.eval() if layer is not None else None


def _arguments(call: "Node", module: nn.Module) -> dict:
    """Return the arguments of a call by name, with the defaults of its schema; tensors of the module for its parameters."""
    arguments = call.target._schema.arguments  # type: ignore[union-attr]
    names = [argument.name for argument in arguments]
    values = {
        argument.name: argument.default_value
        for argument in arguments
        if argument.has_default_value()
    }
    values |= dict(zip(names, call.args)) | dict(call.kwargs)
    return {
        name: operator.attrgetter(str(value.target))(module)
        if isinstance(value, fx.Node) and value.op == "get_attr"
        else value
        for name, value in values.items()
    }


def _conv2d(values: Mapping) -> nn.Module:
    weight, groups = values["weight"], values["groups"]
    return nn.Conv2d(
        weight.shape[1] * groups,
        weight.shape[0],
        tuple(weight.shape[2:]),
        _two(values["stride"]),
        values["padding"] if isinstance(values["padding"], str) else _two(values["padding"]),
        _two(values["dilation"]),
        groups,
        values["bias"] is not None,
        device="meta",
    )


def _linear(values: Mapping) -> nn.Module:
    rows, columns = values["weight"].shape
    return nn.Linear(columns, rows, values["bias"] is not None, device="meta")


def _batch_norm(values: Mapping) -> nn.Module | None:
    if values["training"] or values["running_mean"] is None or values["weight"] is None:
        return None
    return nn.BatchNorm2d(len(values["weight"]), values["eps"], values["momentum"], device="meta")


def _max_pool(values: Mapping) -> nn.Module:
    stride = values["stride"] or values["kernel_size"]
    return nn.MaxPool2d(
        _two(values["kernel_size"]),
        _two(stride),
        _two(values["padding"]),
        _two(values["dilation"]),
        ceil_mode=values["ceil_mode"],
    )


def _average_pool(values: Mapping) -> nn.Module:
    stride = values["stride"] or values["kernel_size"]
    return nn.AvgPool2d(
        _two(values["kernel_size"]),
        _two(stride),
        _two(values["padding"]),
        values["ceil_mode"],
        values["count_include_pad"],
        values["divisor_override"],
    )


def _two(numbers: Sequence[int]) -> tuple[int, int]:
    """Return two numbers of one or two."""
    return numbers[0], numbers[-1]


LAYERS = {  # by the name of the one function that they are
    "aten.conv2d.default": _conv2d,
    "aten.conv2d.padding": _conv2d,
    "aten.linear.default": _linear,
    "aten.batch_norm.default": _batch_norm,
    "aten.relu.default": lambda values: nn.ReLU(),
    "aten.relu_.default": lambda values: nn.ReLU(inplace=True),
    "aten.max_pool2d.default": _max_pool,
    "aten.avg_pool2d.default": _average_pool,
    "aten.adaptive_avg_pool2d.default": lambda values: nn.AdaptiveAvgPool2d(
        tuple(values["output_size"])
    ),
    "aten.dropout.default": lambda values: None if values["train"] else nn.Dropout(values["p"]),
    "aten.dropout_.default": lambda values: None if values["train"] else nn.Dropout(values["p"]),
}
