"""Links whose answer is known: linear generators, shuffled pairs, too few pairs; resumed links equal uninterrupted ones."""

import dataclasses

import h5py
import numpy as np
import planted_links
import pytest
import torch
from shell import run

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import generators, models
from gradtools.selection import links
from gradtools.selection.gathering import gather
from gradtools.stages import link
from gradtools.store import paths

GENERATOR, MODEL = "planted_links:LinearGenerator", "planted_links:LinearClassifier"
DIGITS = ["--generator", "gradtools.bundled.digit_generator:Digits", "--model", "gradtools.bundled.lenet:digits"]  # fmt: skip


def planned(per_class=60, **options):
    made = generators.load(GENERATOR)
    first = made.synth(made.draw([0], [0]))[0]
    model = models.load(MODEL, sample=lambda rules: generators.view(first, rules)[0])
    asked = link.Options(per_class=per_class, repeats=options.pop("repeats", 3), resamples=50, **options)  # fmt: skip
    lines = []
    return link.make_plan(made, model, asked, say=lines.append), lines


@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("link") / "link.h5")
    plan, _ = planned()
    return path, {result.method: result for result in link.link(plan, path, say=lambda line: None)}


def test_linear_generator_is_linked_exactly_and_pictures_come_back(linked):
    _, results = linked
    of_link = results["linear"]
    assert of_link.get("r2").value > 1 - 1e-5
    assert of_link.get("agreement").value == 1
    assert of_link.get("mse").value < 1e-7
    assert of_link.get("embedding_cosine").value == pytest.approx(1, abs=1e-5)


def test_null_link_and_mean_have_no_r2(linked):
    _, results = linked
    assert results["null"].get("r2").value <= 0 and results["mean"].get("r2").value <= 0
    low, high = results["null"].get("r2")[1:3]
    assert low <= results["null"].get("r2").value <= high


def test_fit_that_is_not_linear_gains_nothing_where_all_is_linear(linked):
    value, low, high, n = linked[1]["difference"].get("r2")
    assert abs(value) < 0.02 and low <= high and n > 10


def test_store_holds_every_pair_once_and_the_pictures_can_be_drawn_again(linked):
    path, _ = linked
    with store.read(path) as source:
        seeds, labels = source.values(paths.LINK_SEED), source.values(paths.LABEL)
        w, r = (source.values(name) for name in (paths.LINK_W, paths.EMBEDDING))
        ids = source.ids
        coef, constant = source.values(paths.LINK_COEF), source.values(paths.LINK_INTERCEPT)
    assert len(set(seeds)) == len(seeds) == 120 and len(set(ids)) == 120
    assert len(np.unique(w, axis=0)) == 120
    made = generators.load(GENERATOR)
    np.testing.assert_allclose(made.draw(seeds[[3, 100]], labels[[3, 100]]), w[[3, 100]], atol=1e-6)
    np.testing.assert_allclose(r @ coef.T + constant, w, atol=2e-3)


def test_evaluate_prints_the_tables_of_a_stored_link(linked):
    result = run("evaluate", linked[0], "--layout", "link", "--tsv")
    assert result.returncode == 0, result.stderr
    assert "shuffled pairs (control)" in result.stdout and "within classes" in result.stdout
    subjects = gather([linked[0]])
    assert subjects[0].link["link", "linear"].get("r2").value == linked[1]["linear"].get("r2").value


def test_summary_says_which_share_is_recognised_and_no_accuracy(linked):
    """All samples of a link are right by construction: the share of draws stands for the accuracy."""
    ended = run("evaluate", linked[0])
    assert ended.returncode == 0, ended.stderr
    with store.read(linked[0]) as source:
        share = 100 * source.n_samples / source.values(paths.LINK_ATTEMPTS).sum()
    assert "accuracy in %" not in ended.stdout
    assert "recognised draws of the generator" in ended.stdout and f"{share:.1f}" in ended.stdout
    refused = run("evaluate", linked[0], "--layout", "confusion")
    assert refused.returncode == 1 and "nothing for --layout confusion" in refused.stderr


def test_check_and_info_of_a_link(linked):
    result = run("info", "--check", linked[0])
    assert result.returncode == 0, result.stdout + result.stderr
    with h5py.File(linked[0]) as file:
        assert file["link/coef"].dims[0][0].name == "/latent"


def test_samples_that_are_not_recognised_are_drawn_again_by_other_seeds(tmp_path):
    plan, lines = planned(per_class=40, psi=4.0)
    path = str(tmp_path / "a.h5")
    link.link(plan, path, say=lines.append)
    with store.read(path) as source:
        attempts, predicted, labels, seeds = (
            source.values(name)
            for name in (paths.LINK_ATTEMPTS, paths.PREDICTED, paths.LABEL, paths.LINK_SEED)
        )
    assert attempts.max() > 1 and (predicted == labels).all() and len(set(seeds)) == 80
    assert any("are recognised" in line for line in lines)


def test_fewer_pairs_than_dimensions_warn_under_least_squares(tmp_path):
    plan, lines = planned(per_class=20, method="ols")
    link.link(plan, str(tmp_path / "a.h5"), say=lines.append)
    assert any("goes through every pair" in line for line in lines)


def test_classes_that_are_not_the_models_are_refused(monkeypatch):
    monkeypatch.setattr(planted_links.LinearGenerator, "n_classes", 3)
    with pytest.raises(UsageError, match="no class of generator"):
        planned()


def test_generator_whose_classes_are_never_recognised_is_said(tmp_path):
    plan, _ = planned()
    flipped = plan.member[::-1].copy()
    wrong = dataclasses.replace(plan, member=flipped)
    with pytest.raises(GradtoolsError, match="recognises none"):
        link.link(wrong, str(tmp_path / "a.h5"), say=lambda line: None)


@pytest.mark.parametrize("stop_after", [1, 2])
def test_killed_link_resumes_to_the_same_values(linked, tmp_path, monkeypatch, stop_after):
    path, calls = str(tmp_path / "a.h5"), []
    original = store.Part.commit

    def commit(part, block, arrays):
        original(part, block, arrays)
        calls.append(block.number)
        if len(calls) == stop_after:
            raise KeyboardInterrupt

    monkeypatch.setattr(store.Part, "commit", commit)
    with pytest.raises(KeyboardInterrupt):
        link.link(planned()[0], path, say=lambda line: None)
    monkeypatch.setattr(store.Part, "commit", original)
    lines = []
    link.link(planned()[0], path, say=lines.append)
    assert any(line.startswith("resuming") for line in lines)
    with store.read(path) as again, store.read(linked[0]) as whole:
        assert again.digests() == whole.digests()


class Doubled(planted_links.LinearGenerator):
    """A generator whose latent `double` is twice w."""

    latents = ("double",)

    def latent(self, w, name):
        return 2 * w

    def synth_latent(self, x, name):
        return self.synth(x / 2)


def test_link_to_another_latent_of_the_generator(linked, tmp_path, monkeypatch):
    """Twice w has twice the coefficients, and draws the same pictures."""
    monkeypatch.setattr(planted_links, "LinearGenerator", Doubled)
    plan, _ = planned(latent="double")
    path = str(tmp_path / "a.h5")
    results = link.link(plan, path, say=lambda line: None)
    with store.read(path) as source, store.read(linked[0]) as of_w:
        coef, expected = (one.values(paths.LINK_COEF) for one in (source, of_w))
        assert source.attributes(paths.LINK)["latent"] == "double"
    np.testing.assert_allclose(coef, 2 * expected, atol=1e-5)
    for name in ("mse", "ssim", "agreement"):
        assert results[0].get(name).value == pytest.approx(
            linked[1]["linear"].get(name).value, abs=1e-5
        )


def test_link_to_z_draws_pictures_under_the_class_that_the_head_answers(tmp_path):
    """z of a class is w less its shift: within a class z is linear in r, so pictures come back under their class."""
    plan, _ = planned(latent="z", psi=0.5)
    path = str(tmp_path / "a.h5")
    results = {one.method: one for one in link.link(plan, path, say=lambda line: None)}
    with store.read(path) as source:
        z, label = source.values(paths.LINK_W), source.values(paths.LABEL)
        r, seeds = source.values(paths.EMBEDDING), source.values(paths.LINK_SEED)
        made = links.read(source)
    source = planted_links.LinearGenerator()
    np.testing.assert_allclose(z, np.concatenate([source.sample(1, int(s)) for s in seeds]))
    pictures = source.synth(source.to_w(torch.from_numpy(z), label, 0.5))
    np.testing.assert_allclose(pictures.reshape(len(z), -1), r, atol=1e-5)
    assert results["linear"].get("agreement").value == 1
    assert results["linear"].get("mse").value < results["mean"].get("mse").value
    logits = np.array([[2.0, 1.0], [0.0, 3.0]])
    np.testing.assert_array_equal(made.answered(logits), [0, 1])


@pytest.mark.parametrize("latent", ["z", "layer1"])
def test_bundled_digits_are_linked_tuned_and_moved_at_other_latents(latent, tmp_path):
    out = [str(tmp_path / name) for name in ("link.h5", "tuning.h5", "moves.h5")]
    ended = run(
        "link", *DIGITS, "--psi", "0.7", "--per-class", "30", "--latent", latent, "--repeats", "0", "--resamples", "0", "-o", out[0]
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    results = gather(out[:1])[0].link
    of_link, null = results["link", "linear"], results["link", "null"]
    assert of_link.get("ssim").value > null.get("ssim").value + 0.02
    assert of_link.get("r2").value > null.get("r2").value + 0.05
    ended = run("tune", out[0], "--samples", "2", "--unit", "0", "--unit", "5", "--unit", "9", "-o", out[1])  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    ended = run("counterfactual", out[0], "--target", "three", "--samples", "5", "-o", out[2])
    assert ended.returncode == 0, ended.stderr
    with store.read(out[2]) as source:
        start, origin = (
            source.needed(paths.counterfactual(name)) for name in ("drawn_predicted", "origin")
        )
    if latent == "z":  # drawn under the class that the head answers
        assert (start[:, 0] == origin).mean() > 0.7


def test_pairs_of_a_file_take_the_place_of_samples(linked, tmp_path):
    with store.read(linked[0]) as source:
        w, r = source.values(paths.LINK_W), source.values(paths.EMBEDDING)
    np.savez(tmp_path / "pairs.npz", w=w, r=r)
    made = generators.load(GENERATOR)
    plan, _ = planned()
    asked = link.Options(repeats=2, resamples=20)
    given = link.make_plan(
        made, plan.classifier.model, asked, pairs_file=str(tmp_path / "pairs.npz"), say=print
    )
    results = link.link(given, str(tmp_path / "a.h5"), say=lambda line: None)
    assert results[0].get("r2").value > 0.999
    np.savez(tmp_path / "short.npz", w=w[:, :3], r=r)
    with pytest.raises(UsageError, match="w must have shape"):
        link.make_plan(made, plan.classifier.model, asked, pairs_file=str(tmp_path / "short.npz"))


def test_unconditional_generator_has_the_classes_of_the_argmax(tmp_path):
    made = generators.load("planted_links:EllipseGenerator")
    first = made.synth(made.draw([0]))[0]
    model = models.load(
        "planted_links:Moments", sample=lambda rules: generators.view(first, rules)[0]
    )
    lines = []
    asked = link.Options(per_class=120, repeats=0, resamples=20)
    plan = link.make_plan(made, model, asked, say=lines.append)
    results = link.link(plan, str(tmp_path / "a.h5"), say=lines.append)
    with store.read(str(tmp_path / "a.h5")) as source:
        assert (source.values(paths.LABEL) == source.values(paths.PREDICTED)).all()
    assert any("unconditional" in line for line in lines)
    assert results[0].get("r2").value > 0.95


def test_bundled_digits_come_back(tmp_path):
    out, picture = str(tmp_path / "link.h5"), tmp_path / "cycled.png"
    result = run(
        "link", *DIGITS, "--psi", "0.7", "--per-class", "40", "--repeats", "2", "--resamples", "50",
        "--embedder", "gradtools.bundled.scene_resnet:resnet8", "--figure", str(picture), "-o", out, "--tsv",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert picture.stat().st_size > 10_000
    subject = gather([out])[0]
    of_link, null = (subject.link["link", kind] for kind in ("linear", "null"))
    assert of_link.get("agreement").value > 0.8 > null.get("agreement").value
    assert of_link.get("perceptual").value < null.get("perceptual").value
    assert of_link.get("r2").value > 0.4 > 0.01 > null.get("r2").value
