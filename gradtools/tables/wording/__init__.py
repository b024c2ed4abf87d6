"""Words that the help, the stores and the tables share; imports nearly nothing, so that --help stays fast."""

from collections.abc import Iterator

from gradtools.selection.words import units

__all__ = ["units"]

FORMS = ("text", "markdown", "latex", "html", "csv", "tsv", "json")  # in which tables are written
FOR_PROGRAMS = ("json", "csv", "tsv")  # forms that hold every value; the others what a page holds

CLASS_ROW_ALONE = "the class row of the target in every image"
CLASS_ROW_DIRECTION = "parallel to the class row of the target in every image, so its direction carries nothing of the image"
CANCELS = "sums to zero over positions in every image, so the pooled values are rounding noise"
NOT_DEFINED = "not defined here"
NOT_COMPUTED = "not computed for this model"
NOT_RECORDED = "not recorded"
DIFFERS = "{count} differences"
NOTHING_DIFFERS = "nothing differs"
NOT_BOTH = "one of the two has no value"
NEEDS_LABELS = "the samples have no labels"
NEEDS_PREDICTIONS = "the samples have no predictions"
NO_PAIRS = "there are no such pairs"
SHARED_PREDICTION = "{pairs:,} {share} a prediction: {same:,} of one class, {other:,} of two"
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


LABEL_EFFECT = STATISTICS["label_effect"]
NO_QUERIES = "no query has candidates of its class and of another"


def _heads(*names: str) -> dict[str, str]:
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
IN_TWOS = "{count} {units} are in classes of two, whose resamples have half their variance: intervals are up to a third too narrow."
CLASS_OF_A_CHANNEL = "class: of a channel, its tap."
ON_PAIR_DISTRIBUTION = (
    "no labels, so all pairs together. shuffled: the values of every row are shuffled first, the mean of {shuffles} times; it is what chance gives.",
    "mean row: the length of the mean of all rows over the mean of their lengths, as stored; --rows centred takes the mean row away.",
)
ON_MAPS = (
    "between: pairs of maps of two classes, the control of within class; class's mean map: each map against that of the other images.",
    "centred Gaussian: what a map would reach that depends only on where photographs have their subject.",
)
ON_CLUSTERS = (
    "mean ± spread over the repeats; [low, high]: 95 %, from half samples clustered anew.",
    "ARI with the argmax: against the network's own answers. Where it is 1, the clusters are the predictions.",
    "argmax itself: the predictions as clusters; random labels: permuted labels.",
)
DRAWN_SILHOUETTES = "{name}: silhouettes of {drawn:,} drawn rows, standard error {error:.3f}."
CHANCE = "chance: candidates in random order; ties count as broken by chance."
CHANCE_GIVEN_PREDICTION = "the class row of the prediction is the same for all candidates of one prediction, so it scores chance there."
GIVEN_THE_PREDICTION = "given the same prediction: only {units} of the query's own prediction are candidates, where these have two classes or more."
QUERIES = "[low, high]: 95 %, from half samples of the {units}: those that ask and those that answer change."
OF_QUERIES = "[low, high]: 95 % of resampled queries; the {units} they are compared with stay."
FEW = 20
FEW_INTERVALS = (
    f"intervals of values that rest on fewer than {FEW} (here {{least}}) are too narrow: 95 % ones cover 67 to 92 % in trials "
    "(gradtools help coverage). Take those of fewer than five as none."
)
FEW_DISTINCT = (
    "probabilities and the class row have few distinct rows: their 95 % intervals cover 87 to 98 % in trials of 60 {units} "
    "(gradtools help coverage)."
)
ON_PROBES = (
    "{folds} folds, mean ± sd; chance: mean ± sd of {shuffles} shuffles of the labels, given the prediction among images of equal prediction.",
    "without W_c: less the projection on the class row of the prediction. given the prediction: images of predictions with two labels or more.",
)
ON_VERSIONS = {
    "cosine": "another image, of the same class and of another one, in the last rows: the levels to compare with.",
    "auc": "share of (image, version, other image) in which the version is more alike to the image; 0.5: no more than any image of the class.",
}
ON_LAYERS = "same class, same pred = 1 of a gradient: it is the class row, which depends on the image only through the argmax."
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
RANDOM_WEIGHTS = "random weights: the numbers say nothing about a trained network"
GIVEN_PREDICTION = (
    "_same_prediction"  # what follows the name of a measure among images of one prediction
)

LAYOUTS = (
    "summary",
    "all",
    "similarity",
    "clustering",
    "layers",
    "maps",
    "augmentation",
    "decoding",
    "retrieval",
    "channels",
    "localization",
    "faithfulness",
    "sanity",
    "link",
    "tuning",
    "counterfactual",
    "trees",
    "comparison",
    "choices",
    "confusion",
    "audit",
    "known-answers",
    "gradient-similarity",
    "gam-faithfulness",
    "gam-localization",
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
    "localization": "gradtools localize",
    "faithfulness": "gradtools faithfulness",
    "sanity": "gradtools sanity",
    "link": "gradtools link",
    "tuning": "gradtools tune",
    "counterfactual": "gradtools counterfactual",
    "trees": "gradtools dendrogram",
    "comparison": "gradtools compare",
    "choices": "gradtools similarity or cluster with several features",
    "confusion": "gradtools extract of labelled images",
    "gam-faithfulness": "gradtools faithfulness",
    "gam-localization": "gradtools localize",
    "audit": "gradtools faithfulness --audit",
    "known-answers": "gradtools trial",
}
# Networks whose right answer is known, and what each is about.
CONSTRUCTIONS = {
    "window": "a window for each class, an equal square outside all",
    "channels": "two classes in an image, channels that all see both",
    "cue-weak": "a fifth of the logit from a cue beside the object",
    "cue-strong": "four fifths of the logit from a cue beside the object",
    "cue-and": "object and cue are both needed",
    "cue-or": "object or cue is enough",
    "two-taps": "a small object behind a coarse last tap",
}


def computed_by(layout: str, more: str = "") -> str:
    """Return the reason of a cell that nobody computed: the command that fills it."""
    return f"{FILLED_BY[layout]}{more} computes it"


def feature_head(feature: str) -> str:
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
    "as-published": ", the blog post's as its code runs,",
    "as-meant": ", the blog post's as it was meant,",
}

# Of the channels of a tap.
CHANNEL_STATISTICS = {
    "positive": "above 0",
    "negative": "below 0",
    "zero": "at 0",
    "gini": "Gini",
    "effective": "effective number",
    "min": "smallest",
    "q05": "5 %",
    "q25": "25 %",
    "median": "median",
    "q75": "75 %",
    "q95": "95 %",
    "max": "largest",
}
CHANNEL_PICTURES = {
    "negative_with_all": "negative ~ all",
    "positive_with_all": "positive ~ all",
    "negative_with_against": "negative ~ evidence against",
    "below_zero": "pixels with 1 + map < 0",
    "gradcam_zero": "Grad-CAM of negative is zero",
}
ABLATED = {  # a channel's training step, gradient and loss
    "kernel_gradient": "kernel gradient",
    "abs": "|gradient|",
    "ablation_zero": "loss at zero",
    "ablation_mean": "loss at its mean",
    "ablation_dataset": "loss at the data's mean",
}
SUBSETS = {
    "channels": "channels",
    "contribution": "contribution",
    "stay_score": "stays: score",
    "stay_unchanged": "same answer",
    "go_score": "goes: score",
    "go_unchanged": "same answer then",
}
TIED = "tied"
MORE_CLASSES = "{count} classes are in the store and in --tsv; --of CLASS shows one."
RANK_BY = "rank by {}"
OF_RESAMPLED_IMAGES = "[low, high]: 95 % of resampled images."
CHANNEL_NOTES = {
    "distribution": (
        "above, below, at 0: shares of the channels; Gini and effective number, (sum |c|)^2 / sum c^2, of their sizes.",
        OF_RESAMPLED_IMAGES,
        "gradient: alpha, the mean over positions; contribution: the sum over positions of gradient times activation.",
    ),
    "agreement": (
        "The contribution is what the score loses to first order when the channel is set to 0; where the head is pooling and a linear layer, exactly.",
        "near zero first is |gradient| in reverse. Channels of equal value share the mean of their ranks; tied: share of the channels "
        "that have the same gradient as another.",
    ),
    "pictures": (
        "pytorch-cnn-visualizations begins its sum over channels with ones and draws ReLU(1 + map). Where 1 + map is nowhere below 0 the ReLU never "
        "acts,",
        "and every picture is a signed map: that of the negative channels is bright where nothing speaks against the class (Spearman -1), whatever",
        "speaks for it. Grad-CAM of these channels, ReLU(map), is zero everywhere where activations are not negative.",
    ),
    "top": (
        "(n): rank by that column among all channels of the tap, =n where other channels have the same value.",
    ),
    "ablation": (
        "Spearman over an image's channels of each ranking with what the score loses when the channel is filled, mean over images.",
        OF_RESAMPLED_IMAGES,
    ),
    "subsets": (
        "Shares of the channels, of the sum of contributions, of the full score, and of the images whose answer is the same, when only the "
        "subset stays and when it goes (zero fill).",
        "random: as many channels, drawn anew for every image.",
    ),
    "curves": (
        "Areas under the score, as a share of the full one, against the share of channels taken away (deletion: small for a good ranking)",
        "or put in (insertion: large for a good one).",
    ),
    "points": (
        "Score as a share of the full one when so many channels of a ranking are taken away (deletion) or put in (insertion).",
    ),
    "differences": (
        "Area of one ranking minus that of the other, on the same images; pairs without the contribution are in the store and in "
        "channels --tsv.",
    ),
    "steps": (
        "kernel gradient: norm of d cross-entropy / d kernel, the training step of the kernel that makes the channel. |gradient|: of the score "
        "at the activation.",
    ),
    "kernels": (
        "The {count} channels of a tap with the largest training steps, means over images; (n): rank by that column among all "
        "channels of the tap.",
        "Every channel is in the store and in channels --tsv.",
    ),
}

# Of comparisons of spaces.
COMPARED = {
    "rsa_pearson": "RSA",
    "rsa_spearman": "RSA, ranks",
    "cka": "CKA",
    "cka_debiased": "CKA debiased",
    "cophenetic": "trees",
}
COMPARED_NOTES = {
    "RSA": "RSA: correlation of the two similarity matrices over all pairs; p: Mantel's, samples of one side permuted; floor: their 95 % quantile.",
    "CKA": "CKA: linear; shuffled: its mean over rows in random order, its bias. debiased: 0 where nothing is in common.",
    "trees": "trees: correlation of the heights at which two samples join (of a taxonomy: path lengths). ARI@k: cuts into k clusters, 0 by chance.",
}
RESAMPLED_PAIRS = (
    "[low, high]: 95 % of resampled {}, pairs of copies left out; the trees are not made anew."
)
MOVED = "moved: 1 - correlation of its similarities to all others in a and in b; 0: unchanged, about 1: nothing in common."
DIFFERENCES = "differences are from the first row, under the same resamples."

# Of trees.
TREE_MEASURES = {
    "cophenetic": "cophenetic correlation",
    "ari": "ARI of the cut with those of resampled dimensions",
    "jaccard": "stability: Jaccard index with the most similar cluster there",
}
TREE_CONTROLS = {
    True: "control: rows with their values permuted.",
    False: "control: the same distances between other pairs.",
}
TREE_NUMBERS = {
    "rows": "leaves",
    "k": "clusters",
    "cut_low": "cut above height",
    "cut_high": "cut below height",
    "dimension": "dimensions of a row",
    "degenerate": "zero rows left out",
    "left_out": "left out by --where",
    "resamples": "resamples",
    "seed": "seed",
    "below_floor": "merges below the control's lowest",
}
LOWEST_MERGE = "height of the lowest merge"
HOW_WELL = "how well the tree keeps the distances, and how stable the cut is"
BELOW_FLOOR = (
    "{below} of {merges} merges are below the height at which the control's begin, on average."
)
NO_ROWS = "of a matrix: there are no rows to resample"
ONE_CLUSTER = "one cluster has nothing to agree with"
NO_RESAMPLES = "--resamples 0"
NEVER_JOINS = "holds all leaves"
LAST_LEAF = "the last leaf"
LINKED_ON_NOTES = {
    "as-published": "as-published: linkage takes the uncondensed matrix for observations, so heights are distances between its rows (scipy warns of it)",
    "as-meant": "as-meant: (1 - cosine)/2 is a squared distance where Ward assumes a plain one, and less its minimum the first merge is at 0",
}

SECTIONS = {  # headings of a report, by layout
    "similarity": "Similarity of images",
    "clustering": "Clusters",
    "layers": "Over the taps",
    "retrieval": "Nearest images",
    "maps": "Similarity of maps",
    "localization": "Where maps point",
    "faithfulness": "What the score does under a map",
    "sanity": "Maps of random networks",
    "channels": "Feature maps",
    "augmentation": "Changed versions of images",
    "decoding": "Linear probes",
    "trees": "Trees",
    "comparison": "Comparison",
    "confusion": "Answers and errors",
    "audit": "Right for the wrong reason",
    "link": "A link from the classifier to the generator",
    "tuning": "Units of the head's input, drawn",
    "counterfactual": "Moves to other classes",
    "known-answers": "Known answers",
    "choices": "The headline under every choice",
}
PICTURES = {  # captions of a report, by picture
    "prediction": "Pair AUC over all pairs, and given the same prediction: what is left when the answer is equal",
    "bars": "Pair AUC and agreement of clusters with the classes",
    "heat": "Mean similarity by class and prediction",
    "pca": "Principal components: true class and clusters",
    "taps": "Mean similarity within classes, and pair AUC, over the taps",
    "deletion": "Deletion and insertion of channels",
    "confusion": "Answers by label",
    "choices": "The headline under every choice of tap, score, feature, normalisation and seed, sorted",
}
ABOVE = "Its commands stand above, with another store."
HOW_TO_READ = (
    "Brackets are 95 % intervals; they resample images (of clusterings: half of the images), never pairs. Differences are paired.",
    "A cell without a value says why below its table. Point at a cell for how many images or pairs it rests on; "
    "click on a head to sort.",
)
OF_FEATURES = (
    "Pair AUC is the chance that two images of one class are more alike than two images of different classes: .5 says nothing.",
    "The class row is the control: it depends on an image only through the network's answer. A gradient says something more "
    "only where it differs from it, and 'given the same prediction' asks what is left when the answer is equal.",
)
OF_MAPS = (
    "A map says something of an image only where it is ahead of its controls: a centred Gaussian and another image's map for "
    "where it points, a constant mask of the same mean for what the score does under it.",
)


def on_files(name: str, skipped: int, ended_early: int) -> Iterator[str]:
    """Yield what a table of a model says of files that could not be read, or in part."""
    if skipped:
        yield f"{name}: {skipped} images could not be read and are in no row"
    if ended_early:
        yield f"{name}: the files of {ended_early} images end early; they were read as far as they go"
