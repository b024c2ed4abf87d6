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

import torch
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from gradtools.errors import GradtoolsError
from gradtools.taps.capture import forward
from gradtools.taps.tracing import RELUS

TOLERANCE = 1e-4      # of the largest logit: float32 rounding in another batch
MEMORY = 2 ** 28      # bytes that the tensors of one run may take, about
ALIVE = 4             # tensors as large as the largest that are alive at once, about


@dataclasses.dataclass(frozen=True)
class Earlier:
    """A call that has finished before the tap; `stand_in` is what it gives where only modules that do not run again read its output."""

    name: str
    call: int
    stand_in: object = None

    @property
    def key(self):
        """(name, call)"""
        return self.name, self.call


@dataclasses.dataclass(frozen=True)
class Tail:
    """What follows a tap. Not `short`: the whole network runs for every activation, with the tap's output replaced.

    `copies` is how many activations a run should take, by the memory they need.
    """

    network: torch.nn.Module
    tap: object
    earlier: tuple
    short: bool
    copies: int = 1


@dataclasses.dataclass(frozen=True)
class Trunk:
    """What a forward pass of images `x` left for the tail: output of every earlier call that is read, by (name, call)."""

    x: torch.Tensor
    outputs: dict


@torch.no_grad()
def prepare(network, tap, example):
    """The tail of a tap, tried on one image.

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
        raise GradtoolsError(f"tap {tap.name}: its own activation, put back in its place, changes the network's answer; choose another tap")
    tail, largest = _shortened(whole, example, both, expected, limit)
    return dataclasses.replace(tail, copies=max(1, MEMORY // (ALIVE * max(largest, 1))))


def _with_half(activation, tap):
    """An activation, and the same without every second channel: (2, ...)."""
    channel = {"nchw": 1, "nhwc": 3, "tokens": 2, "vector": 1}[tap.layout]
    keep = torch.arange(activation.shape[channel], device=activation.device) % 2
    return torch.cat([activation, activation * keep.view([-1 if axis == channel else 1 for axis in range(activation.dim())])])


def _shortened(whole, example, both, expected, limit):
    """The tail that starts at the tap, where it gives what the whole network gives; and bytes of its largest tensor an image."""
    tail = dataclasses.replace(whole, earlier=_earlier(whole.network, whole.tap, example), short=True)
    try:
        with recorded(tail, example) as trunk:
            whole.network(example)
        found, crossing = _replayed(tail, trunk, 0, both.clone())
        if found.shape == expected.shape and float((found - expected).abs().max()) <= limit:
            unread = {key: _mapped(lambda tensor: tensor.new_empty(1, 0), output) for key, output in trunk.outputs.items()
                      if key not in crossing.read}
            earlier = tuple(dataclasses.replace(one, stand_in=unread.get(one.key)) for one in tail.earlier)
            return dataclasses.replace(tail, earlier=earlier), crossing.largest // len(both)
    except (RuntimeError, IndexError, ValueError, TypeError):  # the network's own code, given one image before the tap and two after it
        pass
    return whole, _replayed(whole, Trunk(example, {}), 0, both.clone())[1].largest // len(both)


@contextlib.contextmanager
def recorded(tail, x):
    """Within it, a forward pass of x (B, 3, H, W) is recorded; yields the `Trunk` that it fills."""
    trunk, modules = Trunk(x, {}), dict(tail.network.named_modules())
    wanted = {one.key for one in tail.earlier if one.stand_in is None}
    with contextlib.ExitStack() as stack:
        for name in {name for name, _ in wanted}:
            stack.callback(modules[name].register_forward_hook(_recorder(name, wanted, trunk.outputs)).remove)
        yield trunk


def _recorder(name, wanted, outputs):
    """Forward hook that keeps the outputs of the wanted calls, and lets the network change a copy."""
    calls = collections.Counter()

    def hook(_module, _inputs, output):
        key = name, calls[name]
        calls[name] += 1
        if key not in wanted:
            return None
        outputs[key] = _mapped(torch.Tensor.detach, output)
        return _mapped(torch.clone, output)

    return hook


@torch.no_grad()
def run(tail, trunk, image, activations):
    """The network's answer to one image with other activations at the tap.

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
    return tail.network(activations) if not tail.tap.module else _replayed(tail, trunk, image, activations)[0]


def _replayed(tail, trunk, image, activations):
    """The answer (M, K), and the `_Crossing` that saw it."""
    own = slice(image, image + 1)
    crossing = _Crossing(activations, len(activations) if tail.short else 1)
    modules = dict(tail.network.named_modules())
    if not tail.tap.module:
        return tail.network(activations), crossing
    with contextlib.ExitStack() as stack, crossing:
        for name, answers in _answers(tail, trunk, own, crossing).items():
            modules[name].forward = _answering(modules[name].forward, iter(answers))
            stack.callback(delattr, modules[name], "forward")
        output = tail.network(trunk.x[own] if tail.short else torch.cat([trunk.x[own]] * len(activations)))
    if not crossing.reached:
        raise GradtoolsError(f"tap {tail.tap.name} was not reached in this pass: the network took another way than with its example image")
    return output, crossing


def _answers(tail, trunk, own, crossing):
    """What the calls of each module give in turn: functions of the module's own run; None lets it run."""
    tap, answers = tail.tap, collections.defaultdict(list)
    for one in tail.earlier:
        note = crossing.expect if tap.relu and one.key == (tap.module, tap.call) else lambda output: output
        answers[one.name].append(lambda run, one=one, note=note: note(crossing.earlier(one, trunk.outputs, own)))
    if not tail.short:
        answers[tap.module] = [None] * tap.call
    if not tap.relu:
        answers[tap.module].append(lambda run: crossing.cross())
    elif not tail.short:
        answers[tap.module].append(lambda run: crossing.expect(run()))
    return answers


def _answering(own, answers):
    """A module's forward that gives the answers in turn, and then runs as ever."""
    def answered(*args, **kwargs):
        answer = next(answers, None)
        return own(*args, **kwargs) if answer is None else answer(lambda: own(*args, **kwargs))

    return answered


class _Crossing(TorchFunctionMode):
    """Sees every function: before the tap tensors have one image, after it `count`; what crosses is repeated, once each."""

    def __init__(self, activations, count):
        super().__init__()
        self.activations, self.count = activations, count
        self.reached = False
        self.expected = None
        self.before = WeakTensorKeyDictionary()  # tensor -> itself repeated, None as long as nobody has asked
        self.keys = WeakTensorKeyDictionary()    # output of an earlier call -> its key
        self.read = set()
        self.largest = activations.nbytes

    def cross(self):
        """The tap is reached: its activations."""
        self.reached = True
        return self.activations

    def expect(self, tensor):
        """The tap is the ReLU that is next applied to this tensor."""
        self.expected = tensor
        return tensor

    def earlier(self, one, outputs, own):
        """The recorded output of an earlier call, of one image."""
        if one.stand_in is not None:
            return one.stand_in
        given = _mapped(lambda tensor: tensor[own].clone(), outputs[one.key])
        _mapped(lambda tensor: self.keys.__setitem__(tensor, one.key), given)
        return given

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if name in RELUS and args and args[0] is self.expected:
            return self.cross()
        if self.reached:
            args, kwargs = _mapped(self._repeated, args), _mapped(self._repeated, kwargs or {})
        else:
            _mapped(self._note, (args, kwargs or {}))
        output = function(*args, **(kwargs or {}))
        _mapped(self._measure if self.reached else self._mark, output)
        return output

    def _mark(self, tensor):
        self.before.setdefault(tensor, None)

    def _measure(self, tensor):
        self.largest = max(self.largest, tensor.nbytes)

    def _note(self, tensor):
        if tensor in self.keys:
            self.read.add(self.keys[tensor])

    def _repeated(self, tensor):
        """A tensor from before the tap once for every activation."""
        self._note(tensor)
        if self.count == 1 or tensor not in self.before or tensor.shape[:1] != (1,):
            return tensor
        if self.before[tensor] is None:
            self.before[tensor] = torch.cat([tensor] * self.count)
        return self.before[tensor]


def _mapped(function, value):
    """A function of every tensor in nested lists, tuples and dictionaries."""
    if torch.is_tensor(value):
        return function(value)
    if type(value) in (list, tuple):
        return type(value)([_mapped(function, item) for item in value])
    if type(value) is dict:
        return {key: _mapped(function, item) for key, item in value.items()}
    return value


def _earlier(network, tap, example):
    """The outermost calls that have finished when the tap is reached, in that order."""
    watch = _Watching(tap)
    with contextlib.ExitStack() as stack, watch:
        for name, module in network.named_modules():
            if name:
                stack.callback(module.register_forward_pre_hook(lambda _module, _inputs, name=name: watch.enter(name)).remove)
                stack.callback(module.register_forward_hook(lambda _module, _inputs, output: watch.leave(output)).remove)
        network(example)
    return tuple(Earlier(name, call) for name, call in watch.found or ())


class _Watching(TorchFunctionMode):
    """Follows which calls are open and which have finished, until the tap is reached."""

    def __init__(self, tap):
        super().__init__()
        self.tap = tap
        self.open = [[]]  # of every open call what has finished directly within it; the first is the network's own
        self.names = []
        self.calls = collections.Counter()
        self.expected = None
        self.found = None

    def enter(self, name):
        self.names.append((name, self.calls[name]))
        self.calls[name] += 1
        self.open.append([])

    def leave(self, output):
        key = self.names.pop()
        self.open.pop()
        if key == (self.tap.module, self.tap.call) and not self.tap.relu:
            self._reach()
        elif key == (self.tap.module, self.tap.call):
            self.expected = output
        self.open[-1].append(key)

    def _reach(self):
        self.found = self.found or [key for finished in self.open for key in finished]

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") in RELUS and args and args[0] is self.expected and self.found is None:
            self._reach()
        return function(*args, **(kwargs or {}))
