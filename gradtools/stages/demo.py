"""The whole way on the bundled example: scenes, three networks, their stores, the table and the pictures."""

import os

from gradtools import figures, images, store
from gradtools.bundled import scenes
from gradtools.errors import GradtoolsError
from gradtools.network import models
from gradtools.stages import cluster, evaluate, extract, similarity

NETWORKS = ("resnet8", "resnet14", "resnet20")
SWEEP = ("gradient@*", "activation@*", "logits", "probabilities")
CLUSTER_REPEATS = 3  # ten are the default elsewhere; the demo is to end within a minute
PICTURES = ("bars", "heat", "pca", "taps")


def run(folder, *, force=False, say=print, progress=None):
    """Make everything below `folder`.

    Returns
    -------
    subjects : list of evaluate.Subject
    files : list of str
        Stores and pictures, in the order in which they were made.
    """
    if os.path.isdir(folder) and os.listdir(folder) and not force:
        raise GradtoolsError(
            f"{folder} is not empty: name another folder, or replace the demo's files in it with --force"
        )
    where = os.path.join(folder, "scenes")
    scenes.write_demo_scenes(where)
    listed = images.list_images([os.path.join(where, "manifest.csv")])  # its boxes come along
    stores = []
    for network in NETWORKS:
        say(f"{network}: {len(listed.ids)} images -> features, similarity, clusters")
        stores += _one_network(network, listed, folder, say, progress)
    subjects = evaluate.gather(stores)
    pictures = [os.path.join(folder, f"{picture}.png") for picture in PICTURES]
    for picture, path in zip(PICTURES, pictures):
        figures.evaluated(subjects, picture, path)
    return subjects, stores + pictures


def _one_network(name, listed, folder, say, progress):
    """Stores of one network: features, similarity, clusters."""
    paths = [os.path.join(folder, f"{name}{part}.h5") for part in ("", "-similarity", "-clusters")]
    model = models.load(f"gradtools.bundled.scene_resnet:{name}", weights(name))
    extract.extract(
        listed,
        model,
        paths[0],
        extract.Options(),
        force=True,
        restart=True,
        say=say,
        progress=progress,
    )
    with store.read(paths[0]) as source:
        similarity.similarity(
            source,
            paths[1],
            similarity.Options(feature=SWEEP),
            force=True,
            say=say,
            progress=progress,
        )
        cluster.cluster(
            source,
            paths[2],
            cluster.Options(repeats=CLUSTER_REPEATS),
            force=True,
            say=say,
            progress=progress,
        )
    return paths


def weights(name):
    """Path of the weights of one of the bundled networks."""
    return os.path.join(os.path.dirname(scenes.__file__), f"scene_{name}.pth")
