"""Words that the help, the stores and the tables share; imports nothing, so that --help stays fast."""

NOT_DEFINED = "not defined here"
NOT_BOTH = "one of the two has no value"
BETTER = {"higher": "higher is better", "lower": "lower is better"}
PART = "part {number} of {count}"
MAP_METRICS = ("CC", "SIM", "KLD", "JSD", "AUC", "NSS", "SSIM")
MAP_STATISTICS = {
    "all": "all pairs",
    "within": "within class",
    "within_macro": "mean of classes",
    "between": "between",
    "within_minus_between": "within - between",
    "class_mean": "class's mean map",
    "rest_mean": "mean map of the others",
    "centre": "centred Gaussian",
}
CLASS_BY_PREDICTION = {
    "same_class_same_prediction": "same class, same pred",
    "same_class_other_prediction": "same class, other pred",
    "other_class_same_prediction": "other class, same pred",
    "other_class_other_prediction": "other class, other pred",
}
SPREAD = {
    "all": "all pairs",
    "same_prediction": "same pred",
    "quantile_05": "5 %",
    "median": "median",
    "quantile_95": "95 %",
    "most_alike": "most alike",
    "shuffled_all": "all, shuffled",
    "shuffled_most_alike": "most alike, shuffled",
    "mean_row_share": "mean row",
}
RANKINGS_OF_CHANNELS = {
    "contribution": "contribution",
    "gxa": "gradient x mean activation",
    "abs": "|gradient|",
    "gradient": "gradient",
    "nearzero": "near zero first",
    "activation": "mean activation",
    "random": "random",
}
RETRIEVAL = {
    "recall_1": "recall@1",
    "recall_5": "recall@5",
    "average_precision": "mAP",
    "knn": "kNN accuracy",
}
RANDOM_WEIGHTS = "random weights: the numbers say nothing of a trained network"
GIVEN_PREDICTION = (
    "_same_prediction"  # what follows the name of a measure among images of one prediction
)

LAYOUTS = (
    "similarity",
    "clustering",
    "layers",
    "maps",
    "augmentation",
    "decoding",
    "retrieval",
    "channels",
    "seed",
)
# The command that computes what a layout shows.
FILLED_BY = {
    "similarity": "gradtools similarity",
    "clustering": "gradtools cluster",
    "layers": "gradtools similarity --feature 'gradient@*' --feature 'activation@*'",
    "maps": "gradtools saliency | gradtools similarity",
    "augmentation": "gradtools extract --augment 2, then gradtools similarity,",
    "decoding": "gradtools similarity --decode",
    "retrieval": "gradtools neighbors",
    "channels": "gradtools channels",
}


def computed_by(layout, more=""):
    """Return the reason of a cell that nobody computed: the command that fills it."""
    return f"{FILLED_BY[layout]}{more} computes it"


LINKAGES = {
    "ward": "Ward",
    "average": "average linkage",
    "complete": "complete linkage",
    "single": "single linkage",
    "weighted": "weighted linkage",
}

# How the tree of the blog post was made, after the name of its linkage (mathematics#trees-as-published-and-as-meant).
LINKED_ON = {
    "rows": "",
    "seed": ", the blog post's as its code runs,",
    "intent": ", the blog post's as it was meant,",
}


def units(unit, count=0):
    """What so many samples of a store are called: image or images, class or classes, channel or channels (str)."""
    return unit if count == 1 else "classes" if unit == "class" else f"{unit}s"
