"""The layout of a store: one table of every path in it, from which it is written, read, checked and documented.

`<name>` in a path stands for what varies: a tap, a feature, a metric. A dimension that begins with '/' is the root's, another
one lies in the dataset's own group; each is an HDF5 dimension scale of that path.
"""

import dataclasses
import functools
import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from gradtools.store import paths
from gradtools.store.paths import (
    BYTE,
    CLASS,
    CYCLE,
    DIRECTION,
    EMBEDDING_ROW,
    GROUP,
    KEPT,
    LATENT,
    MAP,
    MOVE,
    PAIR,
    REGION,
    SAMPLE,
    SHOWN,
    STEP,
    THRESHOLD,
    TUNED,
    VARIANT,
)

INTEGER, UNSIGNED, REAL, TEXT = "i", "u", "f", "S"
KINDS = (
    "features",
    "classes",
    "maps",
    "channels",
    "similarity",
    "neighbors",
    "clusters",
    "linkage",
    "localization",
    "compare",
    "faithfulness",
    "sanity",
    "trial",
    "link",
    "tuning",
    "counterfactual",
)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """What a dataset is: its path, dimensions, kinds of type and text.

    Parameters
    ----------
    path : str
        With `<name>` for what varies.
    dims : tuple of str
        Its dimensions; see the module.
    kinds : str
        The numpy kinds that its type may be of: i, u, f, S.
    text : str
        Its long_name where the writer gives none.
    units : str
    needed : bool
        Whether it is there whenever its group is.
    lowest : int, optional
        The least value.
    below : str
        Scale whose length every value stays under: row numbers of samples, numbers of classes.
    nan : bool
        Whether NaN is a value.
    """

    path: str
    dims: tuple[str, ...]
    kinds: str
    text: str
    units: str = ""
    needed: bool = False
    lowest: int | None = None
    below: str = ""
    nan: bool = False


@dataclasses.dataclass(frozen=True)
class Group:
    """What a group is: its path, text, and its attributes by name with kind (text, JSON, number, numbers) and text."""

    path: str
    text: str
    attributes: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    needed: tuple[str, ...] = ()


def _classes(
    path: str, dims: tuple[str, ...], below: str, text: str, lowest: int = -1, **facts: Any
) -> Dataset:
    """Return a column of class numbers."""
    return Dataset(path, dims, INTEGER, text, lowest=lowest, below=below, **facts)


def _rows(path: str, dim: str, text: str, lowest: int = 0, **facts: Any) -> Dataset:
    """Return a column of row numbers of samples."""
    return Dataset(path, (dim,), INTEGER, text, lowest=lowest, below=SAMPLE, **facts)


def _tap(kind: str, tail: tuple[str, ...], text: str, kinds: str = REAL, **facts: Any) -> Dataset:
    """Return a dataset of a tap, one row a sample."""
    return Dataset(paths.tap("<tap>", kind), (SAMPLE, *tail), kinds, text, **facts)


def _columns(group: str, text: str, row: str = "row") -> Dataset:
    """Return the columns of a table: any names, one length."""
    return Dataset(f"{group}/<column>", (row,), "iufS", text, nan=True)


def _replicates(group: str, *dims: str) -> Dataset:
    """Return the statistics of resampled images."""
    dims = dims or ("resample", "row")
    return Dataset(f"{group}/replicate", dims, REAL, "statistics of resampled images", nan=True)


def _histogram(kind: str) -> tuple[Dataset, Dataset, Dataset]:
    """Return the channels by a value of theirs."""
    where = paths.channels("<tap>", f"{kind}_histogram")
    return (
        Dataset(
            f"{where}/count",
            ("group", "bin"),
            "iuf",
            f"channels of all images by their {kind}",
            needed=True,
        ),
        Dataset(f"{where}/low", ("bin",), REAL, "lower edge", needed=True),
        Dataset(
            f"{where}/high", ("bin",), REAL, "upper edge, of the last bin within it", needed=True
        ),
    )


RANKINGS = {
    "contribution": "sum over positions of gradient times activation",
    "gxa": "gradient times mean activation",
    "abs": "size of the gradient",
    "nearzero": "minus the size of the gradient",
    "gradient": "gradient",
    "activation": "mean activation",
    "random": "a random value",
}
MEASURES = {
    "energy": "share of the map in the boxes",
    "pointing": "whether the maximum is in a box",
    "precision": "average precision of the pixels",
    "box_iou": "IoU of the box around the largest component with the best box",
    "mask_iou": "IoU of the pixels above the threshold with the mask",
}
FILLS = {
    "zero": "zero",
    "mean": "the mean of its own map",
    "dataset": "its mean over the data set",
}
CYCLED = {
    "agreement": "1 where the class that the classifier gives stays",
    "embedding_cosine": "cosine of what the head reads of both pictures",
    "ssim": "SSIM of both pictures",
    "mse": "mean squared error of both pictures",
    "perceptual": "1 - cosine of both pictures in another network",
}
SIMILARITY = paths.similarity("<feature>", "<metric>")
NEIGHBORS, RETRIEVAL = paths.neighbors("<feature>"), paths.retrieval("<feature>")
CLUSTERS, LINKAGE = paths.clusters("<feature>", "<method>"), paths.linkage("<feature>")
PROJECTION, TAP, MAP_OF = (
    paths.projection("<feature>"),
    paths.tap("<tap>"),
    paths.map_group("<map>"),
)


DATASETS = (
    Dataset(paths.ID, (SAMPLE,), TEXT, "path below the root", needed=True),
    _classes(paths.LABEL, (SAMPLE,), GROUP, "data class, -1 where none", needed=True),
    Dataset(paths.LABELS, (SAMPLE, GROUP), UNSIGNED, "data classes of images with several"),
    Dataset(paths.DIGEST, (SAMPLE, BYTE), UNSIGNED, "SHA-256 of the image file"),
    Dataset(paths.HEIGHT, (SAMPLE,), INTEGER, "height of the original image", "pixel", lowest=0),
    Dataset(paths.WIDTH, (SAMPLE,), INTEGER, "width of the original image", "pixel", lowest=0),
    _rows(paths.ORIGINAL, SAMPLE, "row of the image that this is a version of, -1 for images", -1),
    Dataset(paths.CHANGED_BY, (SAMPLE,), TEXT, "kind of the change, empty for images"),
    Dataset(paths.STRENGTH, (SAMPLE,), REAL, "strength of the change"),
    Dataset(
        paths.VERSION, (SAMPLE,), INTEGER, "number among the versions of this kind and strength"
    ),
    Dataset(paths.CLASS_NAME, (GROUP,), TEXT, "data class", needed=True),
    Dataset(paths.MEMBER, (GROUP, CLASS), UNSIGNED, "model classes of each data class"),
    _rows(paths.box("sample"), "box", "boxes: row of the sample", needed=True),
    _classes(paths.box("class"), ("box",), GROUP, "boxes: data class, -1 where none"),
    *(
        Dataset(paths.box(side), ("box",), "iuf", f"boxes: {side}", "pixel", needed=True)
        for side in ("x0", "y0", "x1", "y1")
    ),
    _columns(paths.BOXES, "boxes in pixels of the original image, half-open", "box"),
    _rows(paths.mask("sample"), "mask", "masks of the original image: sample", needed=True),
    _classes(paths.mask("class"), ("mask",), GROUP, "masks of the original image: class"),
    Dataset(
        paths.MASK_COUNTS, ("run",), INTEGER, "run lengths, column by column", "pixel", lowest=0
    ),
    _columns(paths.MASKS, "masks of the original image", "mask"),
    Dataset(paths.MODEL_CLASS_NAME, (CLASS,), TEXT, "class of the model"),
    Dataset(paths.WEIGHT, (CLASS, EMBEDDING_ROW), REAL, "row of the last layer"),
    Dataset(paths.BIAS, (CLASS,), REAL, "bias of the last layer"),
    Dataset(paths.LOGITS, (SAMPLE, CLASS), REAL, "logits"),
    _classes(paths.PREDICTED, (SAMPLE,), CLASS, "class of the largest logit", 0),
    _classes(paths.TARGET, (SAMPLE,), CLASS, "class the gradients are about", 0),
    Dataset(paths.SCORE, (SAMPLE,), REAL, "score of the target, all channels there"),
    Dataset(
        paths.EMBEDDING,
        (SAMPLE, EMBEDDING_ROW),
        REAL,
        "what the head reads, or the output of a network without a class head",
    ),
    Dataset(paths.feature("<feature>"), (SAMPLE, "column"), REAL, "rows that another program made"),
    _tap("activation", ("channel",), "mean activation over positions"),
    _tap("active_share", ("channel",), "share of positions with activation above zero"),
    _tap(
        "gradient",
        ("channel",),
        "mean over positions of the score's gradient (Grad-CAM's weight)",
    ),
    _tap("contribution", ("channel",), "sum over positions of gradient times activation"),
    _tap("activation_map", ("channel", "y", "x"), "activation at every position"),
    _tap("gradient_map", ("channel", "y", "x"), "gradient at every position"),
    _tap("token_activation", ("channel",), "activation of the class token"),
    _tap("token_gradient", ("channel",), "gradient of the class token"),
    *(
        _tap(
            f"ablation_{fill}",
            ("channel",),
            f"fall of the score when the channel is set to {text}",
            nan=True,
        )
        for fill, text in FILLS.items()
    ),
    _tap(
        "kernel_gradient",
        ("channel",),
        "norm of the cross-entropy's gradient at the channel's kernel",
        nan=True,
    ),
    _tap("subset_channels", ("subset",), "channels of the subset", INTEGER, lowest=0),
    _tap("subset_contribution", ("subset",), "sum of the subset's contributions"),
    _tap(
        "subset_score",
        ("subset", "side"),
        "score when only the subset stays, when it goes",
        nan=True,
    ),
    _tap(
        "subset_unchanged",
        ("subset", "side"),
        "whether the answer stays the same then",
        UNSIGNED,
    ),
    _tap(
        "deletion",
        ("ranking", "step"),
        "score without the first channels of a ranking",
        nan=True,
    ),
    _tap(
        "insertion",
        ("ranking", "step"),
        "score with only the first channels of a ranking",
        nan=True,
    ),
    Dataset(
        paths.tap("<tap>", "step_channels"),
        ("step",),
        INTEGER,
        "channels taken at each step",
        lowest=0,
    ),
    Dataset(paths.tap("<tap>", "class"), ("channel",), TEXT, "class of the images"),
    Dataset(paths.tap("<tap>", "images"), ("channel",), INTEGER, "images of the class", lowest=0),
    _rows(paths.MAP_SAMPLE, MAP, "row of the sample", needed=True),
    _rows(
        paths.MAP_PARTNER,
        MAP,
        "row of the sample it is compared with, -1 none",
        -1,
        needed=True,
    ),
    _classes(paths.MAP_TARGET, (MAP,), CLASS, "class the score is about, -1 none"),
    _classes(paths.MAP_LABEL, (MAP,), GROUP, "data class the map is about"),
    Dataset(paths.MAP_SCORE, (MAP,), REAL, "score that is differentiated"),
    Dataset(
        paths.maps("<map>"),
        (MAP, "y", "x"),
        REAL,
        "raw: signed, the tap's own size, before ReLU, resize and normalisation",
        nan=True,
    ),
    Dataset(
        paths.undefined("<map>"), (MAP,), INTEGER, "entries without a weight (Grad-CAM++)", lowest=0
    ),
    Dataset(
        paths.near_pole("<map>"),
        (MAP,),
        INTEGER,
        "entries whose weight has a denominator within .01 of 0 (Grad-CAM++)",
        lowest=0,
    ),
    _rows(paths.pair("a"), PAIR, "row of the sample", needed=True),
    _rows(paths.pair("b"), PAIR, "row of the sample", needed=True),
    Dataset(
        paths.PAIR_SCORE, (PAIR,), REAL, "score of the pair; maps 2p and 2p + 1 are those of pair p"
    ),
    Dataset(
        f"{SIMILARITY}/matrix",
        (SAMPLE, paths.OTHER),
        REAL,
        "every pair of samples",
        nan=True,
    ),
    Dataset(
        paths.matrix("map:<map>", "<metric>"),
        (MAP, paths.OTHER_MAP),
        REAL,
        "every pair of maps",
        nan=True,
    ),
    _replicates(SIMILARITY),
    _columns(SIMILARITY, "statistics over pairs"),
    Dataset(
        f"{NEIGHBORS}/index",
        (SAMPLE, "neighbor"),
        INTEGER,
        "rows of the nearest samples, the nearest first, -1 where none",
        lowest=-1,
        below=SAMPLE,
    ),
    *(
        Dataset(
            f"{NEIGHBORS}/{value}",
            (SAMPLE, "neighbor"),
            REAL,
            f"{value} to them",
            nan=True,
        )
        for value in ("similarity", "distance")
    ),
    _replicates(RETRIEVAL),
    _columns(RETRIEVAL, "how often the nearest are of the sample's class"),
    Dataset(
        f"{paths.nearest_of('<feature>')}/index",
        ("row",),
        INTEGER,
        "row of the sample, itself first",
        needed=True,
        lowest=0,
        below=SAMPLE,
    ),
    _columns(paths.nearest_of("<feature>"), "the nearest of one sample"),
    _replicates(paths.augmentation("<feature>")),
    _columns(paths.augmentation("<feature>"), "similarity of images and their own versions"),
    _replicates(paths.decoding("<feature>")),
    _columns(paths.decoding("<feature>"), "how well a linear probe reads the label"),
    Dataset(
        f"{CLUSTERS}/label",
        ("repeat", SAMPLE),
        INTEGER,
        "cluster of each sample, one row a repeat; -1: left out",
        needed=True,
        lowest=-1,
    ),
    Dataset(
        f"{CLUSTERS}/replicate",
        ("resample", "index"),
        REAL,
        "ARI, NMI, silhouette, silhouette of the classes, ARI and NMI with the argmax, of half samples",
        nan=True,
    ),
    _columns(CLUSTERS, "one row a repeat", "repeat"),
    Dataset(
        f"{LINKAGE}/merges",
        ("merge", "field"),
        REAL,
        "what joins, as scipy has it: two clusters (samples, then merge i as n + i), height, samples in both",
        needed=True,
    ),
    Dataset(
        f"{LINKAGE}/order",
        (SAMPLE,),
        INTEGER,
        "sample at each place in leaf order",
        needed=True,
        lowest=0,
        below=SAMPLE,
    ),
    Dataset(
        f"{LINKAGE}/label",
        (SAMPLE,),
        INTEGER,
        "cluster of each sample, 0 the first in leaf order",
        needed=True,
        lowest=0,
        below=f"{LINKAGE}/cluster",
    ),
    _columns(LINKAGE, "one row a cluster", "cluster"),
    Dataset(
        f"{PROJECTION}/pca",
        (SAMPLE, "component"),
        REAL,
        "principal components of what was clustered",
        needed=True,
        nan=True,
    ),
    Dataset(
        f"{PROJECTION}/explained",
        ("component",),
        REAL,
        "share of the variance",
        needed=True,
        nan=True,
    ),
    Dataset(
        paths.channels("<tap>", "class"),
        ("group",),
        TEXT,
        "class of the images, the first group is all of them",
        needed=True,
    ),
    Dataset(
        paths.channels("<tap>", "images"),
        ("group",),
        INTEGER,
        "images of the group",
        needed=True,
        lowest=0,
    ),
    *(
        Dataset(
            paths.channels("<tap>", name),
            ("group", "channel"),
            REAL,
            f"{text}, mean over the images",
            nan=True,
        )
        for name, text in RANKINGS.items()
    ),
    *_histogram("gradient"),
    *_histogram("contribution"),
    _rows(f"{paths.FAITHFULNESS}/sample", SHOWN, "row of the sample"),
    Dataset(
        f"{paths.FAITHFULNESS}/map", (SHOWN,), INTEGER, "row of the map in its store", lowest=0
    ),
    *(
        Dataset(paths.faithfulness("<map>", "<fill>", name), dims, REAL, text, nan=True)
        for name, dims, text in (
            ("map", (SHOWN,), "score of the image times the map"),
            ("equal", (SHOWN,), "score of the image times a constant, the map's mean"),
            ("shuffled", (SHOWN,), "score of the image times the map's values in random places"),
            ("other", (SHOWN,), "score of the image times the map of another image"),
            ("deletion", (SHOWN, "step"), "score without the first pixels of the map"),
            ("insertion", (SHOWN, "step"), "score of the first pixels of the map alone"),
        )
    ),
    _rows(paths.shard("partner"), SHOWN, "row of the other image's sample, -1 none", -1),
    Dataset(
        paths.shard("ended_early"),
        (SHOWN,),
        INTEGER,
        "1 where the file of the row's image ends early",
        lowest=0,
    ),
    Dataset(paths.shard("share"), (SHOWN,), REAL, "the object's share of the frame", nan=True),
    Dataset(
        paths.shard("share_of_both"),
        (SHOWN,),
        REAL,
        "of a pair the larger share of its two images",
        nan=True,
    ),
    _replicates(paths.faithfulness("<map>", "<fill>")),
    _columns(paths.faithfulness("<map>", "<fill>"), "a table of statistics"),
    Dataset(f"{paths.SANITY}/mode", (VARIANT,), TEXT, "cascade, independent, full or labels"),
    Dataset(
        paths.SANITY_ACCURACY,
        (VARIANT,),
        REAL,
        "share of its training images that a network trained here answers right",
        nan=True,
    ),
    Dataset(
        paths.SANITY_FRAME,
        ("drawn", "y", "x", "colour"),
        "u",
        "the drawn images as the network saw them, 0 to 255",
    ),
    Dataset(
        paths.sanity("<map>", paths.PICTURE),
        (VARIANT, "drawn", "y", "x"),
        "u",
        "read maps of the drawn images, 0 to 255",
    ),
    Dataset(
        paths.sanity("<map>", paths.TRAINED),
        ("drawn", "y", "x"),
        "u",
        "the same of the trained network",
    ),
    Dataset(f"{paths.SANITY}/step", (VARIANT,), INTEGER, "from the output down, from 0", lowest=0),
    Dataset(f"{paths.SANITY}/group", (VARIANT,), TEXT, "the last module that is random"),
    Dataset(f"{paths.SANITY}/seed", (VARIANT,), INTEGER, "of the random parameters", lowest=0),
    *(
        Dataset(paths.sanity("<map>", name), (VARIANT, SAMPLE), REAL, text, nan=True)
        for name, text in (
            ("spearman", "Spearman's correlation with the trained network's map"),
            ("absolute", "Spearman's correlation of the absolute values"),
            ("ssim", "SSIM with the trained network's map"),
            ("hog", "correlation of histograms of oriented gradients"),
        )
    ),
    _replicates(paths.sanity("<map>", "<measure>_table")),
    _columns(paths.sanity("<map>", "<measure>_table"), "a table of statistics"),
    _rows(f"{paths.AUDIT}/sample", SHOWN, "row of the sample", needed=True),
    _classes(f"{paths.AUDIT}/label", (SHOWN,), GROUP, "data class, -1 none", needed=True),
    Dataset(
        f"{paths.AUDIT}/right", (SHOWN,), UNSIGNED, "1: the answer is of this class", needed=True
    ),
    *(
        Dataset(paths.audit("<fill>", name), (SHOWN,), REAL, f"score of {text}", nan=True)
        for name, text in (
            ("whole", "the image"),
            ("inside", "its object alone"),
            ("outside", "its background alone"),
            ("neither", "the fill alone"),
            ("other_inside", "the pixels of another image's object alone"),
            ("other_outside", "all pixels but those of another image's object"),
        )
    ),
    *(
        entry
        for name, text in (
            ("summary", "what is right for the wrong reason, by class"),
            ("flagged", "the rows that are right for the wrong reason"),
        )
        for entry in (
            _replicates(paths.audit("<fill>", name)),
            _columns(paths.audit("<fill>", name), text),
        )
    ),
    Dataset(
        paths.trial("<construction>", "truth"),
        (SAMPLE, "y", "x"),
        REAL,
        "Shapley value of each pixel for the target's logit, against black",
        needed=True,
    ),
    Dataset(
        paths.trial("<construction>", "method"),
        ("column",),
        TEXT,
        "methods and controls",
        needed=True,
    ),
    Dataset(paths.trial("<construction>", "measure"), ("measured",), TEXT, "measures", needed=True),
    Dataset(
        paths.trial("<construction>", "value"),
        (SAMPLE, "column", "measured"),
        REAL,
        "of each image's maps",
        needed=True,
        nan=True,
    ),
    *(
        entry
        for name, text in (
            ("methods", "means of every method under every measure"),
            ("measures", "how each measure ranks the methods"),
        )
        for entry in (
            _replicates(paths.trial("<construction>", name)),
            _columns(paths.trial("<construction>", name), text),
        )
    ),
    Dataset(paths.LINK_W, (SAMPLE, LATENT), REAL, "latent of the generator"),
    Dataset(paths.LINK_SEED, (SAMPLE,), INTEGER, "seed of the sample, -1 of a pairs file"),
    Dataset(
        paths.LINK_ATTEMPTS,
        (SAMPLE,),
        INTEGER,
        "draws until the classifier recognised it",
        lowest=0,
    ),
    Dataset(paths.LINK_HELD, (SAMPLE,), UNSIGNED, "1 where the pair is held out of the fit"),
    Dataset(paths.LINK_COEF, (LATENT, EMBEDDING_ROW), REAL, "the link: w~ = coef r + intercept"),
    Dataset(paths.LINK_INTERCEPT, (LATENT,), REAL, "its constant"),
    Dataset(paths.LINK_R2, (LATENT,), REAL, "held-out R2 of each dimension", nan=True),
    _rows(paths.LINK_CYCLE, CYCLE, "row of the held-out sample"),
    *(
        Dataset(paths.cycled("<link>", name), (CYCLE,), REAL, text, nan=True)
        for name, text in CYCLED.items()
    ),
    Dataset(
        paths.LINK_PICTURE,
        ("example", "view", "channel", "y", "x"),
        UNSIGNED,
        "examples: the sample, then what each kind of link gives back",
    ),
    Dataset(paths.tuning("kind"), (DIRECTION,), TEXT, "unit, svd or random: its decoy"),
    Dataset(
        paths.tuning("number"), (DIRECTION,), INTEGER, "of the unit or singular vector", lowest=0
    ),
    Dataset(paths.tuning("low"), (DIRECTION,), REAL, "value of the first step"),
    Dataset(paths.tuning("high"), (DIRECTION,), REAL, "value of the last step"),
    _rows(paths.tuning("sample"), TUNED, "row of the sample that is tuned"),
    Dataset(
        paths.tuning("metric"),
        (DIRECTION, TUNED, "step", "part", "measure"),
        REAL,
        "metrics of the parts of each picture",
        nan=True,
    ),
    *(
        Dataset(paths.tuning(name), (DIRECTION, TUNED), REAL, text, nan=True)
        for name, text in (
            ("fidelity", "realised over asked change along the direction"),
            (
                "selectivity",
                "rank of the unit among all by its change in units of their ranges, 1 the most",
            ),
            ("probability", "change of the probability of the sample's class"),
        )
    ),
    Dataset(
        paths.tuning("stability"),
        (DIRECTION,),
        REAL,
        "cosine of the changes of pictures of two classes",
        nan=True,
    ),
    Dataset(paths.tuning("change"), (DIRECTION,), REAL, "mean absolute change of pixels"),
    Dataset(
        paths.tuning("field"),
        (DIRECTION, TUNED, "figure"),
        REAL,
        "figures of the change field",
        nan=True,
    ),
    Dataset(
        paths.tuning("picture"),
        (DIRECTION, "kept", "step", "channel", "y", "x"),
        UNSIGNED,
        "pictures of the first samples at every step",
    ),
    Dataset(
        paths.tuning("mask"),
        (DIRECTION, "kept", "step", "y", "x"),
        UNSIGNED,
        "parts of these pictures: places among the parts",
    ),
    Dataset(
        paths.tuning("coactivation"),
        ("scope", "unit", "other"),
        REAL,
        "correlations of the tuned units over the link's samples: of all, and within classes",
        nan=True,
    ),
    _columns(paths.tuning("effects"), "a row a part and metric"),
    _columns(paths.tuning("sparsity"), "a row a metric and class"),
    _columns(paths.tuning("clusters"), "a row a cluster of units"),
    _columns(paths.tuning("concepts"), "a row a pair of parts"),
    _columns(paths.tuning("alike"), "a row a kind of co-activation"),
    _rows(paths.counterfactual("sample"), MOVE, "row of the sample that is moved"),
    *(
        _classes(paths.counterfactual(name), (MOVE,), CLASS, text, 0)
        for name, text in (
            ("target", "class to move to"),
            ("origin", "class of the head before"),
            ("random_predicted", "class at the end of a random move as long"),
            ("random_drawn", "class of the picture at the end of the random move"),
        )
    ),
    Dataset(paths.counterfactual("active"), (MOVE,), INTEGER, "classes in the way", lowest=0),
    *(
        Dataset(paths.counterfactual(name), (MOVE, *tail), REAL, text, nan=True)
        for name, tail, text in (
            ("distance", (), "length of the least move; NaN: there is none"),
            ("alone", (), "length where the class before alone is in the way"),
            ("moved", (), "share of units that change"),
            ("end", (EMBEDDING_ROW,), "what the head reads at the end"),
            ("ledger", (EMBEDDING_ROW,), "what each unit has in the margin gained"),
            ("probability", ("point", "side"), "of the class before and the target, on the path"),
            ("gap", ("point",), "distance of the nearest stored image"),
            ("drawn_probability", ("point", "side"), "the same of the pictures"),
        )
    ),
    *(
        _classes(paths.counterfactual(name), (MOVE, "point"), CLASS, text, 0)
        for name, text in (
            ("predicted", "class of the head on the path"),
            ("drawn_predicted", "class of the picture"),
        )
    ),
    Dataset(
        paths.counterfactual("nearest"),
        (MOVE, "point"),
        INTEGER,
        "row of the nearest stored image, the moved left out",
        lowest=0,
        below=SAMPLE,
    ),
    _rows(paths.counterfactual("random_nearest"), MOVE, "nearest to the end of the random move"),
    Dataset(
        paths.counterfactual("metric"),
        (MOVE, "point", "part", "measure"),
        REAL,
        "metrics of the parts of the pictures on the path",
        nan=True,
    ),
    Dataset(
        paths.counterfactual("random_metric"),
        (MOVE, "part", "measure"),
        REAL,
        "the same at the end of the random move",
        nan=True,
    ),
    *(
        Dataset(paths.counterfactual(name), (MOVE, "figure"), REAL, text, nan=True)
        for name, text in (
            ("field", "figures of the change field from the first to the last picture"),
            ("random_field", "the same to the end of the random move"),
        )
    ),
    Dataset(
        paths.counterfactual("descent_end"),
        (MOVE, EMBEDDING_ROW),
        REAL,
        "what the head reads where the paper's descent ends",
    ),
    Dataset(paths.counterfactual("descent_distance"), (MOVE,), REAL, "its distance"),
    Dataset(
        paths.counterfactual("descent_steps"),
        (MOVE,),
        INTEGER,
        "its steps, -1 where no picture was of the target",
        lowest=-1,
    ),
    *(
        _classes(paths.counterfactual(f"descent_{name}"), (MOVE,), CLASS, text, 0)
        for name, text in (("predicted", "class of the head there"), ("drawn", "of the picture"))
    ),
    Dataset(
        paths.counterfactual("picture"),
        (KEPT, "point", "channel", "y", "x"),
        UNSIGNED,
        "pictures along the path of the first moves",
    ),
    _columns(paths.counterfactual("pairs"), "a row a pair of classes, and of all"),
    _columns(paths.counterfactual("parts"), "a row a pair of classes, part and metric"),
    _replicates(paths.link("<link>")),
    _columns(paths.link("<link>"), "a table: statistics of held-out pairs"),
    _replicates(paths.table("<name>")),
    _rows(f"{paths.LOCALIZATION}/sample", REGION, "row of the sample", needed=True),
    _classes(f"{paths.LOCALIZATION}/label", (REGION,), GROUP, "data class, -1 any", needed=True),
    Dataset(
        f"{paths.LOCALIZATION}/map",
        (REGION,),
        INTEGER,
        "row of the map in its store",
        needed=True,
        lowest=0,
    ),
    Dataset(
        f"{paths.LOCALIZATION}/share",
        (REGION,),
        REAL,
        "the object's share of the frame",
        needed=True,
    ),
    Dataset(f"{paths.LOCALIZATION}/at", (THRESHOLD,), REAL, "threshold of a read map", needed=True),
    *(
        Dataset(
            f"{paths.localization('<map>')}/{name}",
            (REGION, THRESHOLD)[: 1 + name.endswith("_iou")],
            REAL,
            text,
            needed=True,
            nan=True,
        )
        for name, text in MEASURES.items()
    ),
    _replicates(paths.localization("<map>")),
    _columns(paths.localization("<map>"), "how well one kind of map finds its objects"),
    _columns(paths.table("<name>"), "a table: one dataset a column"),
    Dataset(
        f"{paths.DIGESTS}/path",
        ("row",),
        TEXT,
        "path of a dataset, or of a group with attributes",
        needed=True,
    ),
    Dataset(f"{paths.DIGESTS}/sha256", ("row",), TEXT, "its SHA-256", needed=True),
    Dataset(paths.HISTORY, (STEP,), TEXT, "steps that made this store, one JSON line each"),
)

NUMBER, NUMBERS, WORD, JSON = "a number", "numbers", "text", "a list in JSON"
ANY = "text or numbers"

FACTS = {  # attributes of results: what they were computed with, and what they rest on
    **dict.fromkeys(
        """above ari_high ari_low ari_sd below_floor bins cophenetic cut_high cut_low degenerate dimension eps floor
        floor_sd images jaccard k leaks left_out log_base maps movable n_init native null_within others pair_rows
        p_label_effect p_within pca permutations queries resamples rows sample score_step seed shuffles undefined
        unlabelled folds compared_samples fitted_pairs latent_dimension repetitions drawn_classes p_distance tuned_samples level fidelity_units
        units silhouette stability stability_low stability_high fidelity_decoys in_twos stability_units stability_decoys moves impossible margin""".split(),
        (NUMBER, ""),
    ),
    **dict.fromkeys(
        """auc_interval by compared covariance direction feature height linkage_on mask method metric normalised normalize
        order resampling row_dimension score sign size target ties unit weights""".split(),
        (WORD, ""),
    ),
    "kinds": (JSON, ""),
    "samples": (ANY, ""),  # how many, and of a tree what they are
}

GROUPS = (
    Group(
        "/",
        "the file",
        {
            "format": (WORD, '"gradtools-store"'),
            "version": (NUMBER, "of the format"),
            "kind": (WORD, "what it was made to hold: " + ", ".join(KINDS)),
            "uuid": (WORD, "its own number"),
            "created": (WORD, "when it was begun"),
            "source": (WORD, "what it was made from"),
            "root": (WORD, "where the images were"),
            "shard": (WORD, "of a shard: its share and its job, as JSON"),
        },
        needed=("kind", "uuid", "created", "source", "root"),
    ),
    Group(
        paths.SAMPLES,
        "the samples; after the images of `extract --augment` come their changed versions, of the same id, label and digest",
        {"unit": (WORD, '"class", "channel", "space" (a compared feature); images where absent')},
    ),
    Group(paths.CLASSES, "the data's classes"),
    Group(paths.BOXES, "a table: boxes in pixels of the original image, half-open"),
    Group(paths.MASKS, "a table: masks of the original image, as COCO's run lengths"),
    Group(
        paths.MODEL,
        "the network",
        {
            "model": (WORD, "as --model names it"),
            "weights": (WORD, "as --weights names them"),
            "weights_sha256": (WORD, "SHA-256 of all weights"),
            "preprocess": (WORD, "settings as JSON, or the name of a function"),
            "score": (WORD, "what is differentiated"),
            "target": (WORD, "which class it is of"),
            "temperature": (NUMBER, "of the softmax"),
            "device": (WORD, "cpu or cuda"),
            "dtype": (WORD, "of the pass"),
            "batch_size": (NUMBER, "images a batch"),
            "amp": (WORD, "bf16 or fp16 below the classifier; absent where all is of `dtype`"),
            "folded": (NUMBER, "1 where BatchNorm was folded into convolutions"),
            "output": (
                WORD,
                "how logits come out of what the network returns, as JSON; absent where it returns them",
            ),
            "range": (
                WORD,
                "values of the image files that are black and white, as of --range; absent for the type's",
            ),
        },
    ),
    Group(paths.OUTPUTS, "what the network answered"),
    Group(
        paths.feature_group("<feature>"),
        "a feature that `gradtools import` read",
        {"source": (WORD, "file and key"), "about": (WORD, "what it is of")},
    ),
    Group(
        paths.TAPS,
        "the taps",
        {
            "order": (JSON, "list of their names, in order of execution"),
            "blocks": (JSON, "list of those that end a block"),
            "default_gradient": (WORD, "the tap of `gradient` without one"),
            "default_activation": (WORD, "the tap of `activation` without one"),
        },
    ),
    Group(
        TAP,
        "one tap; where samples are channels it is `profile`, and its channels are classes of images",
        {
            "shape": (NUMBERS, "channels, height, width"),
            "call": (NUMBER, "which call of its module"),
            "spatially_constant": (NUMBER, "1: the gradient is equal at all positions"),
            "input_independent": (NUMBER, "1: the gradient depends on the target alone"),
            "gradient_cancels": (
                NUMBER,
                "1: the gradient sums to zero over positions; pooled it is rounding noise",
            ),
            "activation_cancels": (NUMBER, "1: the same of the activation"),
            "parallel": (NUMBER, "share of the rows that are a multiple of the class row"),
            "parallel_of": (NUMBER, "of how many rows with a gradient; in shards alone"),
            "subsets": (JSON, "list of the names of channel subsets"),
            "rankings": (JSON, "list of the names of rankings"),
            "sides": (JSON, "list of what happens to a subset"),
            "kernels": (JSON, "list of the convolutions that make the channels"),
            "linear": (NUMBER, "1: all behind the tap is linear"),
            "tail": (NUMBER, "1: only what is behind the tap was run"),
            "by": (WORD, "what the classes of a profile are"),
        },
    ),
    Group(
        paths.MAPS,
        "maps of single images and of pairs",
        {
            "order": (JSON, "list of the maps' names, as they were made"),
            "target": (WORD, "what the score is about"),
            "score": (WORD, "what is differentiated"),
            "temperature": (NUMBER, "of the softmax"),
            "pairs": (WORD, "how pairs were chosen"),
            "embedding": (WORD, "the vector that pairs compare"),
            "seed": (NUMBER, "of the choice"),
        },
    ),
    Group(
        MAP_OF,
        "maps of one method at one tap",
        {
            "method": (WORD, "with the subset's suffix"),
            "tap": (WORD, "its name"),
            "channels": (WORD, "the subset"),
            "module": (WORD, "the tap's module"),
            "call": (NUMBER, "which call of it"),
        },
    ),
    Group(paths.PAIRS, "pairs of samples"),
    Group(SIMILARITY, "a table, and the matrix where it was asked for"),
    Group(NEIGHBORS, "the nearest other samples of each"),
    Group(RETRIEVAL, "a table: how often they are of the sample's class"),
    Group(paths.nearest_of("<feature>"), "a table: the nearest of one sample"),
    Group(paths.augmentation("<feature>"), "a table: images against their changed versions"),
    Group(paths.decoding("<feature>"), "a table: a linear probe of the label"),
    Group(CLUSTERS, "clusterings of one feature"),
    Group(LINKAGE, "a tree", {"samples": (WORD, "what its leaves are, in words")}),
    Group(PROJECTION, "principal components"),
    Group(paths.LOCALIZATION, "the objects that maps were held against"),
    Group(paths.localization("<map>"), "a table: how well one kind of map finds its objects"),
    Group(paths.channels("<tap>"), "means of channel values over the images of every class"),
    Group(paths.channels("<tap>", "gradient_histogram"), "channels by their gradient"),
    Group(paths.channels("<tap>", "contribution_histogram"), "channels by their contribution"),
    Group(paths.FAITHFULNESS, "the images that were multiplied by maps, a row a map"),
    Group(
        paths.faithfulness("<map>", "<fill>"), "a table: what the score does under one kind of map"
    ),
    Group(
        paths.SHARD,
        "of a shard: what merge makes the tables of all shards from",
        {"tables": (WORD, "how, as JSON")},
    ),
    Group(paths.SANITY, "networks with random parameters, one a row"),
    Group(paths.DRAWN, "images that maps were drawn of, as the network saw them"),
    Group(f"{paths.SANITY}/<map>", "how alike their maps and the trained network's are"),
    Group(paths.sanity("<map>", "<measure>_table"), "a table: means over images and seeds"),
    Group(
        paths.AUDIT, "images whose object and background were shown apart, a row an image and class"
    ),
    Group(f"{paths.AUDIT}/<fill>", "their scores"),
    Group(paths.audit("<fill>", "summary"), "a table: right for the wrong reason, by class"),
    Group(paths.audit("<fill>", "flagged"), "a table: the rows that are"),
    Group(paths.trial("<construction>", "methods"), "a table: every method under every measure"),
    Group(paths.trial("<construction>", "measures"), "a table: how measures rank the methods"),
    Group(
        f"{paths.TRIAL}/<construction>",
        "methods and measures on a network whose right answer is known",
    ),
    Group(
        paths.LINK,
        "pairs of a generator's latent and what a classifier's head reads of the picture, and the map between them",
        {
            "generator": (WORD, "as --generator names it"),
            "generator_sha256": (WORD, "SHA-256 of its code and weights"),
            "psi": (NUMBER, "truncation"),
            "latent": (WORD, "where latents are read and set: w, z, or a name of the generator's"),
            "classes": (NUMBERS, "the generator's number of each class"),
            "method": (WORD, "ridge or ols"),
            "alpha": (NUMBER, "penalty of the ridge"),
            "kinds": (JSON, "list of the links, in the order of the views of the examples"),
            "shape": (NUMBERS, "channels, height and width of a picture"),
            "seed": (NUMBER, "of the samples"),
        },
    ),
    Group(
        paths.TUNING,
        "directions of what the head reads, tuned over their range: what changes in the pictures",
        {
            "parts": (JSON, "list of the names of parts, background first"),
            "metrics": (JSON, "list of the metrics"),
            "fields": (JSON, "list of the figures of a change field"),
            "segmenter": (WORD, "what found the parts"),
            "generator": (WORD, "as --generator names it"),
            "steps": (NUMBER, "of each direction"),
            "seed": (NUMBER, "of samples and decoys"),
        },
    ),
    Group(paths.tuning("effects"), "a table: a row a part and metric"),
    Group(paths.tuning("sparsity"), "a table: in how few parts units change a metric"),
    Group(paths.tuning("clusters"), "a table: clusters of units by what they change"),
    Group(paths.tuning("concepts"), "a table: which parts units change together"),
    Group(paths.tuning("alike"), "a table: do units that are active together change alike"),
    Group(
        paths.COUNTERFACTUAL,
        "least moves of what the head reads to other classes, and what is met on the way",
        {
            "margin": (NUMBER, "of the target at the end, in logits"),
            "points": (NUMBER, "of each path"),
            "generator": (WORD, "as the link names it; empty without pictures"),
            "parts": (
                JSON,
                "list of the names of parts, background first; empty where none is measured",
            ),
            "descent": (WORD, "where the paper's descent began: zero or random; empty without"),
            "seed": (NUMBER, "of the random moves"),
        },
    ),
    Group(paths.counterfactual("pairs"), "a table: a row a pair of classes, and of all"),
    Group(paths.counterfactual("parts"), "a table: what moves change in the parts of pictures"),
    Group(paths.link("<link>"), "a table: how well held-out pairs are met"),
    Group(paths.DIGESTS, "SHA-256 of everything else, written last; `info --check` compares"),
    Group(paths.table("<name>"), "a table: one dataset a column, all of one length"),
)


Entry = TypeVar("Entry", Dataset, Group)


def _by_depth(entries: Iterable[Entry]) -> dict[int, list[tuple[list[str], Entry]]]:
    """Return {number of parts: [(parts, entry)]}, those with the fewest placeholders first."""
    depths: dict[int, list[tuple[list[str], Entry]]] = {}
    for entry in sorted(
        entries, key=lambda entry: (entry.path.count("<"), -len(entry.path.split("<")[0]))
    ):
        parts = entry.path.split("/")
        depths.setdefault(len(parts), []).append((parts, entry))
    return depths


DATASETS_BY_DEPTH, GROUPS_BY_DEPTH = _by_depth(DATASETS), _by_depth(GROUPS)


@functools.cache
def dataset(path: str) -> Dataset | None:
    """Return what the dataset at `path` should be, or None where the table has no such path."""
    return _match(DATASETS_BY_DEPTH, path)


def known(path: str) -> Dataset:
    """Return what the dataset at `path` should be.

    Raises
    ------
    ValueError
        If the table has no such path.
    """
    entry = dataset(path)
    if entry is None:
        raise ValueError(f"{path} is not a dataset of the schema")
    return entry


@functools.cache
def group(path: str) -> Group | None:
    """Return what the group at `path` should be, or None where the table has no such path."""
    return _match(GROUPS_BY_DEPTH, path)


def _match(entries: Mapping[int, list[tuple[list[str], Entry]]], path: str) -> Entry | None:
    """Return the first entry whose parts equal the path's, placeholders matching any."""
    parts = path.split("/")
    return next(
        (
            entry
            for pattern, entry in entries.get(len(parts), ())
            if all(map(_fits, pattern, parts))
        ),
        None,
    )


def _fits(pattern: str, part: str) -> bool:
    """Return True if a part of a path is what a pattern with or without a placeholder stands for."""
    start, placeholder, rest = pattern.partition("<")
    end = rest.partition(">")[2]
    return part.startswith(start) and part.endswith(end) if placeholder else part == pattern


GROUP_PATHS = _by_depth(
    {
        path: Group(path, "")
        for entry in DATASETS
        for path in itertools.accumulate(
            entry.path.split("/")[1:-1], lambda a, b: f"{a}/{b}", initial=""
        )
    }.values()
)


@functools.cache
def is_group(path: str) -> bool:
    """Return True if the table has datasets below `path`."""
    return _match(GROUP_PATHS, path) is not None


@functools.cache
def needed(path: str) -> tuple[str, ...]:
    """Return the names of the datasets that a group always has."""
    parts = path.split("/")
    return tuple(
        entry.path.rsplit("/", 1)[1]
        for pattern, entry in DATASETS_BY_DEPTH.get(len(parts) + 1, ())
        if entry.needed and all(map(_fits, pattern[:-1], parts))
    )


def is_kind(value: object, kind: str) -> bool:
    """Return True if an attribute's value is of a kind: text, number, numbers, JSON (a list of texts), or any of them."""
    is_number = isinstance(value, (int, float))
    is_list = isinstance(value, list) and all(
        isinstance(element, (int, float)) for element in value
    )
    if kind == JSON:
        return isinstance(value, str) and _is_json_list(value)
    return {
        WORD: isinstance(value, str),
        NUMBER: is_number,
        NUMBERS: is_list,
        ANY: isinstance(value, str) or is_number or is_list,
    }[kind]


def _is_json_list(text: str) -> bool:
    """Return True if a text is a list of texts in JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, list) and all(isinstance(element, str) for element in value)


def types(entry: Dataset) -> str:
    """Return the types that a dataset may be of, in words."""
    return " or ".join(TYPES[kind] for kind in entry.kinds)


def page() -> str:
    """Return the page of the format as Markdown: every group with its attributes and datasets."""
    lines = ["# The store", ""]
    for entry in GROUPS:
        lines += [f"## `{entry.path}`", "", entry.text[0].upper() + entry.text[1:] + ".", ""]
        if entry.attributes:
            lines += ["| attribute | type | what |", "|---|---|---|"]
            lines += [
                f"| `{name}` | {kind} | {text} |" for name, (kind, text) in entry.attributes.items()
            ]
            lines.append("")
        members = [
            column for column in DATASETS if column.path.rsplit("/", 1)[0] == entry.path.rstrip("/")
        ]
        if members:
            lines += ["| dataset | dimensions | type | what |", "|---|---|---|---|"]
            lines += [_row(column) for column in members]
            lines.append("")
    return "\n".join(lines)


def _row(entry: Dataset) -> str:
    """Return a dataset as a row of the page."""
    facts = [entry.text, entry.units, "NaN: not defined" if entry.nan else ""]
    dims = ", ".join(name.strip("/") for name in entry.dims)
    return f"| `{entry.path.rsplit('/', 1)[1]}` | {dims} | {types(entry)} | {'; '.join(filter(None, facts))} |"


TYPES = {"i": "integer", "u": "u8", "f": "float", "S": "UTF-8"}
