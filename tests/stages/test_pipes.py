"""A pipe gives what files give: every sensible pair of commands, both ways."""

import io
import os
import sys
import threading

import pytest
import zoo

from gradtools import cli, store

FEW = ["--resamples", "5"]
THREE = ["--feature", "gradient", "--feature", "activation", "--feature", "logits"]
SECOND = {  # the second command of a pair, without its input and output
    "similarity": ["similarity", *FEW, "--permutations", "5"],
    "neighbors": ["neighbors", "-k", "3", *FEW],
    "nearest": ["neighbors", "--of", "2", "--permutations", "5"],
    "cluster": ["cluster", "--k", "3", "--repeats", "2", "--no-intervals"],
    "dendrogram": ["dendrogram", "--resamples", "2"],
    "channels": ["channels", *FEW],
    "profiles": ["channels", "--profiles", *FEW],
    "localize": ["localize", *FEW],
    "compare": ["compare", "--permutations", "5", *FEW],
    "spaces": ["compare", "--spaces", *THREE, "--permutations", "5", *FEW],
}
VECTORS = ("similarity", "neighbors", "nearest", "cluster", "dendrogram", "compare", "spaces")
PAIRS = [
    *(("features", name) for name in (*VECTORS, "channels", "profiles")),
    *(("classes", name) for name in ("similarity", "neighbors", "nearest", "dendrogram")),
    *(("profiles", name) for name in VECTORS[:-1]),
    *(("maps", name) for name in ("similarity", "neighbors", "cluster", "dendrogram", "localize")),
    ("one_matrix", "dendrogram"),
    ("map_matrix", "dendrogram"),
    ("spaces", "dendrogram"),
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """What the first commands read, and the commands: a store of features and one of one map a sample."""
    folder = tmp_path_factory.mktemp("pipes")
    with pytest.MonkeyPatch.context() as patch:
        zoo.make(folder, patch, ("features",))
        patch.chdir(folder)
        maps = ["saliency", "scenes.csv", *zoo.MODEL, *zoo.SLOW, *zoo.LAST[:2]]
        assert cli.main([*maps, "--method", "gradcam", "-q", "-o", "maps.h5"]) == 0
    return folder


def first(name):
    """The first command of a pair, without its output."""
    matrix = ["--matrix", "--resamples", "0", "--permutations", "0", "--feature"]
    return {
        "features": ["extract", "scenes.csv", *zoo.MODEL, *zoo.SLOW, *zoo.LAST],
        "classes": zoo.COMMANDS["classes"],
        "profiles": ["channels", "features.h5", "--profiles", "--resamples", "0"],
        "maps": ["saliency", "features.h5", "--images", ".", *zoo.MODEL, *zoo.SLOW, *zoo.LAST[:2]],
        "one_matrix": ["similarity", "features.h5", *matrix, "logits"],
        "map_matrix": ["similarity", "maps.h5", *matrix, "map:gradcam", "--map-metric", "CC"],
        "spaces": [*SECOND["spaces"], "features.h5"],
    }[name]


def run(arguments, stdin=None, stdout=None):
    """Run a command in this process with files as its streams; returns its status."""
    with pytest.MonkeyPatch.context() as patch:
        if stdin is not None:
            patch.setattr(sys, "stdin", io.TextIOWrapper(open(stdin, "rb")))
        if stdout is not None:
            patch.setattr(sys, "stdout", io.TextIOWrapper(open(stdout, "wb")))
        return cli.main([*arguments, "-q"])


def digests(path):
    with store.read(path) as source:
        return source.digests()


@pytest.fixture(scope="module")
def firsts(stores):
    """The first commands' outputs, made once each: in a file, and in a pipe."""
    made = {}

    def make(name):
        if name not in made:
            made[name] = str(stores / f"{name}-file.h5"), str(stores / f"{name}-pipe.h5")
            assert run([*first(name), "-o", made[name][0]]) == 0
            assert run([*first(name), "-o", "-"], stdout=made[name][1]) == 0
        return made[name]

    return make


@pytest.mark.parametrize("one, other", PAIRS)
def test_a_pipe_gives_what_files_give(stores, firsts, monkeypatch, one, other):
    monkeypatch.chdir(stores)
    file, pipe = firsts(one)
    outputs = [f"{one}-{other}-{way}.h5" for way in ("file", "pipe")]
    assert run([*SECOND[other], file, "-o", outputs[0]]) == 0
    assert run([*SECOND[other], "-", "-o", outputs[1]], stdin=pipe) == 0
    by_file, by_pipe = map(digests, outputs)
    carried = digests(pipe)
    own = {path for path in by_pipe if path not in carried}
    assert own <= by_file.keys()
    assert {path: by_pipe.get(path) for path in by_file} == by_file
    for path in outputs:
        os.unlink(path)


def test_a_tree_is_of_what_the_last_command_made(stores, firsts, monkeypatch, capsys):
    """Of a pipe that carries features and a matrix: the matrix, said; the rows where they are asked for."""
    monkeypatch.chdir(stores)
    _, pipe = firsts("one_matrix")
    for options, feature in (([], "logits"), (["--rows", "raw", "--feature", "gradient"], None)):
        assert cli.main(["dendrogram", pipe, "-f", "--resamples", "0", *options, "-o", "t.h5"]) == 0
        said = capsys.readouterr().err
        assert ("a tree of the matrix cosine of logits" in said) == (feature is not None)
        with store.read("t.h5") as tree:
            (name,) = tree.tree("/linkage")
        assert name == feature or feature is None and name.startswith("gradient@")


def test_maps_are_vectors_of_their_samples(stores, monkeypatch):
    """Flattened maps, what speaks for the target, by a plain loop; several maps a sample are refused."""
    import numpy as np

    from gradtools.selection import features

    monkeypatch.chdir(stores)
    with store.read("maps.h5") as source:
        (feature,) = features.resolve(source, control=False, with_maps=True)
        raw = source.values(f"/maps/{feature.name.removeprefix('map:')}/map")
        rows = feature.read(0, len(raw))
        for row, one in zip(rows, raw.astype(float)):
            clipped = np.maximum(one, 0).ravel()
            span = clipped.max() - clipped.min()
            expected = (clipped - clipped.min()) / span if span else np.zeros_like(clipped)
            np.testing.assert_allclose(row, expected, atol=1e-6)


@pytest.mark.parametrize("content", ["whole", "cut", "nothing"])
def test_pipes_with_names_are_read_once_and_carried_on(
    stores, tmp_path, monkeypatch, capsys, content
):
    """As the shell gives them for <(command)."""
    monkeypatch.chdir(stores)
    pipe, whole = tmp_path / "pipe", (stores / "features.h5").read_bytes()
    os.mkfifo(pipe)
    sent = {"whole": whole, "cut": whole[: len(whole) // 2], "nothing": b""}[content]
    writer = threading.Thread(target=pipe.write_bytes, args=(sent,))
    writer.start()
    of_pipe, of_file = str(tmp_path / "a.h5"), str(tmp_path / "b.h5")
    status = cli.main([*SECOND["cluster"], str(pipe), "-q", "-o", of_pipe])
    writer.join()
    error = capsys.readouterr().err
    if content != "whole":
        assert status == 1 and str(pipe) in error and len(error.splitlines()) == 1
        return
    assert status == 0
    assert cli.main([*SECOND["cluster"], "features.h5", "--carry", "-q", "-o", of_file]) == 0
    with store.read(of_pipe) as one, store.read(of_file) as other:
        assert one.digests() == other.digests() and "/taps" in "".join(one.digests())
