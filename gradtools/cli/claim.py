"""gradtools claim"""

import click

from gradtools.cli import commands, options, streams, terminal
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError


@commands.command(
    "claim",
    [
        "gradtools claim paper.claims photos-similarity.h5 photos-clusters.h5",
        "gradtools claim gradient-similarity results/*.h5 --json",
    ],
)
@click.argument("file", required=False, metavar="FILE")
@click.argument("paths", nargs=-1, metavar="STORES...")
@click.option("--list", "listed", is_flag=True, help="List the claims that ship.")
@options.text_forms
def command(
    console: Console,
    file: str | None,
    paths: tuple[str, ...],
    listed: bool,
    form: str | None,
) -> None:
    """Check sentences over stored results: supported, contradicted or undecided.

    FILE has one sentence a line, # begins a comment, or it is the name of claims that ship (--list):

    \b
      pair-auc: gradient > activation
      pair-auc[given=prediction]: gradient > 0.5 in all
      ari[method=gmm]: gradient == weight within .02
      iou where smallest=10%: gam@2 > gradcam@1 by .05 in 2 of n

    Verdicts hold at 5 % over the whole file. Exit status: 0 all are supported, 1 one is contradicted, 4 none is
    contradicted and some are undecided, 2 one cannot be looked up.
    """
    from gradtools.stages import claim, evaluate
    from gradtools.tables import claims

    if listed:
        for name, text in claim.bundled().items():
            print(f"{name:24}{text}")
        return
    if file is None:
        raise UsageError("name a file of claims, or one of those that ship (--list)")
    sentences = claim.read(file)
    subjects = evaluate.gather(paths or [streams.input_store(None)])
    judged = claim.judge(sentences, subjects, file)
    terminal.print_tables(claims.tables(file, judged), form)
    click.get_current_context().exit(claim.exit_status(judged))
