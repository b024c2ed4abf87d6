"""Every command that resumes, killed at every write, sync, rename and removal, gives what it gives undisturbed."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from long_jobs import BLOCKS, NAMES, cases


def swept(folder, count, every, first, names=None):
    """What `kills` tells of the cases."""
    before, every_case = cases(folder, count)
    job = {
        "before": [list(map(str, arguments)) for arguments in before],
        "cases": {name: list(map(str, every_case[name])) for name in names or every_case},
        "constants": BLOCKS,
        "folder": str(folder),
        "every": every,
        "first": first,
    }
    ended = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "kills.py")],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    differences = json.loads(ended.stdout)
    print({name: (case["events"], case["kills"]) for name, case in differences.items()})
    return {name: case["wrong"] for name, case in differences.items()}


def test_killed_at_some_events(tmp_path):
    """A small dose of the sweeps below."""
    differences = swept(tmp_path, 6, 97, 5, ("augmented", "ablate"))
    assert not any(differences.values()), differences


def test_every_command_that_resumes_is_killed(tmp_path):
    """The names below are all of them."""
    assert tuple(cases(tmp_path, 2)[1]) == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_killed_at_every_event(tmp_path, name):
    """A small job at every event."""
    differences = swept(tmp_path, 6, 1, 1, [name])
    assert not any(differences.values()), differences


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_ten_blocks_killed_at_every_seventh_event(tmp_path, name):
    """A job of ten blocks."""
    differences = swept(tmp_path, 40, 7, 3, [name])
    assert not any(differences.values()), differences
