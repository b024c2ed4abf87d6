"""Automatic taps of the field's architectures, their shapes by hand, and every value there against a plain backward pass."""

import copy

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from gradtools import images as image_files
from gradtools import store
from gradtools.network import models, taps
from gradtools.stages.extract import Options as Features
from gradtools.stages.extract import extract
from gradtools.stages.saliency import Options as Maps
from gradtools.stages.saliency import saliency
from gradtools.store import paths

# architecture#taps: network, side of the image | auto:blocks with (C, H, W), the last of them auto:last-block | auto:last-conv.
# Names and shapes are reasoned from each architecture's paper and code, strides first; four run in make test, the others (*) are slow.
TABLE = """
resnet18 64 | relu:64x32x32 layer1:64x16x16 layer2:128x8x8 layer3:256x4x4 layer4:512x2x2 | layer4.1.conv2
shufflenet_v2_x0_5 64 | conv1:24x32x32 stage2:48x8x8 stage3:96x4x4 conv5:1024x2x2 | conv5.0
* mnasnet0_5 64 | layers.7:8x32x32 layers.8:16x16x16 layers.9:24x8x8 layers.11:48x4x4 layers.16:1280x2x2 | layers.14
timm:mobilenetv4_conv_small 64 | bn1:32x32x32 blocks.0:32x16x16 blocks.1:64x8x8 blocks.2:96x4x4 blocks.4:960x2x2 | blocks.4.0.conv
hf:swin 64 | swin.encoder.layers.0.blocks.1:12x16x16 swin.encoder.layers.1.blocks.1:24x8x8 swin.encoder.layers.2.blocks.1:48x4x4 swin.layernorm:96x2x2 | swin.layernorm
* vgg11 64 | features.1:64x64x64 features.4:128x32x32 features.9:256x16x16 features.14:512x8x8 features.19:512x4x4 | features.18
* alexnet 64 | features.1:64x15x15 features.4:192x7x7 features.11:256x3x3 | features.10
* densenet121 64 | features.relu0:64x32x32 features.denseblock1:256x16x16 features.denseblock2:512x8x8 features.denseblock3:1024x4x4 features@relu:1024x2x2 | features@relu
* mobilenet_v2 64 | features.1:16x32x32 features.3:24x16x16 features.6:32x8x8 features.13:96x4x4 features.18:1280x2x2 | features.18.0
* squeezenet1_0 64 | features.1:96x29x29 features.5:256x14x14 features.10:512x7x7 features.12:512x3x3 | features.12
* convnext_tiny 64 | features.1:96x16x16 features.3:192x8x8 features.5:384x4x4 features.7:768x2x2 | features.7
* efficientnet_b0 64 | features.1:16x32x32 features.2:24x16x16 features.3:40x8x8 features.5:112x4x4 features.8:1280x2x2 | features.8.0
* swin_t 64 | features.1:96x16x16 features.3:192x8x8 features.5:384x4x4 permute:768x2x2 | permute
* vit_b_16 224 | encoder.layers.encoder_layer_2:768x14x14 encoder.layers.encoder_layer_5:768x14x14 encoder.layers.encoder_layer_8:768x14x14 encoder.layers.encoder_layer_10:768x14x14 | encoder.layers.encoder_layer_10
* resnet50 64 | relu:64x32x32 layer1:256x16x16 layer2:512x8x8 layer3:1024x4x4 layer4:2048x2x2 | layer4.2.conv3
* inception_v3 139 | Conv2d_1a_3x3:32x69x69 Conv2d_2b_3x3:64x67x67 Conv2d_3b_1x1:80x33x33 Conv2d_4a_3x3:192x31x31 Mixed_5d:288x15x15 Mixed_6e:768x7x7 Mixed_7c:2048x3x3 | Mixed_7c
* googlenet 64 | conv1:64x32x32 conv3:192x16x16 inception3b:480x8x8 inception4e:832x4x4 inception5b:1024x2x2 | inception5b
* regnet_y_400mf 64 | stem:32x32x32 trunk_output.block1:48x16x16 trunk_output.block2:104x8x8 trunk_output.block3:208x4x4 trunk_output.block4:440x2x2 | trunk_output.block4.block4-5.f.c.0
* maxvit_t 224 | stem:64x112x112 blocks.0:64x56x56 blocks.1:128x28x28 blocks.2:256x14x14 blocks.3:512x7x7 | blocks.3
* swin_v2_t 64 | features.1:96x16x16 features.3:192x8x8 features.5:384x4x4 permute:768x2x2 | permute
* efficientnet_v2_s 64 | features.1:24x32x32 features.2:48x16x16 features.3:64x8x8 features.5:160x4x4 features.7:1280x2x2 | features.7.0
* timm:resnet50 64 | act1:64x32x32 layer1:256x16x16 layer2:512x8x8 layer3:1024x4x4 layer4:2048x2x2 | layer4.2.conv3
* timm:swin_tiny_patch4_window7_224 224 | layers.0:96x56x56 layers.1:192x28x28 layers.2:384x14x14 norm:768x7x7 | norm
* timm:convnext_tiny 64 | stages.0:96x16x16 stages.1:192x8x8 stages.2:384x4x4 stages.3:768x2x2 | stages.3
* timm:vit_tiny_patch16_224 224 | blocks.2:192x14x14 blocks.5:192x14x14 blocks.8:192x14x14 blocks.10:192x14x14 | blocks.10
* timm:deit_tiny_distilled_patch16_224 224 | blocks.2:192x14x14 blocks.5:192x14x14 blocks.8:192x14x14 blocks.10:192x14x14 | blocks.10
* timm:xcit_nano_12_p16_224 64 | blocks.2:128x4x4 blocks.5:128x4x4 blocks.8:128x4x4 blocks.11:128x4x4 | blocks.11
* timm:resnetv2_50 64 | stem.conv:64x32x32 stages.0:256x16x16 stages.1:512x8x8 stages.2:1024x4x4 norm:2048x2x2 | stages.3.blocks.2.conv3
* timm:nfnet_f0 64 | stem.act4:64x32x32 stages.0:256x16x16 stages.1:512x8x8 stages.2:1536x4x4 final_act:3072x2x2 | final_conv
* timm:coatnet_0_rw_224 224 | stem:64x112x112 stages.0:96x56x56 stages.1:192x28x28 stages.2:384x14x14 norm:768x7x7 | norm
* hf:resnet 64 | resnet.embedder.embedder:8x32x32 resnet.encoder.stages.0:16x16x16 resnet.encoder.stages.1:24x8x8 resnet.encoder.stages.2:32x4x4 resnet.encoder.stages.3:40x2x2 | resnet.encoder.stages.3.layers.0.layer.2.convolution
* hf:convnext 64 | convnext.encoder.stages.0:8x16x16 convnext.encoder.stages.1:16x8x8 convnext.encoder.stages.2:24x4x4 convnext.encoder.stages.3:32x2x2 | convnext.encoder.stages.3
* hf:vit 32 | vit.layers.2:24x4x4 vit.layers.5:24x4x4 vit.layers.8:24x4x4 vit.layers.10:24x4x4 | vit.layers.10
* hf:dinov2 56 | dinov2.encoder.layer.2:24x4x4 dinov2.encoder.layer.5:24x4x4 dinov2.encoder.layer.8:24x4x4 dinov2.encoder.layer.11:24x4x4 | dinov2.encoder.layer.11
"""  # fmt: skip

# transformers' architectures in small: their own depth and strides, fewer channels.
SMALL = {
    "resnet": {"embedding_size": 8, "hidden_sizes": [16, 24, 32, 40], "depths": [1, 2, 1, 1]},
    "convnext": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 2, 1]},
    "swin": {"image_size": 64, "embed_dim": 12, "window_size": 2, "depths": [2, 2, 2, 2], "num_heads": [1, 2, 2, 4]},
    "vit": {"hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 48, "image_size": 32, "patch_size": 8},
    "dinov2": {"hidden_size": 24, "num_attention_heads": 3, "mlp_ratio": 2, "image_size": 56, "patch_size": 14},
}  # fmt: skip
TOLERANCE = 1e-6  # of the largest value: what is stored is float32


def row(line):
    """One line of the table as a parameter of the test."""
    head, blocks, last_conv = (part.split() for part in line.split("|"))
    *slow, name, side = head
    shapes = [block.rpartition(":") for block in blocks]
    shapes = {tap: tuple(map(int, shape.split("x"))) for tap, _, shape in shapes}
    marks = [pytest.mark.slow] if slow else []
    return pytest.param(name, int(side), shapes, *last_conv, id=name, marks=marks)


def randomised(module):
    """The network with scales, shifts and running statistics at random: what an initialisation sets to zero would hide behind itself."""
    generator = torch.Generator().manual_seed(1)
    for value in module.parameters():
        if value.dim() < 2 or not value.any():  # ViT's classifier begins at 0
            value.add_(0.3 * torch.randn(value.shape, generator=generator))
    for name, value in module.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            noise = torch.rand(value.shape, generator=generator)
            value.copy_(noise + 0.5 if name.endswith("var") else noise - 0.5)
    return module


def load(name, side, folder):
    """A network of random weights that takes images of one size as they are."""
    library, colon, kind = name.partition(":")
    if colon:
        libraries = pytest.importorskip({"hf": "transformers"}.get(library, library))
    if library == "hf":
        config = libraries.AutoConfig.for_model(kind, num_labels=5, **SMALL[kind])
        config.save_pretrained(folder / kind)
        name = f"hf:{folder / kind}"
    model = models.load(name, "random", preprocess=f"resize={side}/{side}")
    randomised(model.module)
    return model


def two_images(folder, side):
    """Two images of noise; their pixels (2, 3, side, side) in 0..1."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype="u1")
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{number}.png")
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2) * np.float32(1 / 255)).double()


def plain_backward(module, x, names):
    """Logits of x and, for each name, the output and its gradient of the argmax: hooks that clone, one backward pass."""
    kept, handles, relu = {}, [], F.relu

    def keep(name, tensor):
        kept[name] = tensor if tensor.requires_grad else tensor.requires_grad_()
        return kept[name].clone()

    def hook(name):
        def clone(_module, _inputs, output):
            if torch.is_tensor(output):
                return keep(name, output)
            return type(output)([keep(name, output[0]), *output[1:]])

        return clone

    for name in names:
        if not name.endswith("@relu"):
            handles.append(module.get_submodule(name).register_forward_hook(hook(name)))
    rectified = [name for name in names if name.endswith("@relu")]
    if rectified:  # the functional ReLU is the last of the pass
        F.relu = lambda tensor, inplace=False: keep(rectified[0], relu(tensor))
    try:
        returned = module(x)
    finally:
        F.relu = relu
        for handle in handles:
            handle.remove()
    logits = returned if torch.is_tensor(returned) else returned["logits"]
    scores = logits.max(1).values.sum()
    gradients = torch.autograd.grad(scores, [kept[name] for name in names])
    return logits.detach().numpy(), {
        name: (kept[name].detach(), gradient) for name, gradient in zip(names, gradients)
    }


def in_shape(tensor, shape):
    """A tensor as maps of the shape (C, H, W) that the table says."""
    channels, height, width = shape
    if tensor.shape[1:] == shape:
        return tensor.numpy()
    if tensor.dim() == 3:  # tokens, the patches last
        tensor = tensor[:, tensor.shape[1] - height * width :].unflatten(1, (height, width))
    assert tensor.shape[1:] == (height, width, channels)
    return tensor.permute(0, 3, 1, 2).numpy()


def assert_near(values, expected):
    expected = np.asarray(expected)
    assert values.shape == expected.shape and np.abs(expected).max() > 0
    np.testing.assert_allclose(values, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize(
    "name, side, shapes, last_conv", [row(line) for line in TABLE.strip().splitlines()]
)
def test_taps_and_values_are_those_of_a_plain_backward_pass(
    name, side, shapes, last_conv, tmp_path
):
    model = load(name, side, tmp_path)
    trace = taps.trace(model.module, taps.blank(model.module, (3, side, side)))
    blocks = {tap.name: tap.shape for tap in taps.resolve(trace, ["auto:blocks"])}
    assert blocks == shapes and list(blocks) == list(shapes)
    ends = {
        end: [tap.name for tap in taps.resolve(trace, [f"auto:{end}"])]
        for end in ("last-block", "last-conv")
    }
    assert ends == {"last-block": list(shapes)[-1:], "last-conv": [last_conv]}

    x = two_images(tmp_path, side)
    reference = copy.deepcopy(model.module).double()
    reference._forward_hooks.clear()  # of the output's form: what the network itself returns
    logits, kept = plain_backward(reference, x, list(shapes))
    listed = image_files.list_images([str(tmp_path / "0.png"), str(tmp_path / "1.png")])
    how = {"say": lambda _text: None, "threads": 1, "workers": 1}
    chosen = {"dtype": "float64", "device": "cpu", "batch_size": 2}
    last = list(shapes)[-1]
    extract(listed, model, str(tmp_path / "a.h5"), Features(tap=("auto:blocks",), **chosen), **how)
    saliency(listed, model, str(tmp_path / "m.h5"), Maps(tap=(last,), **chosen), **how)
    with store.read(str(tmp_path / "a.h5")) as features:
        assert_near(features.values(paths.LOGITS), logits)
        for tap, shape in shapes.items():
            A, G = (in_shape(tensor, shape) for tensor in kept[tap])
            assert_near(features.values(paths.tap(tap, "activation")), A.mean((2, 3)))
            assert_near(features.values(paths.tap(tap, "gradient")), G.mean((2, 3)))
            assert_near(features.values(paths.tap(tap, "contribution")), (A * G).sum((2, 3)))
    with store.read(str(tmp_path / "m.h5")) as maps:
        A, G = (in_shape(tensor, shapes[last]) for tensor in kept[last])
        expected = (G.mean((2, 3), keepdims=True) * A).sum(1)
        assert_near(maps.values(paths.maps(f"gradcam@{last}")), expected)
