"""Creatures: what they are drawn from is what their masks show, classes differ by their rules alone."""

import math

import numpy as np
import torch

from gradtools.bundled import creatures
from gradtools.network import training
from gradtools.training import creature_network


def test_masks_have_the_area_of_the_ellipses_on_top():
    """Eyes and the parts of ears outside the head lie on nothing else: area pi a b of each."""
    w = torch.zeros(3, 12)
    w[1, creatures.LATENTS.index("eye size")] = 2.0
    w[2, creatures.LATENTS.index("ear length")] = 2.0
    made = creatures.Creatures()
    areas = {
        part: (made.masks(w) == number).sum((1, 2)).numpy()
        for number, part in enumerate(creatures.PARTS)
    }
    eyes = [one for one in creatures.ellipses(w) if one.part == "eye"]
    expected = sum(math.pi * one.a * one.b for one in eyes).numpy()
    np.testing.assert_allclose(areas["eye"], expected, rtol=0.15)
    assert areas["eye"][1] > areas["eye"][0] == areas["eye"][2]
    assert areas["ear"][2] > areas["ear"][0] == areas["ear"][1]


def test_pixels_far_inside_a_part_have_its_colour():
    w = torch.zeros(1, 12)
    picture = creatures.Creatures().synth(w)[0]
    body = next(one for one in creatures.ellipses(w) if one.part == "body")
    pixel = picture[:, int(body.y), int(body.x)]
    torch.testing.assert_close(pixel, torch.tensor(creatures.COLOURS["body"]), atol=1e-3, rtol=0)
    torch.testing.assert_close(picture[:, 1, 1], torch.tensor(creatures.GROUND), atol=1e-4, rtol=0)


def test_classes_are_the_planted_means():
    made = creatures.Creatures()
    labels = torch.arange(5).repeat_interleave(400)
    w = made.to_w(made.sample(2000, 3), labels)
    for number, name in enumerate(creatures.CLASSES):
        rule = [creatures.RULES[name].get(latent, 0.0) for latent in creatures.LATENTS]
        error = w[labels == number].mean(0).numpy() - rule
        assert np.abs(error).max() < 4.5 * creatures.SPREAD / 20  # of 60 means of 400
    assert torch.equal(made.to_w(made.sample(1, 0), [1], psi=0.0)[0], made.centres[1])


def test_shipped_classifier_reads_fresh_creatures():
    fresh = creature_network.batch_of(torch.Generator().manual_seed(2), 300)
    assert training.accuracy(creatures.trained(), *fresh) > 0.93
