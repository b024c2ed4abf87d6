"""A command called in this process, with or without a terminal."""

import dataclasses

from gradtools import cli


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended: status, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def line(self):
        """The one line of a failed run, which writes nothing on stdout."""
        assert not self.out and len(self.err.strip().splitlines()) == 1, self
        return self.err.strip()


def call(capsys, *arguments, terminal=(), monkeypatch=None):
    """Run `gradtools ARGUMENTS`; `terminal` names the streams that are one ("out", "err")."""
    import sys

    for name in terminal:
        monkeypatch.setattr(getattr(sys, f"std{name}"), "isatty", lambda: True)
    status = cli.main(list(map(str, arguments)))
    return Ended(status, *capsys.readouterr())
