"""Moves of stored samples to other classes: exact, retrieved, drawn through a link, resumed."""

import json

import numpy as np
import pytest
from shell import run

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.links import regions
from gradtools.network import generators, models
from gradtools.selection import counterfactuals as selected
from gradtools.selection import gathering
from gradtools.stages import counterfactual, link
from gradtools.stages.counterfactual.drawing import drawing
from gradtools.store import paths

GENERATOR, MODEL = "planted_links:LinearGenerator", "planted_links:LinearClassifier"


def quiet(line):
    """Say nothing."""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """A store of 40 samples of 4 classes whose head reads five units; unit 4 is of no class."""
    path = str(tmp_path_factory.mktemp("moves") / "features.h5")
    rng = np.random.default_rng(0)
    label = np.arange(40) % 4
    r = np.abs(rng.normal(size=(40, 5))) * 0.3
    r[np.arange(40), label] += 2
    weight = np.eye(4, 5)
    with store.create(path, "features", root="nowhere") as sink:
        sink.put(paths.ID, [f"{place:02}.png" for place in range(40)])
        sink.put(paths.LABEL, label.astype("i4"))
        sink.put(paths.CLASS_NAME, ["ant", "bee", "cat", "dog"])
        sink.put(paths.MODEL_CLASS_NAME, ["ant", "bee", "cat", "dog"])
        sink.put(paths.MEMBER, np.eye(4, dtype="u1"))
        sink.put(paths.WEIGHT, weight.astype("f4"))
        sink.put(paths.BIAS, np.zeros(4, "f4"))
        sink.put(paths.EMBEDDING, r.astype("f4"))
        sink.put(paths.PREDICTED, (r @ weight.T).argmax(1).astype("i4"))
    return path


@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    """A link that gives pictures back exactly: a generator and classifier that are linear."""
    path = str(tmp_path_factory.mktemp("linked") / "link.h5")
    made, model = loaded()
    asked = link.Options(per_class=40, repeats=0, resamples=0)
    link.link(link.make_plan(made, model, asked, say=quiet), path, say=quiet)
    return path


def loaded():
    made = generators.load(GENERATOR)
    first = made.synth(made.draw([0], [0]))[0]
    return made, models.load(MODEL, sample=lambda rules: generators.view(first, rules)[0])


def made(path, output, **options):
    lines = []
    with store.read(path) as source:
        asked = counterfactual.Options(**{"target": ("all",)} | options)
        plan = counterfactual.make_plan(source, asked, say=lines.append)
        moves, results = counterfactual.counterfactual(plan, str(output), say=lines.append)
    return plan, moves, results[0], lines


def test_every_move_ends_in_its_class_and_its_ledger_is_the_gain(embedded, tmp_path):
    plan, moves, result, lines = made(embedded, tmp_path / "a.h5", margin=0.1)
    values = moves.values
    assert len(values["sample"]) == 120 and any(
        "40 samples are of their target" in x for x in lines
    )
    logits = values["end"] @ plan.weight.T + plan.bias
    lead = np.sort(logits, 1)[:, -1] - np.sort(logits, 1)[:, -2]
    np.testing.assert_array_equal(logits.argmax(1), values["target"])
    np.testing.assert_allclose(lead, 0.1, atol=1e-6)
    assert (values["end"] >= 0).all()
    start = plan.r[plan.sample] @ plan.weight.T
    rows = np.arange(120)
    gained = [x[rows, plan.target] - x[rows, plan.origin] for x in (start, logits)]
    np.testing.assert_allclose(values["ledger"].sum(1), gained[1] - gained[0], rtol=1e-9)
    assert (values["distance"] >= values["alone"] - 1e-9).all() and not values["ledger"][:, 4].any()
    assert set(result.columns["head"]) == {1.0} and len(result.columns["head"]) == 13


def test_nearest_images_are_those_of_brute_force(embedded, tmp_path):
    plan, moves, _, _ = made(embedded, tmp_path / "a.h5", target=("bee",), where=("class=ant",))
    line = np.linspace(0, 1, 11)[:, None]
    for place, row in enumerate(plan.sample):
        points = plan.r[row] + line * (moves.values["end"][place] - plan.r[row])
        gaps = np.linalg.norm(points[:, None] - plan.r[None], axis=2)
        gaps[:, row] = np.inf
        np.testing.assert_array_equal(gaps.argmin(1), moves.values["nearest"][place])
        np.testing.assert_allclose(gaps.min(1), moves.values["gap"][place])


def test_command_needs_no_generator_and_its_store_is_whole(embedded, tmp_path):
    out, picture = tmp_path / "m.h5", tmp_path / "m.png"
    result = run(
        "counterfactual", embedded, "--target", "cat", "--of", "01.png", "--figure", str(picture), "-o", str(out), "--json"
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    first, second = json.loads(result.stdout)["tables"]
    assert first["id"] == "counterfactual-moves" and second["id"] == "counterfactual-pairs"
    assert "bee" in result.stdout and "needs --link" in result.stdout
    assert picture.stat().st_size > 5000
    checked = run("info", "--check", str(out))
    assert checked.returncode == 0, checked.stderr
    evaluated = run("evaluate", str(out), "--layout", "counterfactual", "--tsv")
    assert evaluated.returncode == 0 and "bee" in evaluated.stdout, evaluated.stderr
    again = run("evaluate", str(out))
    assert again.returncode == 0, again.stderr


def test_pictures_of_an_exact_link_flip_with_the_head(linked, tmp_path):
    """Link, generator and classifier are linear, and the way between two classes lies in what the generator draws."""
    out, picture = tmp_path / "m.h5", tmp_path / "m.png"
    result = run(
        "counterfactual", linked, "--target", "all", "--samples", "6", "--keep", "3", "--figure", str(picture), "-o", str(out), "--tsv"
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    with store.read(str(out)) as source:
        values = {
            name: source.needed(paths.counterfactual(name))
            for name in ("target", "origin", "drawn_predicted", "predicted", "probability")
        }
        drawn = source.needed(paths.counterfactual("drawn_probability"))
        assert source.needed(paths.counterfactual("picture")).shape == (3, 11, 1, 6, 8)
    np.testing.assert_array_equal(values["predicted"][:, -1], values["target"])
    np.testing.assert_array_equal(values["drawn_predicted"][:, -1], values["target"])
    np.testing.assert_array_equal(values["drawn_predicted"][:, 0], values["origin"])
    np.testing.assert_allclose(drawn, values["probability"], atol=0.02)
    assert picture.stat().st_size > 5000


@pytest.fixture(scope="module")
def ellipses(tmp_path_factory):
    """Moves of ellipses from dark to light, in closed form: their light rises, and nothing else changes."""
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("ellipses")
    link_path, moves_path = (str(folder / name) for name in ("link.h5", "moves.h5"))
    result = run(
        "link", "--generator", "planted_links:EllipseGenerator", "--model", "planted_links:Moments", "--per-class", "150",
        "--repeats", "0", "--resamples", "0", "-o", link_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    result = run(
        "counterfactual", link_path, "--target", "all", "--samples", "12", "--margin", "1", "--keep", "2", "--segmenter", "auto",
        "--fields", "--descent", "zero", "--resamples", "200", "-o", moves_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return moves_path


def test_parts_change_along_the_path_as_the_head_says(ellipses):
    """The head reads light alone: a margin of 1 is a light of .6 +- .2, and area and place stay."""
    with store.read(ellipses) as source:
        moves = selected.read(source)
        target = source.needed(paths.counterfactual("target"))
    light = moves.values["metric"][:, :, 1, regions.METRICS.index("luminance")]
    wanted = np.where(target == 1, 0.8, 0.4)
    np.testing.assert_allclose(light[:, -1], wanted, atol=0.03)
    steps = np.diff(light, axis=1)
    assert (np.sign(steps) == np.where(target == 1, 1, -1)[:, None]).all()
    (subject,) = gathering.gather([ellipses])
    rows = list(subject.counterfactual["counterfactual", "parts"].rows())
    assert {(row["origin"], row["target"]) for row in rows} == {
        ("all", "all"),
        ("0", "1"),
        ("1", "0"),
    }
    up = {row["metric"]: row for row in rows if row["target"] == "1" and row["part"] == "ellipse"}
    assert up["luminance"]["low"] > 0.15 and up["luminance"]["difference_low"] > 0
    assert abs(up["area"]["change"]) < 0.03 and abs(up["x"]["change"]) < 0.3
    fields = moves.values["field"]
    np.testing.assert_allclose(fields[:, 3], 1, atol=0.1)  # light reads as a little zoom
    assert np.abs(fields[:, 4]).max() < 3  # no turn


def test_mean_of_a_pair_is_that_of_its_moves_with_an_interval(ellipses):
    with store.read(ellipses) as source:
        moves = selected.read(source)
    (subject,) = gathering.gather([ellipses])
    rows = list(subject.counterfactual["counterfactual", "pairs"].rows())
    values = moves.values
    for row in rows[1:]:
        own = (values["origin"] == int(row["origin"])) & (values["target"] == int(row["target"]))
        assert row["distance"] == pytest.approx(values["distance"][own].mean())
        assert row["distance_low"] < row["distance"] < row["distance_high"]
        assert row["drawn"] == (values["drawn_predicted"][own, -1] == values["target"][own]).mean()
    assert rows[0]["origin"] == "all" and rows[0]["moves"] == len(values["sample"]) == 12


def test_descent_reaches_pictures_of_the_target(ellipses):
    with store.read(ellipses) as source:
        values = selected.read(source).values
    there = values["descent_steps"] >= 0
    assert there.all()
    np.testing.assert_array_equal(values["descent_drawn"], values["target"])
    (subject,) = gathering.gather([ellipses])
    row = next(subject.counterfactual["counterfactual", "pairs"].rows())
    assert row["descent_reached"] == 1 and row["descent_steps"] == values["descent_steps"].mean()


@pytest.mark.parametrize("picture", ["strips", "heat", "curves", "fields"])
def test_pictures_of_moves_are_drawn_again_from_their_store(ellipses, picture, tmp_path):
    path = tmp_path / "p.png"
    result = run("counterfactual", ellipses, "--figure", str(path), "--picture", picture, "--json")
    assert result.returncode == 0, result.stderr
    made = [
        table["id"].removeprefix("counterfactual-") for table in json.loads(result.stdout)["tables"]
    ]
    assert made == ["moves", "pairs", "descent", "parts", "areas"]
    assert path.stat().st_size > 8000


def test_summary_of_moves_has_their_controls(ellipses):
    result = run("evaluate", ellipses)
    assert result.returncode == 0, result.stderr
    assert "picture is of the target" in result.stdout and "random move" in result.stdout


def test_report_has_the_pictures_of_moves(ellipses, tmp_path):
    page = tmp_path / "r.html"
    result = run("report", ellipses, "-o", str(page))
    assert result.returncode == 0, result.stderr
    text = page.read_text()
    for caption in ("to other classes as pictures", "on the way", "by pair of classes"):
        assert caption in text


def test_what_pictures_lack_is_said(embedded, tmp_path):
    out = tmp_path / "m.h5"
    assert (
        run(
            "counterfactual", embedded, "--target", "bee", "--samples", "3", "-o", str(out)
        ).returncode
        == 0
    )
    for picture, message in (("strips", "--keep"), ("curves", "--segmenter"), ("fields", "--keep")):
        result = run(
            "counterfactual", str(out), "--figure", str(tmp_path / "p.png"), "--picture", picture
        )
        assert result.returncode == 2 and message in result.stderr
    result = run("counterfactual", embedded, "--target", "bee", "--descent", "zero")
    assert result.returncode == 2 and "--link" in result.stderr
    result = run("counterfactual", embedded)
    assert result.returncode == 2 and "--target" in result.stderr


def test_killed_moves_resume_to_the_same_values(embedded, tmp_path, monkeypatch):
    original, calls = store.Part.commit, []

    def commit(part, block, arrays):
        original(part, block, arrays)
        calls.append(block.number)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(store.Part, "commit", commit)
    with pytest.raises(KeyboardInterrupt):
        made(embedded, tmp_path / "a.h5")
    monkeypatch.setattr(store.Part, "commit", original)
    lines = made(embedded, tmp_path / "a.h5")[-1]
    assert any(line.startswith("resuming") for line in lines)
    made(embedded, tmp_path / "b.h5")
    with store.read(str(tmp_path / "a.h5")) as a, store.read(str(tmp_path / "b.h5")) as b:
        assert a.digests() == b.digests()


def test_moves_that_do_not_exist_are_counted(embedded, tmp_path, monkeypatch):
    """A class whose row is the mean of the others leads nowhere."""
    with store.read(embedded) as source:
        plan = counterfactual.make_plan(
            source, counterfactual.Options(target=("dog",), where=("class=ant",)), say=quiet
        )
        plan.weight[3] = plan.weight[:3].mean(0)
        lines = []
        _, (result,) = counterfactual.counterfactual(plan, str(tmp_path / "a.h5"), say=lines.append)
    assert any("10 of 10 moves do not exist" in line for line in lines)
    assert result.columns["impossible"].tolist() == [10]
    assert np.isnan(result.columns["distance"]).all()


def test_what_cannot_be_moved_is_refused(embedded, feature_store, linked):
    with store.read(str(feature_store)) as source:
        with pytest.raises(GradtoolsError, match="extract --embedding"):
            counterfactual.make_plan(source, counterfactual.Options(target=("0",)), say=quiet)
    with store.read(embedded) as source:
        with pytest.raises(UsageError, match="cat"):
            counterfactual.make_plan(source, counterfactual.Options(target=("cta",)), say=quiet)
        with pytest.raises(UsageError, match="nothing is moved"):
            counterfactual.make_plan(
                source, counterfactual.Options(target=("ant",), of="00.png"), say=quiet
            )
        with store.read(linked) as holder:
            with pytest.raises(GradtoolsError, match="another network"):
                drawing(source, holder, *loaded())
