"""The bundled creatures through link and tune: planted units for parts are told apart, and the trained network comes back."""

import numpy as np
import pytest
from shell import run

from gradtools import store
from gradtools.network import generators, models
from gradtools.selection import tunings
from gradtools.selection.gathering import gather
from gradtools.stages import link, tune

pytest.importorskip("skimage")
CREATURES = "gradtools.bundled.creatures:Creatures"


def linked(model_spec, path, per_class, numbers=None):
    made = generators.load(CREATURES)
    first = made.synth(made.draw([0], [0]))[0]
    model = models.load(model_spec, sample=lambda rules: generators.view(first, rules)[0])
    asked = link.Options(per_class=per_class, repeats=0, resamples=0, seed=1)
    plan = link.make_plan(made, model, asked, numbers, say=lambda line: None)
    return made, model, {one.method: one for one in link.link(plan, path, say=lambda line: None)}


def test_planted_units_change_their_own_parts_most(tmp_path):
    """A network whose units count the pixels of one part each, by their colour: the unit of ears changes ears, of eyes eyes."""
    made, model, _ = linked(
        "planted_parts:PartCounter", str(tmp_path / "link.h5"), 80, numbers=[0, 1, 4]
    )
    with store.read(str(tmp_path / "link.h5")) as source:
        asked = tune.Options(samples=4, svd=0)
        plan = tune.make_plan(source, made, model, asked, lambda line: None)
        tune.tune(plan, str(tmp_path / "t.h5"), say=lambda line: None)
    with store.read(str(tmp_path / "t.h5")) as source:
        tuning = tunings.read(source)
    for unit, part in enumerate(("ear", "eye")):  # a hare's tail is short, so ears move tails too
        effects = {name: abs(tuning.effect(name, "area")[unit]) for name in ("ear", "eye", "body")}
        assert tuning.effect(part, "area")[unit] > 0.15
        assert max(effects, key=effects.__getitem__) == part, effects
        assert tunings.top(tuning, part, "area", 1)[0]["unit"] == unit
    units = tuning.of("unit")
    assert (np.median(tuning.fidelity[units], axis=1) > 0.5).all()


@pytest.mark.slow
def test_trained_classifier_of_creatures_is_linked(tmp_path):
    _, _, results = linked("gradtools.bundled.creatures:trained", str(tmp_path / "link.h5"), 200)
    assert results["linear"].get("r2").value > 0.7
    assert (
        results["linear"].get("agreement").value
        > 0.9
        > 0.5
        > results["null"].get("agreement").value
    )


SIGNATURE = {"hare": "ear", "fox": "tail", "bear": "body", "crane": "leg", "owl": "eye"}


@pytest.mark.slow
def test_moves_to_a_class_grow_the_part_that_makes_it(tmp_path):
    """Classes are nothing but the planted means of some latents: a move to the fox must lengthen the tail, and so on."""
    link_path, moves = str(tmp_path / "link.h5"), str(tmp_path / "moves.h5")
    linked("gradtools.bundled.creatures:trained", link_path, 120)
    ended = run(
        "counterfactual", link_path, "--target", "all", "--samples", "12", "--margin", "5", "--segmenter", "generator", "--keep", "0",
        "--resamples", "200", "-o", moves,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    (subject,) = gather([moves])
    rows = [
        row
        for row in subject.counterfactual["counterfactual", "parts"].rows()
        if row["metric"] == "area" and SIGNATURE.get(row["target"]) == row["part"]
    ]
    assert len(rows) >= 16
    changes, control = (np.array([row[name] for row in rows]) for name in ("change", "random"))
    assert (changes > 0.05).all(), rows
    assert changes.mean() > 0.15 > 0.1 > abs(control.mean())
