"""Words of the summary: its titles, the names of its statistics, and its sentences."""

HEADLINE = "what similarity says of the classes"
OF_MAPS = "how alike maps are"
OF_REGIONS = "where maps lie"
OF_MASKS = "what the score loses when an image is multiplied by its map"
OF_SANITY = "what is left of maps when the parameters are random"
OF_SPACES = "how alike spaces are"
ACCURACY = "accuracy in %"
ACCURACY_OF = "accuracy in % of the {count} images with one label that the model has"
RECOGNISED = "recognised draws of the generator in %; only these are kept, so there is no accuracy"
OWN_ANSWER = "the class of a sample is the network's own answer"
TOP = {"right": "top-1", "right_of_five": "top-5"}
NO_LOGITS = "needs the logits: give the store that gradtools extract made as well"
NO_LABELS = "no image has one label of its own"
NO_ANSWERS = "no label matches a class of the model: extract with --label-map or --labels-in-order"
NOT_OF_THIS = "a control of the other rows"

PAIR_AUC = "pair AUC"
GIVEN = "pair AUC given prediction"
ALWAYS = (PAIR_AUC, GIVEN)  # rows that say why they are empty
METHODS = {"kmeans": "k-means", "gmm": "GMM", "agglomerative": "agglomerative"}
WITHIN_MAPS, BETWEEN_MAPS = "{metric} within classes", "{metric} of other classes (control)"

BEST = "Classes are separated best by {best}: pair AUC {value}{models}; {second} is {behind} below{clear}."
LEFT = "Given the same prediction, where the class row is at .5: {features}."
NOTHING_LEFT = "Given the same prediction {feature} is at .5, as the class row: it says nothing beyond the answer."
NO_SHARED = "Nothing can be said given the same prediction: {reason}."
IS_CLASS_ROW = "{features} is the class row of the prediction (cosine 1 among images of one prediction): it repeats the answer."
IS_ARGMAX = "{method} of {features} gives the predictions themselves (ARI with the argmax 1), so its {value} is the network's own answer."
BEST_CLUSTERS = "{method} of {feature} agrees best with the classes: ARI {value}; the argmax itself has {argmax}."
LEAKS = "target=label: gradients were taken for the true label, so what they say of classes is the label itself."
MORE = "More: --layout {layouts}, or all."

ALIKE_MAPS = (
    "{map}: {metric} {value} within classes, {control} between classes; difference {difference}."
)
FEW_PAIRS = " That rests on {count} pairs of one class."
BEST_MAP = "{best} finds the objects best: {measure} {value}; {control} has {other}{clear}."
NO_BETTER_MAP = (
    "No map finds more than {control} does: {measure} {other} against {value} of {best}{clear}."
)
FAITHFUL = "{best} keeps most of the score: ADP {value}; a constant mask of the same mean has {other}{clear}."
UNFAITHFUL = (
    "{best} has the smallest ADP, {value}, yet a constant mask of the same mean has {other}{clear}."
)
FALLS = "{map} falls to {value} when everything is random; another image's map has {null}."

NO_TABLE = "No similarities yet: gradtools similarity and gradtools cluster compute them."
CLASSES = "{count:,} classes, rows of {columns:,} numbers: gradtools neighbors, dendrogram, similarity and compare take them."
MAPS = "{count:,} maps each of {names}: gradtools similarity, localize, faithfulness and saliency --overlay take them."
VERDICTS = {
    "row": "Gradients at {taps} are the class row of the target: they say nothing of the image.",
    "direction": "Gradients at {taps} are the class row times a number of each image: their direction says nothing of it.",
    "noise": "Gradients at {taps} sum to zero over positions: what is pooled is rounding noise.",
    "image": "Gradients at {taps} depend on the image.",
}
ERRORS = "Most frequent errors: {errors}."
ERROR = "{label} taken for {predicted} ({count})"
TREE = "{clusters} clusters; the largest: {largest}."
TREE_HOLDS = (
    "The tree keeps the distances (cophenetic correlation {value}, {control} of permuted values)."
)
TREE_FAILS = (
    "The tree keeps the distances no better ({value}) than one of permuted values does ({control})."
)
MOST_ALIKE = "The most alike are {first} and {second} ({value}); shuffled values reach {chance}."
NEAREST = (
    "Nearest to {name}: {others}; gradtools neighbors --of says down to where that means something."
)
SPACES = "{a} and {b}: {measure} {value}{interval}, {control} by chance."
CHANNELS = (
    "{ranking} agrees best with the contribution of a channel, after itself: Spearman {value}."
)
PAIRS = "similarity of all pairs, samples without labels"
OF_ALL_PAIRS = {
    "all": "mean of all pairs",
    "shuffled_all": "mean, shuffled (chance)",
    "most_alike": "most alike pair",
    "shuffled_most_alike": "most alike, shuffled (chance)",
}
DIFFERENCE_MAPS, ALL_MAPS = "{metric}, within - other", "{metric} of all pairs"
DIFFERENCE = "; difference {value}"
OF_FILL = {
    "adp": "ADP (lower is better)",
    "adp_equal": "ADP, constant of the same mean",
    "pic": "PIC (higher is better)",
    "pic_equal": "PIC, constant of the same mean",
    "deletion": "deletion (lower is better)",
    "insertion": "insertion (higher is better)",
}
GROUPS = {"image": "images", "class": "classes", "channel": "channels"}
SAMPLES = "{count:,} {unit}{classes}{models}"
OF_CLASSES = " of {count:,} classes ({names})"
OF_MODELS = ", {count} models"
NAMED = 10  # classes that the first line names
OTHERS = "; other samples: {names}"
NO_CLASSES = "the samples have no classes"
NO_FLOOR = "this measure has no test"
OF_CHANNELS = "Spearman of each ranking of channels with their contribution"
NO_SUCH_CLASS = "this model saw no image of it"
ALL_CLASSES = "all classes"
BY_CLASS = "accuracy in % by class"
CONFUSION = "images by label (rows) and answer (columns)"
CONFUSIONS = "the most frequent wrong answers"
ERROR_LIST = "{count} errors, the surest first"
ERROR_LISTS = "{count} errors, the surest of each model first"
FURTHER = "{count} further pairs of label and answer"
FURTHER_ERRORS = "{count} further errors: --per-image lists every one"
OF_TRIALS = (
    "how measures rank methods, against the truth, on {count} networks whose right answer is known"
)
TRIAL_BEST = "{measure} ranks methods most as the truth does (mean tau {value}); {control}, which uses no network, reaches {floor}."
TRIAL_NO_BETTER = "No better than that control: {measures}."
OF_AUDITS = "right answers for the wrong reason"
LINKED = (
    "{model}: {same:.0%} of the pictures drawn through the link keep their class, {control:.0%} through a link of shuffled pairs; "
    "latents are met with R2 {r2:.2f}."
)
OF_TUNINGS = "do units that are changed move themselves, and alike in all classes"
TUNED = "{model}: units exceed random directions in the {parts}, of {count} parts and metrics."
TUNED_NONE = (
    "{model}: no unit exceeds its random directions in any of {count} parts and metrics: what single units change is no more than "
    "any direction does."
)
OF_MOVES = "what is of the target at the end of least moves to another class"
MOVED = (
    "{model}: {share:.0%} [{low:.0%}, {high:.0%}] of the pictures of {moves} moves are of the target, {control:.0%} after random moves as long; the "
    "head answers it by construction."
)
MOVED_NEAREST = (
    "{model}: the stored image nearest to the end is of the target for {share:.0%} [{low:.0%}, {high:.0%}] of {moves} moves, {control:.0%} after random "
    "moves as long; the head answers it by construction."
)
