"""Words that the help, the stores and the tables share; imports nothing, so that --help stays fast."""

NOT_DEFINED = "not defined here"
NOT_BOTH = "one of the two has no value"
NEEDS_LABELS = "the samples have no labels"
NEEDS_PREDICTIONS = "the samples have no predictions"
NO_PAIRS = "there are no such pairs"
SHARED_PREDICTION = "{pairs:,} pairs share a prediction: {same:,} of one class, {other:,} of two"
OF_CLUSTERS_ALONE = "a control has labels and no clusters"
BETTER = {"higher": "higher is better", "lower": "lower is better"}
PART = "part {number} of {count}"

# Heads of the statistics of similarities, by their names in a store.
STATISTICS = {
    "within": "within class",
    "within_macro": "mean of classes",
    "within_minus_between": "within - between",
    "between": "between",
    "all": "all pairs",
    "same_prediction": "same pred",
    "same_class_same_prediction": "same class, same pred",
    "same_class_other_prediction": "same class, other pred",
    "other_class_same_prediction": "other class, same pred",
    "other_class_other_prediction": "other class, other pred",
    "label_effect": "label effect | pred",
    "prediction_effect": "prediction effect | class",
    "auc": "pair AUC",
    "auc_same_prediction": "AUC | same pred",
    "auc_other_prediction": "AUC | other pred",
    "quantile_05": "5 %",
    "median": "median",
    "quantile_95": "95 %",
    "most_alike": "most alike",
    "shuffled_all": "all, shuffled",
    "shuffled_most_alike": "most alike, shuffled",
    "mean_row_share": "mean row",
    "spearman_post_raw": "Spearman of standardised and raw",
    "spearman_post_gauge": "Spearman of standardised and centred",
    "spearman_raw_gauge": "Spearman of raw and centred",
    "class_mean": "class's mean map",
    "rest_mean": "mean map of the others",
    "centre": "centred Gaussian",
}


def _heads(*names):
    return {name: STATISTICS[name] for name in names}


MAP_METRICS = ("CC", "SIM", "KLD", "JSD", "AUC", "NSS", "SSIM")
MAP_STATISTICS = _heads(
    *("all", "within", "within_macro", "between", "within_minus_between"),
    *("class_mean", "rest_mean", "centre"),
)
CLASS_BY_PREDICTION = _heads(
    *("same_class_same_prediction", "same_class_other_prediction"),
    *("other_class_same_prediction", "other_class_other_prediction"),
)
SHOWN_OF_VECTORS = _heads(  # without the means of pairs of two classes, which --json has
    *("within", "same_class_same_prediction", "same_class_other_prediction", "between"),
    *("label_effect", "auc", "auc_same_prediction", "auc_other_prediction"),
)
OVER_TAPS = _heads(
    *("within", "same_class_same_prediction", "label_effect", "auc", "auc_same_prediction")
)
PAIR_DISTRIBUTION = _heads(
    *("all", "same_prediction", "quantile_05", "median", "quantile_95", "most_alike"),
    *("shuffled_all", "shuffled_most_alike", "mean_row_share"),
)
INDICES = {
    "ari": "ARI with the classes",
    "nmi": "NMI with the classes",
    "silhouette": "silhouette of the clusters",
    "silhouette_true": "silhouette of the true classes",
    "ari_argmax": "ARI with the argmax",
    "nmi_argmax": "NMI with the argmax",
    "inertia": "inertia",
    "log_likelihood": "log-likelihood",
    "seed": "seed",
}
CONTROLS_OF_CLUSTERS = {"argmax": "argmax itself", "random": "random labels"}
OF_VERSIONS = {"within": "another image, same class", "between": "another image, other class"}
PROBE_SCOPES = {
    "all": "all images",
    "all:without-row": "all images, without W_c",
    "same-prediction": "given the prediction",
    "same-prediction:without-row": "given the prediction, without W_c",
}

# Notes below the tables.
WITHIN = "within class: mean over all pairs of one class; it ignores the level between classes, so compare spaces by pair AUC."
EFFECT = "label effect | pred: same class minus other class among pairs of equal prediction; p shuffles labels within predictions."
CLASS_ROW = "class row: the last layer's row of the predicted class (--feature weight), a control that depends on the image only through its argmax."
INTERVALS = "[low, high]: 95 % of resampled {units}."
CLASS_OF_A_CHANNEL = "class: of a channel, its tap."
ON_PAIR_DISTRIBUTION = (
    "no labels, so all pairs together. shuffled: the values of every row are shuffled first, the mean of {shuffles} times; it is what chance gives.",
    "mean row: the length of the mean of all rows over the mean of their lengths, as stored; --rows centred takes the mean row away.",
)
ON_MAPS = (
    "between: pairs of maps of two classes, the control of within class; class's mean map: each map against that of the other images.",
    "centred Gaussian: what a map that knows only where photographs have their subject would reach.",
)
ON_CLUSTERS = (
    "mean ± spread over the repeats; [low, high]: 95 %, from half samples clustered anew.",
    "ARI with the argmax: against the network's own answers. Where it is 1, the clusters are the predictions.",
    "argmax itself: the predictions as clusters; random labels: permuted labels.",
)
CHANCE = "chance: candidates in random order; ties count as broken by chance."
CHANCE_GIVEN_PREDICTION = "the class row of the prediction is the same for all candidates of one prediction, so it scores chance there."
GIVEN_THE_PREDICTION = "given the same prediction: only {units} of the query's own prediction are candidates, where these have two classes or more."
QUERIES = "[low, high]: 95 % of resampled queries; the {units} they are compared with stay."
ON_PROBES = (
    "{folds} folds, mean ± sd; chance: mean ± sd of {shuffles} shuffles of the labels, given the prediction among images of equal prediction.",
    "without W_c: less the projection on the class row of the prediction. given the prediction: images of predictions with two labels or more.",
)
ON_VERSIONS = {
    "cosine": "another image, of the same class and of another one, in the last rows: the levels to compare with.",
    "auc": "share of (image, version, other image) in which the version is more alike to the image; 0.5: no more than any image of the class.",
}
ON_LAYERS = "same class, same pred = 1 of a gradient: it is the class row, which knows the argmax and nothing else."
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
# How rows are normalised: the word in a store, which digests hold, and the one of --rows.
ROWS = {"post": "standardised", "raw": "raw", "gauge": "centred"}
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
    "gradient-similarity",
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


def feature_head(feature):
    """Return what a feature is called in a table: `weight`, the class row, is not the model's weights."""
    return "class row" if feature == "weight" else feature


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
