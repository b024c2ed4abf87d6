"""The demo's commands about maps can be typed as they are written, and make what they say."""

import importlib
import os

from gradtools.stages.demo import truth


def test_the_commands_are_ones_that_can_be_typed(tmp_path):
    named = ("--model", "toy.py:Toy", "--weights", "toy.pth")
    made = list(truth.steps(str(tmp_path), {}, "features.h5", named, lambda: None))
    stores = [path for _, makes, _ in made for path in makes if path.endswith(".h5")]
    assert [os.path.basename(path) for path in stores] == list(truth.stores())
    for (name, *arguments), makes, _ in made:
        command = importlib.import_module(f"gradtools.cli.{name}").command
        context = command.make_context(name, [*arguments])
        assert context.params["output"] in makes and context.params["force"]
        if context.params.get("figure"):
            assert context.params["figure"] in makes
