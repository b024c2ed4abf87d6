"""Words of the verdicts of claims."""

KINDS = ("supported", "contradicted", "undecided")
RULE = "p is of the sentence, or of its contrary where that is the verdict; verdicts hold at 5 % over all sentences of the file (Holm)."
LOWER = "> is the larger number, also where lower is better (ADP, deletion, KLD, JSD)."
DECIDED = "decided"
MORE_RESAMPLES = "all resamples agree; --resamples {count} would be enough to say so"
NEVER = "the difference is the bound itself: no number of images would decide it"
NO_INTERVAL = "rests on too few images to have an interval"
LACKS = "{model} has no value on one side: {reason}"
LACKING = "judged without {models}, of which no store has the statistic: {claims}."
BEHIND = "left minus right in every model, with 95 % intervals"
