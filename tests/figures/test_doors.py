"""Pictures are found by name, and none loads the others."""

import subprocess
import sys

from conftest import ROOT

from gradtools import figures

MOST = 58  # modules of ours that an overlay loads
SHARED = {"page", "overlays"}  # what several pictures draw with


def loaded(line):
    """Names of our modules that a line of Python loads."""
    code = f"import sys; {line}; print(*(name for name in sys.modules if name.startswith('gradtools')))"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return ended.stdout.split()


def test_an_overlay_loads_few_modules():
    assert len(loaded("import gradtools.figures.overlays")) < MOST


def test_an_overlay_loads_no_other_picture():
    files = {
        name.split(".")[2]
        for name in loaded("import gradtools.figures.overlays")
        if name.count(".") > 1 and ".figures." in name
    }
    assert not files & set(figures.FILES.values()) - SHARED


def test_matplotlib_is_loaded_when_it_draws():
    """A path is checked before the work begins, and pages of pictures need its colours and fonts alone."""
    code = (
        "import sys; from gradtools import figures; figures.check('picture.png'); "
        "from gradtools.figures import overlays; print('matplotlib' in sys.modules)\n"
        "import numpy as np; from gradtools.figures.overlays import blending, mosaic\n"
        "bars = [mosaic.Bar(blending.FOR, 0.0, 'x')]; image = np.zeros((4, 4, 3), 'u1')\n"
        "mosaic.png(mosaic.draw('x', ['x'], [('x', [image])], bars)); print('matplotlib.figure' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == ["False", "False"]
