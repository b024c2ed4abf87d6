"""Words that the help, the stores and the tables share; imports nothing, so that --help stays fast."""

MAP_METRICS = ("CC", "SIM", "KLD", "JSD", "AUC", "NSS", "SSIM")
MAP_STATISTICS = {
    "all": "all pairs",
    "within": "within class",
    "within_macro": "mean of classes",
    "between": "between",
    "within_minus_between": "within - between",
    "class_mean": "class's mean map",
    "centre": "centred Gaussian",
}
CLASS_BY_PREDICTION = {
    "same_class_same_prediction": "same class, same pred",
    "same_class_other_prediction": "same class, other pred",
    "other_class_same_prediction": "other class, same pred",
    "other_class_other_prediction": "other class, other pred",
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
