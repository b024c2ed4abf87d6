"""Words that the help, the stores and the tables share; imports nearly nothing, so that --help stays fast."""

from gradtools.selection.words import units

__all__ = ["units"]

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
