"""`python -m gradtools.cli.serve`: a command given through a pipe, which computes the blocks that are asked for (see `stages.remote`)."""

import io
import os
import sys
import tempfile

from gradtools import cli
from gradtools.stages.remote import Served, serving


def main() -> int:
    """Run the command that standard input gives, with an output that nobody writes; returns its exit status."""
    with serving.streams() as (given, taken), tempfile.TemporaryDirectory() as folder:
        task = serving.receive(given)
        served = Served(given, taken, task["threads"])
        output = os.path.join(folder, "nowhere.h5")
        sys.stderr = io.StringIO()  # the client says the same before its first block
        try:
            os.chdir(task["folder"])
            cli.gradtools.main(
                _with(task["words"], "-o", output),
                prog_name="gradtools",
                standalone_mode=False,
                obj=served,
            )
        except cli.ENDINGS as error:
            served.fail(cli.described(error)[0])
            return 1
        except Exception as error:
            served.fail(f"unexpected {type(error).__name__}: {error}")
            return 1
        return 0


def _with(words: list[str], *further: str) -> list[str]:
    """A command line with further options, which count where it has them already."""
    place = words.index("--") if "--" in words else len(words)
    return [*words[:place], *further, *words[place:]]


if __name__ == "__main__":
    sys.exit(main())
