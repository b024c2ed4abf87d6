"""The resize of maps against torch's interpolate and against what an interpolation must keep."""

import numpy as np
import pytest

from gradtools.math.maps.resize import keys_kernel, resize, resize_matrix


@pytest.mark.parametrize("n_in, n_out", [(7, 224), (8, 32), (13, 5), (1, 6), (2, 3), (14, 14)])
def test_it_equals_torch(n_in, n_out):
    torch = pytest.importorskip("torch")
    maps = np.random.default_rng(0).normal(size=(2, 3, n_in, n_in + 1))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(maps),
        (n_out, n_out + 2),
        mode="bicubic",
        align_corners=False,
        antialias=False,
    )
    np.testing.assert_allclose(resize(maps, (n_out, n_out + 2)), expected.numpy(), atol=1e-12)


@pytest.mark.parametrize("n_in, n_out", [(7, 32), (32, 7), (3, 3)])
def test_constants_stay_constant_and_equal_sizes_change_nothing(n_in, n_out):
    np.testing.assert_allclose(resize_matrix(n_in, n_out).sum(axis=1), 1, atol=1e-14)
    np.testing.assert_array_equal(resize_matrix(5, 5), np.eye(5))


def test_the_kernel_interpolates_and_is_continuous():
    np.testing.assert_allclose(
        keys_kernel(np.array([0, 1, -1, 2, 2.5])), [1, 0, 0, 0, 0], atol=1e-15
    )
    edges = np.array([1 - 1e-9, 1 + 1e-9, 2 - 1e-9, 2 + 1e-9])
    np.testing.assert_allclose(keys_kernel(edges), 0, atol=1e-8)


def test_an_edge_overshoots_as_the_cubic_must():
    step = resize(np.array([[0.0, 0, 0, 1, 1, 1]] * 6), (24, 24))
    assert step.min() < -0.02 and step.max() > 1.02
