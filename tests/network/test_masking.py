"""Images times masks: full batches, fills, curves, against loops and scipy."""

import types

import numpy as np
import pytest
import torch
from networks import Toy
from scipy import ndimage

from gradtools.errors import UsageError
from gradtools.network import masking

RULES = {"resize": None, "crop": None, "mean": (0.5, 0.4, 0.3), "std": (0.25, 0.2, 0.3)}


def job(batch_size=4, **options):
    """What masking asks of a job, around the toy network."""
    torch.manual_seed(0)
    options = {"device": "cpu", "dtype": "float64", "score": "logit", "temperature": 1.0, **options}
    options = types.SimpleNamespace(batch_size=batch_size, **options)
    network = Toy().double().eval()
    model = types.SimpleNamespace(
        preprocess=RULES, rules=RULES, spec="toy", head=types.SimpleNamespace(name="classifier")
    )
    return types.SimpleNamespace(options=options, network=network, model=model, taps=[], target=1)


def pixels(count=3, side=9):
    return np.random.default_rng(0).integers(0, 256, (count, 3, side, side), dtype="u1")


def by_hand(image, mask, fill):
    """The definition, pixel by pixel value: (3, H, W) float64."""
    x = image.astype(float)
    if fill == "blur":
        sd = masking.BLUR * image.shape[2]
        radius = max(1, int(np.ceil(3 * sd)))
        smooth = np.stack(
            [ndimage.gaussian_filter(one, sd, mode="nearest", radius=radius) for one in x]
        )
        x = x * mask + smooth * (1 - mask)
    elif fill == "black":
        x = x * mask
    mean, std = (np.array(RULES[name])[:, None, None] for name in ("mean", "std"))
    normalised = (x / 255 - mean) / std
    return normalised * mask if fill == "mean" else normalised


@pytest.mark.parametrize("fill", masking.FILLS)
def test_fills_equal_the_definition_in_any_order_of_images(fill):
    made, images, rng = job(), pixels(3, 40), np.random.default_rng(1)
    batch = [(row, rng.random((40, 40)).astype("f4")) for row in (2, 0, 2, 1)]
    batch[1] = (0, batch[1][1].T)  # a mask of another order in memory
    values = masking.masked(made, masking.layers(made, images, fill), batch)
    assert values.is_contiguous(memory_format=torch.channels_last)
    expected = np.stack([by_hand(images[row], mask, fill) for row, mask in batch])
    assert values.numpy() == pytest.approx(expected, abs=2e-5)


def test_what_a_model_of_its_own_preprocessing_reads_is_multiplied():
    made, rng = job(dtype="float32"), np.random.default_rng(1)
    images, mask = rng.normal(size=(2, 1, 9, 9)).astype("f4"), rng.random((9, 9)).astype("f4")
    values = masking.masked(made, masking.layers(made, images, "mean"), [(1, mask)])
    assert np.array_equal(values[0].numpy(), images[1] * mask)


@pytest.mark.parametrize("fill", masking.FILLS)
def test_scores_equal_a_loop_in_batches_that_are_always_full(fill):
    made, images = job(), pixels()
    rng = np.random.default_rng(2)
    shown = [(int(rng.integers(3)), rng.random((9, 9)).astype("f4")) for _ in range(6)]
    members = np.array([[True, False], [False, True], [True, True]])[rng.integers(0, 3, 6)]
    sizes = []

    def score(x, places):
        sizes.append(len(x))
        return masking.probability(made, x, members[places])

    scores = masking.scores(made, images, iter(shown), fill, score)
    assert sizes == [4, 4] and scores.shape == (6,)
    for value, (row, mask), member in zip(scores, shown, members):
        x = torch.from_numpy(by_hand(images[row], mask, fill))[None]
        expected = made.network(x).softmax(1)[0, torch.from_numpy(member)].sum()
        assert value == pytest.approx(float(expected.detach()), abs=1e-5)


def test_a_mask_of_ones_changes_nothing_wherever_it_stands_in_a_batch():
    made, images = job(dtype="float32"), pixels()
    made.network.float()
    ones = np.ones((9, 9), "f4")
    shown = [(row, mask) for row in range(3) for mask in (ones, ones / 2, ones)]
    members = np.ones((9, 2), bool) * [True, False]
    scores = masking.scores(
        made, images, shown, "black", lambda x, at: masking.probability(made, x, members[at])
    ).reshape(3, 3)
    assert np.array_equal(scores[:, 0], scores[:, 2]) and (scores[:, 0] != scores[:, 1]).all()


def test_pairs_are_compared_by_the_input_of_the_head():
    made, images = job(), pixels()
    ones = [(row, np.ones((9, 9), "f4")) for row in range(3)]
    vectors = masking.scores(made, images, ones, "black", lambda x, _: masking.embedding(made, x))
    x = torch.from_numpy(np.stack([by_hand(one, 1, "black") for one in images]))
    expected = made.network.body(made.network.stem(x).relu()).mean((2, 3)).detach().numpy()
    assert vectors == pytest.approx(expected, abs=1e-5)
    a, b = vectors[:2], vectors[1:]
    cosine = [x @ y / np.sqrt(x @ x * (y @ y)) for x, y in zip(a, b)]
    assert masking.similarity(a, b, "cosine") == pytest.approx(cosine)
    assert masking.similarity(a, b, "dot") == pytest.approx([x @ y for x, y in zip(a, b)])


def test_curves_take_the_largest_values_first():
    image_map = np.array([[0.9, 0.0, 0.3], [0.0, 0.5, 0.0]])
    ranks = masking.ranking(image_map, seed=0)
    assert ranks[0, 0] == 0 and ranks[1, 1] == 1 and ranks[0, 2] == 2
    assert sorted(ranks[image_map == 0]) == [3, 4, 5]
    masks = list(masking.curve_masks(ranks, 3))
    assert len(masks) == 8
    assert [int(mask.sum()) for mask in masks] == [6, 4, 2, 0, 0, 2, 4, 6]
    assert masks[1].tolist() == [[0, 1, 1], [1, 0, 1]] and masks[5].tolist() == [
        [1, 0, 0],
        [0, 1, 0],
    ]


def test_black_needs_pixels():
    with pytest.raises(UsageError, match="--fill mean"):
        masking.check_fill("black", lambda image: image)
    masking.check_fill("mean", lambda image: image)
    with pytest.raises(UsageError, match="there are black, mean, blur"):
        masking.check_fill("white", RULES)
