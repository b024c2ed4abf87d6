"""Words of the specification curve."""

HEADLINES = {  # title and statistic by the table's id
    "choices-pair-auc": (
        "does the gradient separate classes better? pair AUC, gradient minus the other feature, under every choice",
        "auc",
    ),
    "choices-pair-auc-same-prediction": (
        "and given the same prediction? pair AUC, gradient minus the other feature, under every choice",
        "auc_same_prediction",
    ),
    "choices-ari": (
        "do gradients cluster by class better? ARI, gradient minus the other feature, under every choice",
        "ari",
    ),
}
DIFFERENCE, HOLDS = "gradient - other", "holds"
CLEAR, OPPOSITE, UNCLEAR = "yes", "no: the opposite", "not clear of 0"
SHARE = "above 0 in {share} % of {count} choices; the interval is above 0 in {above} and below in {below}."
SAME = "the same in all: {choices}."
