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
RANKINGS_OF_CHANNELS = {
    "contribution": "contribution",
    "gxa": "gradient x mean activation",
    "abs": "|gradient|",
    "gradient": "gradient",
    "nearzero": "near zero first",
    "activation": "mean activation",
    "random": "random",
}
