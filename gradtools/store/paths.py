"""Where things lie in a store: the only place that spells its paths (`gradtools.store.layout` describes them)."""

SAMPLES, PAIRS, PAIR_SCORE = "/samples", "/pairs", "/pairs/score"
ID, LABEL, LABELS = "/samples/id", "/samples/label", "/samples/labels"
DIGEST, HEIGHT, WIDTH = "/samples/digest", "/samples/height", "/samples/width"
MAP_TARGET, MAP_SCORE, MAP_LABEL = "/maps/target", "/maps/score", "/maps/label"
CLASS_NAME, MEMBER, BOXES = "/classes/name", "/classes/member", "/boxes"
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
SCORE = "/outputs/score"
MAPS, MAP_SAMPLE, MAP_PARTNER = "/maps", "/maps/sample", "/maps/partner"
TAPS, SIMILARITY, NEIGHBORS, CLUSTERS, PROJECTION = (
    "/taps",
    "/similarity",
    "/neighbors",
    "/clusters",
    "/projection",
)
LINKAGE = "/linkage"
AUGMENTATION, DECODING = "/augmentation", "/decoding"
CHANNELS, TABLES = "/channels", "/tables"
ORIGINAL, CHANGED_BY, STRENGTH, VERSION = (
    "/samples/original",
    "/samples/augmentation",
    "/samples/strength",
    "/samples/version",
)


def tap(name, kind=None):
    """Group of a tap, or its dataset `kind`: activation, gradient, contribution, ablation_zero, ..."""
    return f"{TAPS}/{name}" + (f"/{kind}" if kind else "")


def maps(name):
    """Dataset of the maps of one name, as in gradcam@layer4."""
    return f"{MAPS}/{name}/map"


def similarity(feature, metric):
    """Group of one feature's similarities under one metric."""
    return f"{SIMILARITY}/{feature}/{metric}"


def neighbors(feature):
    """Group of the samples that are nearest by one feature."""
    return f"{NEIGHBORS}/{feature}"


def retrieval(feature):
    """Group of how well the nearest samples tell the class."""
    return f"{neighbors(feature)}/retrieval"


def nearest_of(feature):
    """Group of the nearest samples of one sample."""
    return f"{neighbors(feature)}/of"


def clusters(feature, method):
    """Group of one feature's clusterings by one method."""
    return f"{CLUSTERS}/{feature}/{method}"


def linkage(feature):
    """Group of one feature's tree."""
    return f"{LINKAGE}/{feature}"


def projection(feature):
    """Group of one feature's principal components."""
    return f"{PROJECTION}/{feature}"


def augmentation(feature):
    """Group of how alike images and their own versions are."""
    return f"{AUGMENTATION}/{feature}/cosine"


def decoding(feature):
    """Group of how well a linear probe reads the label from a feature."""
    return f"{DECODING}/{feature}/logistic"


def channels(tap, kind=None):
    """Group of what the channels of a tap have in the mean over classes, or of the histogram of a `kind` of their values."""
    return f"{CHANNELS}/{tap}" + (f"/{kind}" if kind else "")


def table(name):
    """Group of a table."""
    return f"{TABLES}/{name}"
