"""Where things lie in a store: the only place that spells its paths (`gradtools.store.schema` says what they are)."""

# dimensions: the scales of the root
SAMPLE, MAP, PAIR, STEP = "/sample", "/map", "/pair", "/step"
CLASS, GROUP, BYTE, OTHER = "/class", "/label", "/byte", "/other"
EMBEDDING_ROW, OTHER_MAP = "/embedding", "/other_map"
REGION, THRESHOLD = "/region", "/threshold"
CYCLE, LATENT, DIRECTION, TUNED = "/cycle", "/latent", "/direction", "/tuned"
TUNING, COUNTERFACTUAL = "/tuning", "/counterfactual"
MOVE, KEPT = "/move", "/kept"
SHOWN, VARIANT = "/shown", "/variant"

SAMPLES, PAIRS, PAIR_SCORE = "/samples", "/pairs", "/pairs/score"
ID, LABEL, LABELS = "/samples/id", "/samples/label", "/samples/labels"
DIGEST, HEIGHT, WIDTH = "/samples/digest", "/samples/height", "/samples/width"
MAP_TARGET, MAP_SCORE, MAP_LABEL = "/maps/target", "/maps/score", "/maps/label"
CLASSES, CLASS_NAME, MEMBER, BOXES = "/classes", "/classes/name", "/classes/member", "/boxes"
MASKS, MASK_COUNTS = "/masks", "/masks/counts"
MODEL, MODEL_CLASS_NAME, WEIGHT, BIAS = (
    "/model",
    "/model/class_name",
    "/model/weight",
    "/model/bias",
)
LOGITS, PREDICTED, TARGET, EMBEDDING = (
    "/outputs/logits",
    "/outputs/predicted",
    "/outputs/target",
    "/outputs/embedding",
)
OUTPUTS, SCORE = "/outputs", "/outputs/score"
MAPS, MAP_SAMPLE, MAP_PARTNER = "/maps", "/maps/sample", "/maps/partner"
TAPS, SIMILARITY, NEIGHBORS, CLUSTERS, PROJECTION = (
    "/taps",
    "/similarity",
    "/neighbors",
    "/clusters",
    "/projection",
)
LINKAGE, LOCALIZATION, FAITHFULNESS = "/linkage", "/localization", "/faithfulness"
SHARD = "/shard"
SANITY = "/sanity"
TRIAL, AUDIT = "/trial", "/audit"
LINK, LINK_W, LINK_SEED, LINK_ATTEMPTS, LINK_HELD = (
    "/link",
    "/link/w",
    "/link/z_seed",
    "/link/attempts",
    "/link/held_out",
)
LINK_COEF, LINK_INTERCEPT, LINK_CYCLE = "/link/coef", "/link/intercept", "/link/cycle_sample"
TUNING_TABLES, MOVE_TABLES = "/tuning/statistics", "/counterfactual/statistics"
OF_TUNINGS = ("effects", "sparsity", "clusters", "concepts", "alike")
LINK_R2, LINK_PICTURE, LINK_TABLES = "/link/r2", "/link/examples/picture", "/link/statistics"
SANITY_ACCURACY, SANITY_FRAME = "/sanity/accuracy", "/drawn/frame"
DRAWN = "/drawn"
PICTURE, TRAINED = "picture", "trained"  # of a map below /sanity
AUGMENTATION, DECODING = "/augmentation", "/decoding"
CHANNELS, TABLES = "/channels", "/tables"
FEATURES = "/features"
HISTORY, DIGESTS = "/history", "/digests"
ORIGINAL, CHANGED_BY, STRENGTH, VERSION = (
    "/samples/original",
    "/samples/augmentation",
    "/samples/strength",
    "/samples/version",
)


def inside(group: str, name: str) -> str:
    """Return the dataset or group `name` of a group."""
    return f"{group}/{name}"


def tap(name: str, kind: str | None = None) -> str:
    """Return the group of a tap, or its dataset `kind`: activation, gradient, contribution, ablation_zero, ..."""
    return f"{TAPS}/{name}" + (f"/{kind}" if kind else "")


def feature(name: str) -> str:
    """Return the dataset of a feature that was made elsewhere."""
    return f"{FEATURES}/{name}/value"


def feature_group(name: str) -> str:
    """Return the group of a feature that was made elsewhere."""
    return f"{FEATURES}/{name}"


def maps(name: str) -> str:
    """Return the dataset of the maps of one name, as in gradcam@layer4."""
    return f"{MAPS}/{name}/map"


def similarity_of(feature: str) -> str:
    """Return the group of all similarities of one feature."""
    return f"{SIMILARITY}/{feature}"


def map_group(name: str) -> str:
    """Return the group of the maps of one name."""
    return f"{MAPS}/{name}"


def undefined(name: str) -> str:
    """Return the dataset of the entries without a weight of the maps of one name."""
    return f"{MAPS}/{name}/undefined"


def near_pole(name: str) -> str:
    """Return the dataset of the entries near the pole of Grad-CAM++'s weights of the maps of one name."""
    return f"{MAPS}/{name}/near_pole"


def shard(name: str) -> str:
    """Return the path of a column that shards alone have."""
    return f"{SHARD}/{name}"


def box(column: str) -> str:
    """Return the dataset of a column of the boxes: sample, class, x0, y0, x1, y1."""
    return f"{BOXES}/{column}"


def mask(column: str) -> str:
    """Return the dataset of a column of the masks: sample, class, object, ignore, start."""
    return f"{MASKS}/{column}"


def pair(side: str) -> str:
    """Return the dataset of the samples of all pairs that are `a` or `b`."""
    return f"{PAIRS}/{side}"


def similarity(feature: str, metric: str) -> str:
    """Return the group of one feature's similarities under one metric."""
    return f"{SIMILARITY}/{feature}/{metric}"


def matrix(feature: str, metric: str) -> str:
    """Return the dataset of one feature's similarities of every pair."""
    return f"{similarity(feature, metric)}/matrix"


def neighbors(feature: str) -> str:
    """Return the group of the samples that are nearest by one feature."""
    return f"{NEIGHBORS}/{feature}"


def retrieval(feature: str) -> str:
    """Return the group of how well the nearest samples tell the class."""
    return f"{neighbors(feature)}/retrieval"


def nearest_of(feature: str) -> str:
    """Return the group of the nearest samples of one sample."""
    return f"{neighbors(feature)}/of"


def clusters(feature: str, method: str) -> str:
    """Return the group of one feature's clusterings by one method."""
    return f"{CLUSTERS}/{feature}/{method}"


def linkage(feature: str) -> str:
    """Return the group of one feature's tree."""
    return f"{LINKAGE}/{feature}"


def projection(feature: str) -> str:
    """Return the group of one feature's principal components."""
    return f"{PROJECTION}/{feature}"


def augmentation(feature: str) -> str:
    """Return the group of how alike images and their own versions are."""
    return f"{AUGMENTATION}/{feature}/cosine"


def decoding(feature: str) -> str:
    """Return the group of how well a linear probe reads the label from a feature."""
    return f"{DECODING}/{feature}/logistic"


def channels(tap: str, kind: str | None = None) -> str:
    """Return the group of what the channels of a tap have in the mean over classes, or of the histogram of a `kind` of their values."""
    return f"{CHANNELS}/{tap}" + (f"/{kind}" if kind else "")


def table(name: str) -> str:
    """Return the group of a table."""
    return f"{TABLES}/{name}"


def localization(kind: str) -> str:
    """Return the group of how well one kind of map finds its objects."""
    return f"{LOCALIZATION}/{kind}"


def faithfulness(kind: str, fill: str | None = None, name: str | None = None) -> str:
    """Return the group of the scores of images times one kind of map, of one fill, or a dataset of it."""
    parts = [part for part in (fill, name) if part]
    return "/".join([f"{FAITHFULNESS}/{kind}", *parts])


def sanity(kind: str, measure: str) -> str:
    """Return the dataset of how alike maps of random networks and the trained one's are, by one measure."""
    return f"{SANITY}/{kind}/{measure}"


def trial(construction: str, name: str) -> str:
    """Return the dataset or table of one construction: truth, method, measure, value; methods, measures."""
    return f"{TRIAL}/{construction}/{name}"


def audit(fill: str, name: str = "") -> str:
    """Return the group of the audit of one fill, or a dataset of it."""
    return f"{AUDIT}/{fill}" + (f"/{name}" if name else "")


def link(name: str) -> str:
    """Return the group of a table of a link: linear, kernel, null, mean, difference, feasibility."""
    return f"{LINK_TABLES}/{name}"


def cycled(kind: str, measure: str) -> str:
    """Return the dataset of how alike held-out pictures and those that one kind of link gives back are, by one measure."""
    return f"{LINK}/cycled/{kind}/{measure}"


def tuning(name: str) -> str:
    """Return the dataset of what directions do to pictures: metric, fidelity, ..., or group of a table of it: effects, sparsity, ..."""
    return f"{TUNING_TABLES}/{name}" if name in OF_TUNINGS else f"{TUNING}/{name}"


def counterfactual(name: str) -> str:
    """Return the dataset of moves to other classes: sample, target, distance, ..., or group of a table of them: pairs, parts."""
    if name in ("pairs", "parts"):
        return f"{MOVE_TABLES}/{name}"
    return f"{COUNTERFACTUAL}/{name}"
