"""The graph of one forward pass, tensor by tensor: which of them all that reaches the output goes through."""

import itertools
from collections.abc import Sequence

import torch
from torch.utils.weak import WeakTensorKeyDictionary


class Flow:
    """Numbers tensors as they are made from the input, and keeps which was made from which.

    A number made later is larger, so the numbers are an order in which the graph can be read.
    """

    def __init__(self) -> None:
        self.numbers = WeakTensorKeyDictionary()
        self.edges: list[tuple[int, int]] = []
        self.fresh = itertools.count()

    def begin(self, tensor: torch.Tensor) -> None:
        """Take a tensor for the input."""
        self.numbers[tensor] = next(self.fresh)

    def add(self, inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor]) -> None:
        """Note that the outputs were made from the inputs; what was not made from the network's input is passed over."""
        sources = {self.numbers[tensor] for tensor in inputs if tensor in self.numbers}
        if not sources:
            return
        for tensor in outputs:
            number = next(self.fresh)
            self.edges += [(source, number) for source in sources]
            self.numbers[tensor] = number

    def number(self, tensor: torch.Tensor) -> int | None:
        """Return the number of a tensor, None where it does not depend on the network's input."""
        return self.numbers.get(tensor)

    def roles(self, output: int | None) -> dict:
        """Return, for each number that influences the output, True where all that reaches the output goes through it.

        A tensor is such a one where no edge of the graph leads from before it to behind it.
        """
        if output is None:
            return {}
        before: dict[int, list[int]] = {}
        for source, number in self.edges:
            before.setdefault(number, []).append(source)
        relevant, waiting = {output}, [output]
        while waiting:
            new = set(before.get(waiting.pop(), ())) - relevant
            relevant |= new
            waiting += new
        order = sorted(relevant)
        place = {number: position for position, number in enumerate(order)}
        jumps = [0] * (len(order) + 1)
        for number in order:
            for source in before.get(number, ()):
                jumps[place[source] + 1] += 1
                jumps[place[number]] -= 1
        over = itertools.accumulate(jumps)
        return {number: count == 0 for number, count in zip(order, over)}
