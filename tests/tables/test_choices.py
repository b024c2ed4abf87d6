"""The headline under every choice: each row is a paired difference, sorted, and the share is counted."""

import dataclasses

import numpy as np
import pytest
from planted import plant, write
from shell import call

from gradtools import store
from gradtools.stages import evaluate, similarity
from gradtools.tables import choices

NAMES = ("gradient@conv", "gradient@block", "activation", "logits")


def quiet(line):
    """Nobody reads the lines of the stages here."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Two networks under two normalisations of rows, each in a store of its own."""
    folder, paths = tmp_path_factory.mktemp("choices"), []
    for number in (1, 2):
        model = {"model": f"net.py:n{number}", "weights_sha256": f"{number:064}", "score": "logit"}
        data = dataclasses.replace(plant(40, seed=number), model=model | {"target": "argmax"})
        with store.read(write(folder / f"{number}.h5", data)) as source:
            for rows in ("raw", "gauge"):
                paths.append(str(folder / f"{number}-{rows}.h5"))
                options = similarity.Options(
                    resamples=30, permutations=10, feature=NAMES, rows=rows
                )
                similarity.similarity(source, paths[-1], options, say=quiet)
    return paths


def test_every_choice_is_a_paired_difference_and_they_are_sorted(stores):
    curves = {curve.id: curve for curve in choices.curves(evaluate.gather(stores, joined=False))}
    curve = curves["choices-pair-auc"]
    assert len(curve.choices) == 2 * 2 * 2 * 2  # networks, rows, gradients, other features
    values = [choice.difference.value for choice in curve.choices]
    assert values == sorted(values, reverse=True)
    assert curve.share() == np.mean(np.array(values) > 0)
    assert set(curve.names) == {"model", "gradient at", "against", "rows"}
    expected = []
    for path in stores:
        with store.read(path) as source:
            auc = {}
            for name in ("gradient@conv", "gradient@block", "activation@block", "logits"):
                columns, _ = source.table(f"/similarity/{name}/cosine")
                auc[name] = columns["value"][columns["statistic"].index("auc")]
        expected += [
            auc[gradient] - auc[other]
            for gradient in ("gradient@conv", "gradient@block")
            for other in ("activation@block", "logits")
        ]
    assert sorted(expected) == pytest.approx(values[::-1])


def test_the_layout_and_its_picture(capsys, stores, tmp_path):
    path = tmp_path / "c.png"
    ended = call(
        *(capsys, "evaluate", *stores, "--layout", "choices"),
        *("--picture", "choices", "--figure", path),
    )
    assert ended.status == 0 and "of 16 choices" in ended.out, ended.err
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert call(capsys, "evaluate", *stores[:2], "--layout", "similarity").status == 1
