"""The classifier of handwritten digits: its layers as published, its accuracy on digits that no training saw."""

import numpy as np
import torch
from torch import nn

from gradtools.bundled import halves, lenet
from gradtools.network import training
from gradtools.training import digit_networks


def test_lenet_has_the_layers_of_its_figure_2():
    network, shapes = lenet.lenet5(), []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.Linear):
            module.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape)))
    assert network(torch.zeros(1, 1, 32, 32)).shape == (1, 10)
    # C1, S2, C3, S4, C5, F6 and the output
    assert shapes == [
        (1, 6, 28, 28), (1, 6, 14, 14), (1, 16, 10, 10), (1, 16, 5, 5), (1, 120, 1, 1), (1, 84), (1, 10)
    ]  # fmt: skip


def test_shipped_lenet_reads_digits_it_has_not_seen():
    images, labels = digit_networks.images_of("heldout")
    np.testing.assert_array_equal(labels, halves.digits("heldout").labels)
    right = training.accuracy(lenet.digits(), digit_networks.normalised(images), labels)
    assert right > 0.97
