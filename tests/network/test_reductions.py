"""Sums over positions, part by part, against numpy's over the whole in float64."""

import numpy as np
import pytest
import torch

from gradtools.network.passes import reductions


def maps(shape, layout, seed, dtype=torch.float32):
    """Noise (N, C, H, W), a third of it exactly 0, contiguous, channels last, or a view of tokens behind a class token."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    x[torch.rand(shape, generator=torch.Generator().manual_seed(seed + 1)) < 1 / 3] = 0
    if layout == "last":
        return x.to(memory_format=torch.channels_last)
    if layout == "tokens":
        tokens = torch.cat([x[:, :, :1, 0], x.flatten(2)], dim=2).transpose(1, 2).contiguous()
        return tokens[:, 1:].transpose(1, 2).unflatten(2, shape[2:])
    return x


# The largest has images of more than one part, with a last part of fewer rows; the next several images a part, the last part fewer.
@pytest.mark.parametrize(
    "shape", [(3, 300, 37, 41), (70, 64, 8, 8), (2, 5, 1, 1), (1, 2, 1, 2**17 + 3)]
)
@pytest.mark.parametrize("layout", ["first", "last", "tokens"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_reductions_are_those_of_the_definition(shape, layout, dtype):
    A, G = (maps(shape, layout, seed, dtype) for seed in (0, 7))
    before = A.clone(), G.clone()
    reduced = reductions.over_positions(A, G)
    a, g = (tensor.numpy().astype("f8") for tensor in (A, G))
    wanted = {
        "activation": a.mean((2, 3)),
        "active_share": (a > 0).mean((2, 3)),
        "gradient": g.mean((2, 3)),
        "contribution": np.einsum("nchw,nchw->nc", a, g),
    }
    assert list(reduced) == list(wanted)
    for name, values in wanted.items():
        assert reduced[name].dtype == torch.float64
        np.testing.assert_allclose(
            reduced[name].numpy(),
            values,
            rtol=0,
            atol=1e-12 * max(1, np.abs(values).max()),
            err_msg=name,
        )
    assert torch.equal(A, before[0]) and torch.equal(G, before[1])
    alone = reductions.over_positions(A)
    assert list(alone) == ["activation", "active_share"] and all(
        torch.equal(alone[name], reduced[name]) for name in alone
    )


def test_large_values_that_cancel_are_summed_in_float64():
    """In float32 the 1 would be lost."""
    A = torch.zeros(1, 1, 1, 3)
    A[0, 0, 0] = torch.tensor([2.0**30, 1, -(2.0**30)])
    assert float(reductions.over_positions(A, A)["gradient"]) * 3 == pytest.approx(1, abs=1e-12)
