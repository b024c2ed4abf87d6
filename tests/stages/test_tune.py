"""Tuning of links whose units are known: an ellipse whose classifier reads its place, axes, turn and light."""

import numpy as np
import pytest
from shell import run

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.links import flow, regions
from gradtools.network import generators, models
from gradtools.network.generators import acceptance, segmenting
from gradtools.selection import links, tunings
from gradtools.stages import link, tune
from gradtools.store import paths

pytest.importorskip("skimage")
GENERATOR, MODEL = "planted_links:EllipseGenerator", "planted_links:Moments"


@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    """A link of the ellipse: w is nearly an affine map of the six moments."""
    path = str(tmp_path_factory.mktemp("tune") / "link.h5")
    made, model = loaded()
    asked = link.Options(per_class=150, repeats=0, resamples=0)
    link.link(
        link.make_plan(made, model, asked, say=lambda line: None), path, say=lambda line: None
    )
    return path


def loaded():
    made = generators.load(GENERATOR)
    first = made.synth(made.draw([0]))[0]
    return made, models.load(MODEL, sample=lambda rules: generators.view(first, rules)[0])


def planned(source, **options):
    lines = []
    asked = tune.Options(**{"samples": 3, "svd": 2, "keep": 2} | options)
    return tune.make_plan(source, *loaded(), asked, lines.append), lines


@pytest.fixture(scope="module")
def tuned(linked, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("tuned") / "tuning.h5")
    with store.read(linked) as source:
        plan, lines = planned(source)
        tune.tune(plan, path, say=lines.append)
    return path, lines


def test_units_change_what_they_stand_for(tuned):
    """Unit 5 is the light, unit 2 the long axis, unit 0 the place across: in closed form of the ellipse's own scales."""
    with store.read(tuned[0]) as source:
        tuning = tunings.read(source)
        low, high = source.values(paths.tuning("low")), source.values(paths.tuning("high"))
    effects = {metric: tuning.effect("ellipse", metric) for metric in regions.METRICS}
    span = high - low
    assert effects["luminance"][5] == pytest.approx(span[5], rel=0.05)
    assert abs(effects["area"][5]) < 0.02 and abs(effects["x"][5]) < 0.2
    assert (
        effects["x"][0] == pytest.approx(span[0], rel=0.05) and abs(effects["luminance"][0]) < 0.01
    )
    assert effects["major"][2] == pytest.approx(2 * span[2], rel=0.1)
    assert effects["area"][2] > 0.03 < effects["eccentricity"][2]


def test_units_of_an_exact_link_move_themselves_and_most(tuned):
    with store.read(tuned[0]) as source:
        tuning = tunings.read(source)
    units = tuning.of("unit")
    assert len(units) == 6 and len(tuning.of("svd")) == 2 and len(tuning.of("random")) == 6
    np.testing.assert_allclose(np.median(tuning.fidelity[units], axis=1), 1, atol=0.1)
    assert (np.median(tuning.selectivity[units], axis=1) == 1).all()


def test_number_of_pictures_and_their_size_are_said_before(tuned):
    line = next(line for line in tuned[1] if "pictures are drawn" in line)
    assert "14 directions x 3 samples x 3 steps: 126 pictures" in line
    assert "those of 2 samples are kept: 0.2 MB" in line


def test_store_is_whole_and_lists_and_draws_its_units(tuned, tmp_path):
    result = run("info", "--check", tuned[0])
    assert result.returncode == 0, result.stderr
    picture = tmp_path / "units.png"
    result = run(
        "tune", tuned[0], "--of", "ellipse", "--metric", "luminance", "--top", "3", "--figure", str(picture), "--tsv"
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[1].split("\t")[:3] == ["tuning-top", "", "5"]
    assert picture.stat().st_size > 5000
    fields = tmp_path / "fields.png"
    result = run(
        "tune", tuned[0], "--of", "ellipse", "--top", "1", "--picture", "fields", "--figure", str(fields)
    )  # fmt: skip
    assert result.returncode == 0 and fields.stat().st_size > 5000, result.stderr
    wrong = run("tune", tuned[0], "--of", "elipse")
    assert wrong.returncode == 2 and "ellipse" in wrong.stderr
    evaluated = run("evaluate", tuned[0], "--layout", "tuning", "--tsv")
    assert evaluated.returncode == 0 and "luminance" in evaluated.stdout, evaluated.stderr


def test_killed_tuning_resumes_to_the_same_values(linked, tuned, tmp_path, monkeypatch):
    path, calls = str(tmp_path / "a.h5"), []
    original = store.Part.commit

    def commit(part, block, arrays):
        original(part, block, arrays)
        calls.append(block.number)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with store.read(linked) as source:
        monkeypatch.setattr(store.Part, "commit", commit)
        with pytest.raises(KeyboardInterrupt):
            tune.tune(planned(source)[0], path, say=lambda line: None)
        monkeypatch.setattr(store.Part, "commit", original)
        lines = []
        tune.tune(planned(source)[0], path, say=lines.append)
    assert any(line.startswith("resuming") for line in lines)
    with store.read(path) as again, store.read(tuned[0]) as whole:
        assert again.digests() == whole.digests()


def test_another_network_or_generator_is_refused(linked, monkeypatch):
    made, model = loaded()
    with store.read(linked) as source:
        other = models.load("gradtools.bundled.lenet:digits")
        with pytest.raises(GradtoolsError, match="another network"):
            tune.make_plan(source, made, other, tune.Options())
        digits = generators.load("gradtools.bundled.digit_generator:Digits")
        with pytest.raises(GradtoolsError, match="another generator"):
            tune.make_plan(source, digits, model, tune.Options())
        with pytest.raises(UsageError, match="numbered from 0"):
            planned(source, units=(9,))


def test_command_reads_the_networks_of_the_link(linked, tmp_path):
    out = str(tmp_path / "t.h5")
    result = run(
        "tune", linked, "--samples", "2", "--svd", "0", "--unit", "5", "--segmenter", "threshold:0.1", "--fields", "-o", out
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    with store.read(out) as source:
        tuning = tunings.read(source)
        fields = source.values(paths.tuning("field"))
        span = (source.values(paths.tuning("high")) - source.values(paths.tuning("low")))[0]
    assert tuning.parts == ["background", "object"] and fields.shape == (2, 2, len(flow.FIELDS))
    assert tuning.effect("object", "luminance")[0] == pytest.approx(span, rel=0.05)


def test_examples_are_held_out_and_of_every_class_in_turn(linked):
    with store.read(linked) as source:
        made = links.read(source)
    rows = links.examples(made, 6, 0)
    assert made.held[rows].all() and len(set(rows)) == 6
    np.testing.assert_array_equal(made.label[rows], [0, 1] * 3)


@pytest.mark.slow
def test_few_shot_segmenter_learns_masks_of_features(tmp_path, monkeypatch):
    """Parts are the sign of one feature map: ten annotated pictures are enough for others."""
    import torch

    class Made:
        def sample(self, n, seed):
            return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))

        def features(self, w):
            y, x = torch.meshgrid(torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 8), indexing="ij")
            return [(w[:, :1, None, None] * x + w[:, 1:2, None, None] * y)]

        def synth(self, w):
            return torch.sigmoid(self.features(w)[0])

    monkeypatch.setattr(segmenting, "EPOCHS", 8)
    made = acceptance.accept(Made(), "made", "0")
    w = made.draw(range(14))
    mask = (made.features(w.numpy())[0][:, 0] > 0).long().numpy()
    np.savez(
        tmp_path / "few.npz", w=w[:10].numpy(), mask=mask[:10], parts=np.array(["under", "over"])
    )
    segmenter = segmenting.find(f"few-shot:{tmp_path / 'few.npz'}", made, lambda line: None)
    assert segmenter.parts == ("under", "over")
    right = segmenter.find(w[10:].numpy(), made.synth(w[10:])[0], None) == mask[10:]
    assert right.mean() > 0.9


def test_segmenters_that_are_not_there_are_usage_errors(tmp_path):
    made = generators.load("gradtools.bundled.digit_generator:Digits")
    for text, message in (
        ("generator", "no masks"),
        ("threshold:high", "number"),
        ("sky", "write auto"),
        ("few-shot:none.npz", "must be NPZ"),
    ):
        with pytest.raises(UsageError, match=message):
            segmenting.find(text, made)
    (tmp_path / "parts.py").write_text(
        "PARTS = ('a', 'b')\ndef find(picture):\n    return picture[..., 0] > 0.5\n"
    )
    segmenter = segmenting.find(f"{tmp_path / 'parts.py'}:find", made)
    pictures = made.synth(made.draw([0, 1], [3, 4]))[0]
    np.testing.assert_array_equal(
        segmenter.find(None, pictures, None), (pictures[:, 0] > 0.5).long()
    )
