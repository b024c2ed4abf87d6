"""Stores that are damaged at random: every reading command answers as before, or refuses them in one clear line."""

import json
import os
import subprocess
import sys

import pytest
import zoo
from conftest import ROOT

FEW = ["--json", "--resamples", "2"]
CHEAP = {
    "info": ["info", "-q", "{}"],
    "check": ["info", "-q", "--check", "{}"],
    "digest": ["info", "-q", "--digest", "{}"],
    "ids": ["info", "-q", "--ids", "{}"],
    "history": ["info", "-q", "--history", "{}"],
    "facts": ["info", "-q", "--json", "{}"],
    "summary": ["evaluate", "-q", "{}"],
}
COMMANDS = {
    **CHEAP,
    "evaluate": ["evaluate", "-q", "{}", "--json", "--layout", "all"],
    "similarity": ["similarity", "-q", "{}", *FEW, "--permutations", "2"],
    "matrix": ["similarity", "-q", "{}", "--matrix", *FEW[1:], "--permutations", "2", "-o", "out.h5"],
    "neighbors": ["neighbors", "-q", "{}", "-k", "2", *FEW],
    "nearest": ["neighbors", "-q", "{}", "--of", "0", "--permutations", "2", "--json"],
    "cluster": ["cluster", "-q", "{}", "--k", "2", "--repeats", "1", "--no-intervals", "--json"],
    "dendrogram": ["dendrogram", "-q", "{}", *FEW],
    "channels": ["channels", "-q", "{}", *FEW],
    "profiles": ["channels", "-q", "{}", "--profiles", "--resamples", "2", "-o", "out.h5"],
    "compare": ["compare", "-q", "{}", "--spaces", *FEW, "--permutations", "2"],
    "localize": ["localize", "-q", "{}", *FEW],
    "saliency": ["saliency", "-q", "{}", "--images", "..", *zoo.MODEL, *zoo.SLOW, "--method", "gam", "-o", "out.h5"],
    "faithfulness": ["faithfulness", "-q", "{}", "--images", "..", *zoo.MODEL, *zoo.SLOW, "--resamples", "2", "-o", "out.h5"],
    "overlay": ["saliency", "-q", "{}", "--images", "..", "--overlay", "pictures", "--overlay-limit", "1"],
}  # fmt: skip


def fuzz(folder, stores, commands, cases, seed=0):
    """Try damaged stores in a process of their own; gives what it counted."""
    job = {"folder": str(folder), "stores": stores, "commands": commands}
    ended = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "fuzz.py")],
        input=json.dumps(job | {"cases": cases, "seed": seed}),
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    counted = json.loads(ended.stdout)
    print(counted)
    return counted


def test_some_damaged_stores(feature_store, tmp_path):
    """A small dose of the trial below."""
    counted = fuzz(tmp_path, [str(feature_store)], CHEAP, 16)
    assert not counted["wrong"]
    assert counted["refused"] > 8 and counted["refused"] + counted["right"] == 16


@pytest.mark.slow
@pytest.mark.parametrize("part", range(3))
def test_damaged_stores_of_every_kind(tmp_path, monkeypatch, part):
    """Every kind of store, every command that reads stores."""
    stores = zoo.make(tmp_path, monkeypatch)
    counted = fuzz(tmp_path, sorted(stores.values()), COMMANDS, 800, part)
    assert not counted["wrong"]
    assert counted["refused"] + counted["right"] == 800 and counted["answered"] > 40
