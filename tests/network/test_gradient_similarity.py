"""The training term against a loop over pairs, finite differences, and the case where it is 0."""

import itertools
import re

import pytest
import torch
from torch import nn

import gradtools as gt
from gradtools import cli
from gradtools.errors import GradtoolsError
from gradtools.stages import help as pages


@pytest.fixture
def case():
    """A smooth network in float64, its input, and labels with pairs."""
    torch.manual_seed(0)
    below = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.Tanh()).double()
    above = nn.Sequential(
        nn.Conv2d(5, 4, 3), nn.Softplus(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    ).double()
    return below, above, torch.randn(6, 3, 6, 6).double(), torch.tensor([0, 1, 0, 2, 1, 0])


def term(below, above, x, labels):
    """The term at the output of `below`."""
    tap = below(x)
    scores = above(tap)[torch.arange(len(x)), labels]
    return gt.gradient_similarity(scores, tap, labels)


def test_it_is_the_mean_of_a_loop_over_pairs(case):
    below, above, x, labels = case
    weights = []
    for image, label in zip(x, labels):
        tap = below(image[None])
        (gradient,) = torch.autograd.grad(above(tap)[0, label], tap)
        weights.append(gradient[0].mean(dim=(1, 2)))
    distances = [
        1 - (a @ b / (a.norm() * b.norm()))
        for (a, one), (b, other) in itertools.combinations(zip(weights, labels), 2)
        if one == other
    ]
    assert len(distances) == 4
    expected = sum(distances) / len(distances)
    assert term(below, above, x, labels).item() == pytest.approx(expected.item(), abs=1e-14)


def test_its_gradient_is_that_of_finite_differences(case):
    below, above, x, labels = case
    parameters = [*below.parameters(), *above.parameters()]
    gradients = torch.autograd.grad(term(below, above, x, labels), parameters, allow_unused=True)
    step, checked = 1e-5, 0
    for parameter, gradient in zip(parameters, gradients):
        for place in range(0, parameter.numel(), 7):
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    parameter.view(-1)[place] += sign * step
                values.append(term(below, above, x, labels).item())
                with torch.no_grad():
                    parameter.view(-1)[place] -= sign * step
            expected = (values[0] - values[1]) / (2 * step)
            exact = 0.0 if gradient is None else gradient.reshape(-1)[place].item()
            assert exact == pytest.approx(expected, abs=1e-8)
            checked += abs(expected) > 1e-6
    assert checked > 10


def test_it_is_0_at_the_block_before_pooling_and_a_linear_layer(case):
    below, _, x, labels = case
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)).double()
    value = term(below, head, x, labels)
    gradients = torch.autograd.grad(value, [*below.parameters()], allow_unused=True)
    assert abs(value.item()) < 1e-14
    assert all(gradient is None or gradient.abs().max() < 1e-14 for gradient in gradients)


def test_rows_without_a_direction_and_classes_without_a_pair_give_0(case):
    below, above, x, labels = case
    assert term(below, above, x, torch.arange(6) % 3 + torch.tensor([0] * 6)) >= 0
    with pytest.raises(GradtoolsError, match="one score"):
        gt.gradient_similarity(torch.zeros(5), torch.zeros(6, 2), labels)
    with pytest.raises(GradtoolsError, match="do not depend"):
        gt.gradient_similarity(torch.zeros(6), torch.zeros(6, 2, requires_grad=True), labels)
    tap = below(x[:2])
    alone = gt.gradient_similarity(above(tap)[torch.arange(2), labels[:2]], tap, labels[:2])
    assert alone.item() == 0 and alone.requires_grad


def test_it_can_be_lowered_by_training(case):
    below, above, x, labels = case
    optimizer = torch.optim.Adam([*below.parameters(), *above.parameters()], 0.02)
    before = term(below, above, x, labels).item()
    for _ in range(20):
        optimizer.zero_grad()
        term(below, above, x, labels).backward()
        optimizer.step()
    assert term(below, above, x, labels).item() < before / 2


def run_the_page(settings=None):
    """Run what the section shows, with other numbers of steps, scenes and seeds."""
    text = pages.text("mathematics#gradient-similarity-as-a-loss")
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    line = "STEPS, NUMBER, SEEDS = 150, 100, 3"
    assert line in code
    exec(compile(code.replace(line, settings or line), "the page", "exec"), {})


def test_what_the_page_shows_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_the_page("STEPS, NUMBER, SEEDS = 2, 8, 1")
    for share in (0, 1):
        opened = gt.open(f"term{share}-seed0.h5")
        assert len(opened.ids) == 20 and "gradient@layer2" in opened.features


@pytest.mark.slow
def test_what_the_page_says_was_measured(tmp_path, monkeypatch, capsys):
    """Training is not the same on every processor, so signs are held and no digits."""
    monkeypatch.chdir(tmp_path)
    run_the_page()
    within, stores = {0: [], 1: []}, []
    for share in (0, 1):
        for seed in range(3):
            opened = gt.open(f"term{share}-seed{seed}.h5")
            assert opened.samples["correct"].mean() > 0.5
            table = gt.similarity(opened, feature="gradient@layer2", resamples=0, permutations=0)
            within[share].append(table.rows[0]["within class"].value)
            stores.append(f"s{share}{seed}.h5")
            assert (
                cli.main(["similarity", opened.path, "-o", stores[-1], "-q", "--no-intervals"]) == 0
            )
    assert sum(within[1]) > sum(within[0])
    assert cli.main(["evaluate", *stores]) == 0
    assert "accuracy" in capsys.readouterr().out
