"""gradtools demo"""

import os

import click

from gradtools.cli import commands, terminal


@commands.command("demo", ["gradtools demo", "gradtools demo elsewhere --force --full"])
@click.argument("folder", default="demo", metavar="[FOLDER]")
@click.option(
    "-f", "--force", is_flag=True, help="Replace the demo's files where FOLDER is not empty."
)
@click.option(
    "--full",
    is_flag=True,
    help="Also ask whether maps are right, link two generators to classifiers, tune their units and move samples to other classes: minutes more.",
)
def command(console: terminal.Console, folder: str, force: bool, full: bool) -> None:
    """Run the whole way on the bundled example and print the answer.

    Writes held-out scenes, digits on photographs, into FOLDER; three small residual networks that ship with the project
    answer them. Features, their similarities and clusters; maps of one network, how alike they are and whether they lie
    on the digit, as pictures too; a tree of its classes and the neighbours of one. Every table goes to FOLDER/tables.txt,
    every command that was run to FOLDER/commands.sh. Needs no internet; about two minutes on two cores.
    --full: also whether maps are right (localisation, ADP, PIC and curves of 16 steps on 60 scenes, sanity with 3
    seeds on 30, LeNet-5 on 500 digits with true and permuted labels), and the links of two generators, of digits and of creatures, to small classifiers: pictures that come back,
    and what single units of the classifiers do to them.
    """
    from gradtools.stages import demo, evaluate

    made = demo.run(folder, force=force, full=full, say=console.say, progress=console.progress)
    width = terminal.width() or evaluate.SUMMARY_WIDTH
    terminal.print_tables(evaluate.evaluate(made.subjects, width=width), least=width)
    print("Pictures, the main question's first:")
    for path in made.pictures:
        print(f"  {path}")
    print(f"Every table: {os.path.join(folder, demo.TABLES)}")
    print(f"The commands that were run: {os.path.join(folder, demo.COMMANDS)}")
