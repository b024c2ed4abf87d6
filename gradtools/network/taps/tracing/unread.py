"""Which calls with a class token have patches that the classifier does not read."""

import itertools
from collections.abc import Sequence

import torch
from torch import nn

from gradtools.network.taps.tracing.calls import Call
from gradtools.network.taps.tracing.watch import Nested, first_map


@torch.no_grad()
def unread_calls(
    module: nn.Module, example: torch.Tensor, calls: Sequence[Call], classifier: str | None
) -> tuple[str, ...]:
    """Return the names of the last calls with a class token whose patches the classifier does not read.

    Other values there leave the classifier's input (the output, where no classifier is known) as it is.
    """
    last = [call for call in calls if call.layout == "tokens" and call.prefix and call.container]
    read = _read_by_head(module, example, classifier) if last else None
    if read is None:
        return ()
    names = []
    for call in reversed(last):
        changed = _read_by_head(module, example, classifier, call)
        if changed is None or float((changed - read).abs().max()) > 1e-6 * float(read.abs().max()):
            break
        names.append(call.name)
    return tuple(names)


def _read_by_head(
    module: nn.Module, example: torch.Tensor, classifier: str | None, turned: Call | None = None
) -> torch.Tensor | None:
    """Return what the classifier reads (without one, the output), with the patches of one call turned round; None where that does not run."""
    calls, read, handles = itertools.count(), [], []

    def turn(child: nn.Module, _: tuple, output: Nested) -> Nested:
        if turned is None or next(calls) != turned.index:
            return None
        return replaced(output, _turned(first_map(child, output)[0], turned.prefix))

    if turned is not None:
        handles.append(module.get_submodule(turned.name).register_forward_hook(turn))
    if classifier:
        head = module.get_submodule(classifier)
        handles.append(head.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0])))
    try:
        output = module(example)
        return read[-1] if read else output
    except Exception:  # the network's own code
        return None
    finally:
        for handle in handles:
            handle.remove()


def _turned(tokens: torch.Tensor, prefix: int) -> torch.Tensor:
    return torch.cat([tokens[:, :prefix], -tokens[:, prefix:] + tokens.std()], dim=1)


def replaced(output: Nested, tensor: torch.Tensor) -> Nested:
    """Return a module's output with another tensor in the place of its own, or of the first of its tuple."""
    if isinstance(output, (tuple, list)):
        return type(output)([tensor, *output[1:]])
    return tensor
