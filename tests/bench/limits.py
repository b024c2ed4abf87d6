"""Why a line stays below its target where it does: what bounds it, and what was tried. Printed under such a line.

Figures are of one core of an EPYC without instructions for 16 bits, resnet50, 16 images of 224 x 224, processor time.
"""

LIMITS = {
    "extract, auto:last-conv": (
        "the forward pass's convolutions: with BatchNorm folded and channels last they are 1.17 x as fast as eager, by TorchScript's "
        "freezing 1.19 x, by torch.compile with freezing 1.20 x; in processes of their own eager also returns its memory"
    ),
    "extract, auto:blocks": (
        "91 % of the time are convolutions, half of them backward; all taps' gradients without reductions are .63 x, by torch.compile "
        "from tap to tap .61 x after 16 s of compiling"
    ),
    "Grad-CAM of": "the forward pass, see extract: the head's gradient is a hundredth of it",
    "25 nearest": "85 % is the product of all rows with all; the rest is partition and a copy",
    "of faithfulness's CPU time": "masks are drawn, blurred and laid over images in float32 between forward passes",
    "--help": "nine records of options, and a page of some fifty options that click folds: 30 ms",
    "info of a small store": "reading the history and every attribute, and click",
    "of tune's CPU time": (
        "of the rest two thirds are scikit-image's entropy of 81 pixels around each (.6 us a pixel): sorted, counted or compared as "
        "arrays it takes as long; samples are measured by as many threads as there are"
    ),
    "all pairs of 400 maps": "AUC of every pair: 25,088 ranks read for each direction",
    "k-means / scikit-learn": "scikit-learn does it: the ratio is noise about 1",
    "silhouette / scikit-learn": "the same product of all rows with all",
    "k-means of 500 x 64": (
        "a step of all 100 starts together takes 4.6 ms of a core (half of it comparing 500,000 distances), scikit-learn's 20 ms; "
        "3 to 19 x at 60 to 1,000 rows of 512 numbers, which need more of scikit-learn's arithmetic and the same of ours"
    ),
    "the same by mixtures": (
        "densities: rows x components x dimensions of each step, of all fits together; initial clusters by k-means of all fits at once"
    ),
}


def of(text: str) -> str | None:
    """Return what bounds the line of a text, None where nothing is known."""
    return next((limit for start, limit in LIMITS.items() if text.startswith(start)), None)
