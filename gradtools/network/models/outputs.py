"""What a network returns, brought to logits (images, classes): one of several outputs, what entered a softmax, one logit made two, maps reduced.

The bringing is done by hooks of the network itself, so that its modules keep their names and every pass gives logits.
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import taps
from gradtools.network.models.returned import Entered, checked_entry, select
from gradtools.network.taps.tracing import Nested

if TYPE_CHECKING:
    from gradtools.network.taps.tracing.watch import Record

REDUCTIONS = ("mean", "max", "predicted")


@dataclasses.dataclass(frozen=True)
class Form:
    """How logits come out of what a network returns.

    `entry` names one of several outputs; `end` the function whose input are the logits; `row` is the shape of one image's output where
    it has to be laid out anew; `binary`: one logit z, of which -z/2 and z/2 are made; `reduce` as of `--reduce`.
    """

    entry: str | None = None
    end: str = ""
    row: tuple | None = None
    binary: bool = False
    reduce: str | None = None

    @property
    def plain(self) -> bool:
        """Whether nothing is to be done."""
        return self == Form()

    @property
    def text(self) -> str:
        """What is to be done as JSON, '' for nothing."""
        changed = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }
        return json.dumps(changed, sort_keys=True) if changed else ""

    @property
    def notes(self) -> list[str]:
        """What is to be said of it, once."""
        lines = []
        if self.entry is not None:
            lines.append(f"of the network's outputs {self.entry} is taken")
        if self.end:
            lines.append(f"the network ends in {self.end}: logits are what enters it")
        if self.binary:
            lines.append(
                "one logit z: a binary classifier, stored as two classes with logits -z/2 and z/2, so that softmax is the sigmoid of z"
            )
        if self.reduce:
            what = {
                "mean": "the mean over positions",
                "max": "the largest over positions",
                "predicted": "the sum over the positions whose argmax is the class, over all positions",
            }.get(self.reduce, f"at position {self.reduce}")
            lines.append(f"the logits are maps: of each class {what} is taken")
        return lines


def look(
    module: nn.Module,
    example: torch.Tensor,
    *,
    entry: str | None = None,
    reduce: str | None = None,
    classes: bool = True,
) -> tuple[Form, str | None]:
    """Run a network once and find the form of its output.

    Parameters
    ----------
    module : torch.nn.Module
        Without an adapter, in eval mode.
    example : (2, C, H, W) tensor
    entry, reduce : str, optional
        As of `--output-entry` and `--reduce`.
    classes : bool
        False for `--head none`: the output is an embedding, and no softmax or single logit is looked for.

    Returns
    -------
    form : Form
    classifier : str or None
        Name of the layer whose rows the logits come from.

    Raises
    ------
    UsageError, GradtoolsError
        Where the network does not run, returns several outputs, fewer rows than images, or maps without `reduce`.
    """
    with Entered() as entered:
        watch, returned = taps.watched(module, example)
    entry = checked_entry(returned, entry)
    output = select(returned, entry)
    end, logits = entered.follow(output) if classes else ("", output)
    origin = watch.origin(logits)
    row = _row(logits, len(example), _where_rows_end(watch.records, len(example), module))
    laid = logits.reshape(len(example), *row)
    if reduce is not None:
        _check_reduce(reduce, row)
    elif len(row) > 1:
        raise UsageError(
            f"the network gives a map of each class, shape {tuple(logits.shape)}: say with --reduce mean, max, predicted or Y,X "
            "which number of it is the class's logit"
        )
    anew = tuple(logits.shape) != tuple(laid.shape)
    binary = classes and row[0] == 1
    return Form(entry, end, row if anew else None, binary, reduce), _classifier(origin, row[0])


def adapt(module: nn.Module, form: Form) -> None:
    """Let a network give what its form says."""
    if form.plain:
        return
    adapter = Adapter(form)
    if form.end:
        module.register_forward_pre_hook(adapter.before)
    module.register_forward_hook(adapter.after, always_call=bool(form.end))


class Adapter:
    """Hooks of a network: the first watches which tensors enter a softmax, the second gives the logits."""

    def __init__(self, form: Form):
        self.form = form
        self.watching: list[Entered] = []

    def before(self, _module: nn.Module, _inputs: tuple) -> None:
        """Begin to watch."""
        self.watching.append(Entered().__enter__())

    def after(self, _module: nn.Module, inputs: tuple, output: Nested) -> torch.Tensor | None:
        """Give the logits in the place of the output; None where the pass has failed."""
        entered = self.watching.pop() if self.form.end else None
        if entered is not None:
            entered.__exit__(None, None, None)
        return None if output is None else _brought(output, self.form, len(inputs[0]), entered)


def _brought(output: Nested, form: Form, count: int, entered: Entered | None) -> torch.Tensor:
    """Return the logits (N, K) from what the network returns for N images."""
    logits = select(output, form.entry)
    if form.end and entered is not None:
        end, logits = entered.follow(logits)
        if not end:
            raise GradtoolsError(
                f"the network ended in {form.end} on its example, and not on these images: return the logits themselves"
            )
    if form.row is not None and logits.numel() == count * torch.Size(form.row).numel():
        logits = logits.reshape(count, *form.row)
    if form.binary:
        logits = torch.cat([-logits / 2, logits / 2], dim=1)
    return logits if form.reduce is None else _reduced(logits, form.reduce)


def _reduced(logits: torch.Tensor, how: str) -> torch.Tensor:
    """Return the maps of the classes (N, K, H, W) as one number each."""
    if how == "mean":
        return logits.mean((2, 3))
    if how == "max":
        return logits.amax((2, 3))
    if how == "predicted":
        is_answer = logits.argmax(1, keepdim=True) == torch.arange(
            logits.shape[1], device=logits.device
        ).view(1, -1, 1, 1)
        return (logits * is_answer).mean((2, 3))
    row, column = map(int, how.split(","))
    return logits[:, :, row, column]


def _check_reduce(text: str, row: tuple[int, ...]) -> None:
    """Refuse a reduction that is none, or none of this output."""
    if len(row) != 3:
        raise UsageError(
            f"--reduce {text}: the network gives one row an image, shape {row}, and no maps"
        )
    if text in REDUCTIONS:
        return
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--reduce {text}: write mean, max, predicted, or a position Y,X")
    if int(parts[0]) >= row[1] or int(parts[1]) >= row[2]:
        raise UsageError(
            f"--reduce {text}: the maps of the classes have {row[1]} x {row[2]} positions"
        )


def _where_rows_end(records: "Sequence[Record]", count: int, module: nn.Module) -> str:
    """Return the place, in words, behind which a pass has no row an image."""
    whole = [
        order for order, record in enumerate(records) if record.shape and record.shape[0] == count
    ]
    behind = records[whole[-1] + 1 :] if whole else records
    if behind:
        return f"in {behind[0].name} ({type(behind[0].module).__name__})"
    return (
        f"in the code of {type(module).__name__} behind {records[whole[-1]].name}" if whole else ""
    )


def _row(logits: torch.Tensor, count: int, where: str) -> tuple[int, ...]:
    """Return the shape of one image's logits: (K,), or (K, H, W) of maps."""
    shape = tuple(logits.shape)
    if not shape or shape[0] != count:
        raise GradtoolsError(
            f"the network returns shape {shape} for {count} images: its output must have one row an image; "
            f"rows are lost {where or 'in its code'}: every module must keep the images of a batch apart"
        )
    if len(shape) == 3 or len(shape) > 4:
        raise GradtoolsError(
            f"the network gives shape {shape} for {count} images, where (images, classes) is needed: wrap it in a "
            "file.py:callable that returns the logits, or name one of its outputs with --output-entry"
        )
    row = shape[1:] or (1,)
    return row[:1] if len(row) == 3 and row[1] * row[2] == 1 else row


def _classifier(origin: tuple[str | None, int], count: int) -> str | None:
    """Name of a layer if it has as many rows as there are classes."""
    name, rows = origin
    return name if rows == count else None
