"""gradtools demo"""

import click

from gradtools.cli import options
from gradtools.cli.console import write_table


@options.command("demo", ["gradtools demo", "gradtools demo elsewhere --force"])
@click.argument("folder", default="demo", metavar="[FOLDER]")
@click.option("-f", "--force", is_flag=True, help="Replace the demo's files where FOLDER is not empty.")
def command(console, folder, force):
    """Run the whole way on the bundled example and print the table.

    Writes held-out scenes, digits on photographs, into FOLDER; three small residual networks that ship with the project
    answer them; extract, similarity, cluster and evaluate do the rest. Needs no network and less than a minute.
    """
    from gradtools import demo, evaluate

    subjects, files = demo.run(folder, force=force, say=console.say, progress=console.progress)
    for table in evaluate.evaluate(subjects):
        rows = [
            {key: str(value) if hasattr(value, "low") else value for key, value in row.items()} for row in table.rows
        ]
        write_table(rows, table.columns, "text", table.title, table.notes)
    print("Stores and pictures:")
    for path in files:
        print(f"  {path}")
    print(
        f"The same by hand: gradtools extract {folder}/scenes --model gradtools.bundled.scene_resnet:resnet8 "
        f"--weights {_weights()} | gradtools similarity | gradtools cluster | gradtools evaluate"
    )


def _weights():
    from gradtools.bundled import scenes

    return scenes.__file__.replace("scenes.py", "scene_resnet8.pth")
