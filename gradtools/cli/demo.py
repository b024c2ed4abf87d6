"""gradtools demo"""

import click

from gradtools.cli import options, terminal


@options.command("demo", ["gradtools demo", "gradtools demo elsewhere --force"])
@click.argument("folder", default="demo", metavar="[FOLDER]")
@click.option(
    "-f", "--force", is_flag=True, help="Replace the demo's files where FOLDER is not empty."
)
def command(console, folder, force):
    """Run the whole way on the bundled example and print the table.

    Writes held-out scenes, digits on photographs, into FOLDER; three small residual networks that ship with the project
    answer them; extract, similarity, cluster and evaluate do the rest. Needs no network and less than a minute.
    """
    from gradtools.stages import demo, evaluate

    subjects, files = demo.run(folder, force=force, say=console.say, progress=console.progress)
    terminal.print_tables(evaluate.evaluate(subjects))
    print("Stores and pictures:")
    for path in files:
        print(f"  {path}")
    print(
        f"The same by hand: gradtools extract {folder}/scenes/manifest.csv --model gradtools.bundled.scene_resnet:resnet8 "
        f"--weights {demo.weights('resnet8')} | gradtools similarity | gradtools cluster | gradtools evaluate"
    )
