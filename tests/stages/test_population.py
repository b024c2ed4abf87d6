"""The population of a tuning: planted groups of units are named, decoys stand beside, and the command draws all of it."""

import json

import numpy as np
import pytest
from shell import run

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.math.links import regions
from gradtools.selection import populations, tunings
from gradtools.stages.tune import population
from gradtools.store import paths

pytest.importorskip("skimage")
PARTS = ["background", "ear", "leg", "tail", "eye"]


def planted(units=48, samples=8):
    """A tuning of units that change the area of ears or legs (down), a tail that is never measured, and decoys."""
    rng = np.random.default_rng(2)
    change = np.full((2 * units, samples, len(PARTS), len(regions.METRICS)), np.nan)
    change[..., 0] = 0.05 * rng.normal(size=change.shape[:3])
    change[: units // 2, :, 1, 0] += 0.8
    change[units // 2 : units, :, 2, 0] -= 0.6
    change[units:, :, :, 0] += 0.2 * rng.normal(size=(units, 1, len(PARTS)))
    change[:, :, 3, 0] = np.nan
    group = np.arange(units) < units // 2
    active = np.where(group[:, None] == group[None], 0.9, -0.9)
    nothing = np.zeros((2 * units, samples))
    return tunings.Tuning(
        ["unit"] * units + ["random"] * units,
        np.concatenate([np.arange(units)[::-1]] * 2),
        PARTS,
        change,
        nothing,
        nothing,
        nothing,
        np.zeros(2 * units),
        np.arange(samples) % 2,
        coactivation=np.stack([active, np.eye(units)]),
    )


def test_planted_groups_of_units_are_named_and_exceed_decoys():
    tuning = planted()
    units = populations.of_tuning(tuning, "area")
    assert units.parts == ["ear", "leg", "eye"] and units.left_out == 0
    assert units.clear.all() and set(units.strongest) == {0, 1}
    by_method = {one.method: one for one in population.results(tuning, ["hare", "owl"])}
    clusters = by_method["clusters"]
    assert sorted(clusters.columns["parts"]) == ["+ear", "-leg"]
    assert clusters.facts["stability"] == 1 > clusters.facts["stability_decoys"]
    assert clusters.columns["clear"].tolist() == clusters.columns["units"].tolist() == [24, 24]
    sparsity = list(by_method["sparsity"].rows())
    assert [row["class"] for row in sparsity] == ["all", "hare", "owl"]
    assert sparsity[0]["low"] > 0 and sparsity[0]["value"] > 0.85 and np.isnan(sparsity[1]["low"])
    together = {(row["a"], row["b"]): row["value"] for row in by_method["concepts"].rows()}
    assert together["ear", "leg"] < -0.5 and len(together) == 3
    alike = list(by_method["alike"].rows())
    assert alike[0]["value"] > 0.9 and alike[0]["p"] < 0.01 < alike[0]["decoys_p"]


def test_units_without_a_part_are_left_out_and_one_part_is_no_population():
    tuning = planted()
    tuning.change[3, :, 4] = np.nan
    units = populations.of_tuning(tuning, "area")
    assert units.left_out == 1 and len(units.number) == 47
    places = np.searchsorted(tuning.of("unit"), units.row)
    np.testing.assert_array_equal(tuning.number[units.row], np.arange(48)[::-1][places])
    tuning.change[:, :, 2] = tuning.change[:, :, 4] = np.nan
    with pytest.raises(GradtoolsError, match="measured of 1 beside the background"):
        populations.of_tuning(tuning, "area")
    assert population.results(tuning, ["hare", "owl"]) == []


def test_gallery_has_the_sparsest_units_and_decoys():
    tuning = planted()
    units = populations.of_tuning(tuning, "area")
    places, clear = populations.sparsest(units, 5)
    from gradtools.math.links.population import hoyer

    assert clear and hoyer(units.vectors)[places].min() >= np.sort(hoyer(units.vectors))[-5]
    rows = populations.gallery(units, places)
    assert all(row["unit"] == tuning.number[row["row"]] for row in rows)
    decoys = populations.gallery(units, populations.sparsest_decoys(units, 2), decoys=True)
    assert [row["row"] >= 48 for row in decoys] == [True, True]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """Eight units of the bundled creatures' classifier, tuned on five samples."""
    folder = tmp_path_factory.mktemp("population")
    link, tuning = (str(folder / name) for name in ("link.h5", "tuning.h5"))
    bundled = "gradtools.bundled.creatures"
    ended = run(
        "link", "--generator", f"{bundled}:Creatures", "--model", f"{bundled}:trained", "--per-class", "20",
        "--repeats", "0", "--resamples", "0", "-o", link,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    chosen = [word for unit in (8, 3, 1, 2, 16, 19, 20, 22) for word in ("--unit", str(unit))]
    ended = run("tune", link, *chosen, "--samples", "5", "--svd", "0", "--keep", "2", "-o", tuning)
    assert ended.returncode == 0, ended.stderr
    return link, tuning


def test_tuning_keeps_masks_and_co_activation(tuned):
    with store.read(tuned[1]) as source, store.read(tuned[0]) as link:
        tuning = tunings.read(source)
        r = link.values(paths.EMBEDDING)
        kinds = source.texts(paths.tuning("kind"))
    units = [number for number, kind in zip(tuning.number, kinds) if kind == "unit"]
    np.testing.assert_allclose(
        tuning.coactivation[0], np.corrcoef(r[:, units], rowvar=False), atol=1e-5
    )
    assert tuning.mask.shape == (*tuning.picture.shape[:3], *tuning.picture.shape[-2:])
    areas = [(tuning.mask[:, :, :, :, :] == place).sum((3, 4)) for place in range(7)]
    measured = tuning.metric[:, :2, :, :, 0]
    for place, area in enumerate(areas):
        known = np.isfinite(measured[..., place])
        np.testing.assert_array_equal(area[known], measured[..., place][known])
    assert run("info", "--check", tuned[1]).returncode == 0


@pytest.mark.parametrize("picture", ["gallery", "tsne", "heat", "sparsity"])
def test_command_draws_the_population(tuned, picture, tmp_path):
    path = tmp_path / "p.png"
    ended = run(
        "tune", tuned[1], "--population", "-k", "3", "--figure", str(path), "--picture", picture, "--json"
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    made = {table["id"]: table for table in json.loads(ended.stdout)["tables"]}
    assert len(made) == 4
    assert len(made["population-clusters"]["rows"]) == 3 * 5  # three clusters, five cells each
    assert path.stat().st_size > 8000


def test_masks_are_drawn_with_their_metric_and_evaluate_prints_the_population(tuned, tmp_path):
    path = tmp_path / "m.png"
    ended = run(
        "tune", tuned[1], "--of", "head", "--top", "2", "--figure", str(path), "--picture", "masks"
    )
    assert ended.returncode == 0 and path.stat().st_size > 8000, ended.stderr
    ended = run("evaluate", tuned[1], "--layout", "tuning", "--tsv")
    assert ended.returncode == 0, ended.stderr
    for table in ("sparsity", "clusters", "concepts", "coactivation"):
        assert f"population-{table}" in ended.stdout


def test_report_has_the_pictures_of_links_and_tunings(tuned, tmp_path):
    page = tmp_path / "r.html"
    ended = run("report", *tuned, "-o", str(page))
    assert ended.returncode == 0, ended.stderr
    text = page.read_text()
    for caption in (
        "what comes back of them",
        "over their range",
        "each part, beside random",
        "in how few parts",
    ):
        assert caption in text
    assert "recognised draws" in text and "accuracy in %" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--of", "ear", "--picture", "tsne"), "goes with --population"),
        (("--population", "--picture", "masks"), "goes with --of"),
        (("--population", "-k", "8"), "between 2 and 7"),
        (("--population", "--of", "ear"), "name one of them"),
        (("--figure", "x.png"), "name a part with --of, or --population"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(tuned, words, message):
    ended = run("tune", tuned[1], *words)
    assert ended.returncode == 2 and message in ended.stderr
