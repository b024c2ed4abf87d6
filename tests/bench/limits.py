"""Why a line stays below its target where it does: what bounds it, and what was tried. Printed under such a line.

Figures are of one core of an EPYC without instructions for 16 bits, resnet50, 16 images of 224 x 224, processor time.
"""

LIMITS = {
    "extract, auto:last-conv": (
        "the forward pass's convolutions: with BatchNorm folded and channels last they are 1.17 x as fast as eager, by TorchScript's "
        "freezing 1.19 x, by torch.compile with freezing 1.20 x; in processes of their own eager also returns its memory"
    ),
    "extract, auto:blocks": (
        "90 % of the time are convolutions, half of them backward; all taps' gradients without reductions are .63 x, by torch.compile "
        "from tap to tap .61 x after 16 s of compiling"
    ),
    "Grad-CAM of": "the forward pass's convolutions, see extract; what the rest takes was not measured",
    "25 nearest": "85 % is the product of all rows with all",
    "of faithfulness's CPU time": "masks between forward passes; which part takes how long was not measured",
    "--help": "of some 76 ms click's import is 50, modules of options with their records 20, the page 6",
    "info of a small store": "of 203 ms h5py's import is 141, click's 38, the modules of stores some 20",
    "of tune's CPU time": (
        "two thirds of the whole are scikit-image's entropy of 81 pixels around each (.6 us a pixel); fewer grey values do not shorten "
        "it, other ways were not tried; samples are measured by as many threads as there are"
    ),
    "all pairs of 400 maps": "not profiled; 48 to 51 x on a quiet machine",
    "k-means / scikit-learn": "scikit-learn does it: the ratio is noise about 1",
    "silhouette / scikit-learn": "not profiled; .97 to 1.02 x on a quiet machine",
    "k-means of 500 x 64": (
        "a step of all 100 starts together takes 4.8 ms of a core (half of it comparing 500,000 distances), scikit-learn's 20 ms"
    ),
    "the same by mixtures": "not profiled; 4.4 to 4.7 x on a quiet machine",
}


def of(text: str) -> str | None:
    """Return what bounds the line of a text, None where nothing is known."""
    return next((limit for start, limit in LIMITS.items() if text.startswith(start)), None)
