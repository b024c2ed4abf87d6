"""Train the example's smallest network without and with the gradient similarity as a term of the loss, over seeds; the README has this."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

import gradtools as gt
from gradtools.bundled import scene_resnet, scenes


def draw(half, number):
    made = [scenes.scene_of(half, label, i, 0, scenes.LARGE_HEIGHTS).image for i in range(number) for label in range(10)]  # fmt: skip
    return np.stack(made), np.tile(np.arange(10), number)


def train(seed, share, pixels, labels, steps):
    torch.manual_seed(seed)
    network = scene_resnet.resnet8()
    mean, std = (torch.tensor(scene_resnet.PREPROCESS[key]).view(3, 1, 1) for key in ("mean", "std"))  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), 6e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    for rows in torch.randint(len(labels), (steps, 50)):
        x = (torch.from_numpy(pixels[rows]).permute(0, 3, 1, 2) / 255 - mean) / std
        y = torch.from_numpy(labels[rows])
        tap = network.layer2(network.layer1(network.relu(network.bn1(network.conv1(x)))))
        logits = network.linear(network.flatten(network.pool(network.layer3(tap))))
        loss = cross_entropy(logits, y)
        if share:
            loss = loss + share * gt.gradient_similarity(logits.gather(1, y[:, None])[:, 0], tap, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network


def main(steps=150, number=100, seeds=range(3), shares=(0, 1), folder="."):
    pixels, labels = draw("train", number)
    held, answers = draw("heldout", max(number // 4, 3))
    names = [scenes.CLASSES[label] for label in answers]
    for seed in seeds:
        for share in shares:
            network = train(seed, share, pixels, labels, steps)
            gt.extract(
                held, network, f"{folder}/term{share}-seed{seed}.h5", preprocess=scene_resnet.PREPROCESS,
                class_names=list(scenes.CLASSES), labels=names, name=f"term{share}-seed{seed}", tap=["layer2", "layer3"],
            )  # fmt: skip


if __name__ == "__main__":
    main()
