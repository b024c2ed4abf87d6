"""What `auto:` names stand for, architecture by architecture."""

# architecture#taps: the architecture, its auto:blocks (the last of them auto:last-block), its auto:last-conv.
TABLE = """
resnet18        relu layer1 layer2 layer3 layer4 | layer4.1.conv2
vgg11           features.1 features.4 features.9 features.14 features.19 | features.18
alexnet         features.1 features.4 features.11 | features.10
densenet121     features.relu0 features.denseblock{1,2,3} features@relu | features@relu
mobilenet_v2    features.1 features.3 features.6 features.13 features.18 | features.18.0
squeezenet1_0   features.1 features.5 features.10 features.12 | features.12
convnext_tiny   features.1 features.3 features.5 features.7 | features.7
efficientnet_b0 features.1 features.2 features.3 features.5 features.8 | features.8.0
swin_t          features.1 features.3 features.5 permute | permute
vit_tiny        encoder.layers.encoder_layer_{2,5,8,10} | encoder.layers.encoder_layer_10
"""
TABLE = [
    (row.split()[0], row.split("|")[0].split()[1:], row.split("|")[1].strip())
    for row in TABLE.strip().splitlines()
]


def expand(blocks):
    """`name_{2,5}` written out."""
    names = []
    for block in blocks:
        stem, _, numbers = block.rstrip("}").partition("{")
        names += [stem + number for number in numbers.split(",")]
    return names
