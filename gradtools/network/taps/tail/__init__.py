"""The network from a tap onward, on given activations: what lies before the tap runs once an image, what follows as often as asked.

    tail = taps.tail.prepare(network, tap, example)
    with taps.tail.recorded(tail, x) as trunk:
        logits = network(x)                                  # any one forward pass of these images
    changed = taps.tail.run(tail, trunk, 0, activations)     # logits (M, K) of image 0 with M other activations at the tap

The network's own code runs again, but a module that has finished before the tap gives its recorded output at once, as one image;
after the tap it is repeated where it is read beside the M.
"""

import collections
import contextlib
import dataclasses
import functools
from collections.abc import Callable, Collection, Iterator
from typing import cast

import torch
from torch import nn

from gradtools.errors import GradtoolsError
from gradtools.network.taps.capture import forward
from gradtools.network.taps.grammar import Tap
from gradtools.network.taps.tail.crossing import Crossing, mapped
from gradtools.network.taps.tail.watching import finished
from gradtools.network.taps.tracing import Nested, replaced

TOLERANCE = 1e-4  # of the largest logit: float32 rounding in another batch
MEMORY = 2**28  # bytes that the tensors of one run may take, about
ALIVE = 4  # tensors as large as the largest that are alive at once, about


@dataclasses.dataclass(frozen=True)
class Earlier:
    """A call that has finished before the tap; `stand_in` is what it gives where only modules that do not run again read its output."""

    name: str
    call: int
    stand_in: Nested = None

    @property
    def key(self) -> tuple[str, int]:
        """(name, call)"""
        return self.name, self.call


@dataclasses.dataclass(frozen=True)
class Tail:
    """What follows a tap. Not `short`: the whole network runs for every activation, with the tap's output replaced.

    `copies` is how many activations a run should take, by the memory they need.
    """

    network: torch.nn.Module
    tap: Tap
    earlier: tuple[Earlier, ...]
    short: bool
    copies: int = 1


@dataclasses.dataclass(frozen=True)
class Trunk:
    """What a forward pass of images `x` left for the tail: output of every earlier call that is read, by (name, call)."""

    x: torch.Tensor
    outputs: dict[tuple[str, int], Nested]


@torch.no_grad()
def prepare(network: nn.Module, tap: Tap, example: torch.Tensor) -> Tail:
    """Prepare the tail of a tap, tried on one image.

    Parameters
    ----------
    network : torch.nn.Module
        In eval mode.
    tap : Tap
    example : (1, 3, H, W) tensor

    Returns
    -------
    Tail
        Its `short` is False where the network's code does not give the same answer when it starts at the tap (it counts images before
        it, say): then every run is a whole forward pass.

    Raises
    ------
    GradtoolsError
        Where the tap is not reached, or putting its own activation back changes the answer.
    """
    whole = Tail(network, tap, (), False)
    logits, tapped = forward(network, example, [tap])
    both = _with_half(tapped[tap.name].detach(), tap)
    expected = run(whole, Trunk(example, {}), 0, both.clone())
    limit = TOLERANCE * float(logits.abs().max())
    if float((expected[0] - logits[0]).abs().max()) > limit:
        raise GradtoolsError(
            f"tap {tap.name}: its own activation, put back in its place, changes the network's answer; choose another tap"
        )
    tail, largest = _shortened(whole, example, both, expected, limit)
    return dataclasses.replace(tail, copies=max(1, MEMORY // (ALIVE * max(largest, 1))))


def _with_half(activation: torch.Tensor, tap: Tap) -> torch.Tensor:
    """Return an activation, and the same without every second channel: (2, ...)."""
    channel = {"nchw": 1, "nhwc": 3, "tokens": 2, "vector": 1, "ncl": 1}[tap.layout]
    keep = torch.arange(activation.shape[channel], device=activation.device) % 2
    return torch.cat(
        [
            activation,
            activation
            * keep.view([-1 if axis == channel else 1 for axis in range(activation.dim())]),
        ]
    )


def _shortened(
    whole: Tail, example: torch.Tensor, both: torch.Tensor, expected: torch.Tensor, limit: float
) -> tuple[Tail, int]:
    """Return the tail that starts at the tap, where it gives what the whole network gives; and bytes of its largest tensor an image."""
    if whole.tap.element:  # the rest of the tuple comes from running the module itself
        return whole, _replayed(whole, Trunk(example, {}), 0, both.clone())[1].largest // len(both)
    tail = dataclasses.replace(
        whole,
        earlier=tuple(Earlier(*key) for key in finished(whole.network, whole.tap, example)),
        short=True,
    )
    try:
        with recorded(tail, example) as trunk:
            whole.network(example)
        answer, crossing = _replayed(tail, trunk, 0, both.clone())
        if answer.shape == expected.shape and float((answer - expected).abs().max()) <= limit:
            unread = {
                key: mapped(lambda tensor: tensor.new_empty(1, 0), output)
                for key, output in trunk.outputs.items()
                if key not in crossing.read
            }
            earlier = tuple(
                dataclasses.replace(call, stand_in=unread.get(call.key)) for call in tail.earlier
            )
            return dataclasses.replace(tail, earlier=earlier), crossing.largest // len(both)
    except (
        RuntimeError,
        IndexError,
        ValueError,
        TypeError,
    ):  # the network's own code, given one image before the tap and two after it
        pass
    return whole, _replayed(whole, Trunk(example, {}), 0, both.clone())[1].largest // len(both)


@contextlib.contextmanager
def recorded(tail: Tail, x: torch.Tensor) -> Iterator[Trunk]:
    """Record a forward pass of x (B, 3, H, W) made within it; yields the `Trunk` that it fills."""
    trunk, modules = Trunk(x, {}), dict(tail.network.named_modules())
    wanted = {call.key for call in tail.earlier if call.stand_in is None}
    with contextlib.ExitStack() as stack:
        for name in {name for name, _ in wanted}:
            stack.callback(
                modules[name].register_forward_hook(_recorder(name, wanted, trunk.outputs)).remove
            )
        yield trunk


def _recorder(name: str, wanted: Collection[tuple[str, int]], outputs: dict) -> Callable:
    """Return the forward hook that keeps the outputs of the wanted calls, and lets the network change a copy."""
    calls: collections.Counter[str] = collections.Counter()

    def hook(_module: nn.Module, _inputs: tuple, output: Nested) -> Nested:
        key = name, calls[name]
        calls[name] += 1
        if key not in wanted:
            return None
        outputs[key] = mapped(torch.Tensor.detach, output)
        return mapped(torch.clone, output)

    return hook


@torch.no_grad()
def run(tail: Tail, trunk: Trunk, image: int, activations: torch.Tensor) -> torch.Tensor:
    """Run the network on one image with other activations at the tap.

    Parameters
    ----------
    trunk : Trunk
    image : int
        Which of its images.
    activations : (M, ...) tensor
        In the tap's own layout, as `taps.forward` gives it; may be overwritten.

    Returns
    -------
    (M, K) tensor
    """
    return (
        tail.network(activations)
        if not tail.tap.module
        else _replayed(tail, trunk, image, activations)[0]
    )


def _replayed(
    tail: Tail, trunk: Trunk, image: int, activations: torch.Tensor
) -> tuple[torch.Tensor, Crossing]:
    """Return the answer (M, K), and the `Crossing` that saw it."""
    rows = slice(image, image + 1)
    crossing = Crossing(activations, len(activations) if tail.short else 1)
    modules = dict(tail.network.named_modules())
    if not tail.tap.module:
        return tail.network(activations), crossing
    with contextlib.ExitStack() as stack, crossing:
        for name, answers in _answers(tail, trunk, rows, crossing).items():
            stack.enter_context(_answering(modules[name], iter(answers)))
        output = tail.network(
            trunk.x[rows] if tail.short else torch.cat([trunk.x[rows]] * len(activations))
        )
    if not crossing.reached:
        raise GradtoolsError(
            f"tap {tail.tap.name} was not reached in this pass: the network took another way than with its example image"
        )
    return output, crossing


def _answers(
    tail: Tail, trunk: Trunk, rows: slice, crossing: Crossing
) -> dict[str, list[Callable | None]]:
    """Return what the calls of each module give in turn: functions of the module's own run; None lets it run."""
    tap = tail.tap
    answers: dict[str, list[Callable | None]] = collections.defaultdict(list)

    def earlier(call: Earlier, expected: bool, _run: Callable) -> Nested:
        output = crossing.earlier(call, trunk.outputs, rows)
        return crossing.expect(cast(torch.Tensor, output)) if expected else output

    for call in tail.earlier:
        expected = tap.relu and call.key == (tap.module, tap.call)
        answers[call.name].append(functools.partial(earlier, call, expected))
    if not tail.short:
        answers[tap.module] = [None] * tap.call
    if tap.element:
        answers[tap.module].append(lambda run: replaced(run(), crossing.cross()))
    elif not tap.relu:
        answers[tap.module].append(lambda run: crossing.cross())
    elif not tail.short:
        answers[tap.module].append(lambda run: crossing.expect(run()))
    return answers


@contextlib.contextmanager
def _answering(module: nn.Module, answers: Iterator[Callable | None]) -> Iterator[None]:
    """Let a module give the answers in turn within it, and then run as before."""
    before, original = dict(vars(module)), module.forward

    def answered(*args: torch.Tensor, **kwargs: torch.Tensor) -> torch.Tensor:
        answer = next(answers, None)
        return (
            original(*args, **kwargs)
            if answer is None
            else answer(lambda: original(*args, **kwargs))
        )

    module.forward = answered
    try:
        yield
    finally:
        del module.forward
        if "forward" in before:
            module.forward = original
