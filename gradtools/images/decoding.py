"""An image file as a photographer sees it: RGB, upright, on white.

PIL is imported where it is first needed, since that takes half as long as numpy.
"""

import hashlib
import io
import os
import stat
import warnings
from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
ORIENTATION = 0x0112  # EXIF tag

# PIL warns of odd metadata, which harms nothing, and of large images, which are refused below where they are dangerous.
warnings.filterwarnings("ignore", module=r"PIL\.")


class Unreadable(GradtoolsError):
    """An image that cannot be read: its path and why."""

    def __init__(self, path: str, reason: str):
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


def read(path: str) -> tuple["Image.Image", np.ndarray]:
    """An image and the digest of its file.

    EXIF orientation is applied; greyscale is replicated; palette, CMYK, YCbCr and LAB are converted; 16-bit grey is
    scaled by 65535; float grey is taken as 0..1; transparency is laid on white; of an animation the first frame is
    read. Colour profiles are passed over, as in the training of torchvision's and timm's networks.

    Returns
    -------
    image : PIL.Image.Image, mode RGB
        Its height and width are those after rotation.
    digest : (32,) uint8 array
        SHA-256 of the file's bytes.

    Raises
    ------
    Unreadable
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Unreadable(path, "not a regular file")
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise Unreadable(path, error.strerror or str(error)) from error
    if not data:
        raise Unreadable(path, "an empty file")
    return _decoded(data, path), np.frombuffer(hashlib.sha256(data).digest(), "u1")


def check_digest(path: str, digest: np.ndarray, expected: np.ndarray) -> None:
    """Stop where a file's digest, (32,) uint8, is not that of the image it was.

    Raises
    ------
    GradtoolsError
    """
    if not np.array_equal(digest, expected):
        raise GradtoolsError(
            f"{path} is not the image that the store was made from (its SHA-256 differs): "
            "say with --images DIR where that is, or extract again"
        )


def _decoded(data, path):
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        image.load()
        return _upright(_rgb(image), _orientation(image))
    except UnidentifiedImageError:
        raise Unreadable(path, f"not a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} image") from None
    except Image.DecompressionBombError:
        limit = 2 * Image.MAX_IMAGE_PIXELS
        raise Unreadable(path, f"more than {limit} pixels: too large to be a photograph") from None
    except MemoryError:
        raise
    except Exception as error:  # damaged files make PIL's readers fail in any way: OSError, SyntaxError, struct.error
        raise Unreadable(
            path, (str(error).splitlines() or [""])[0] or type(error).__name__
        ) from error


def _rgb(image):
    """Any mode as RGB."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return _grey(np.asarray(image) / np.float32(65535))
    if image.mode == "I":
        raise ValueError(
            "32-bit whole numbers, none known to be white: save it with 8 or 16 unsigned bits"
        )
    if image.mode == "F":
        return _grey(_checked_floats(np.asarray(image)))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return _on_white(image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _grey(values):
    """Grey in 0..1, (H, W) float, as RGB."""
    from PIL import Image

    return Image.fromarray(np.rint(values * 255).astype("u1")).convert("RGB")


def _checked_floats(values):
    if not (values.min() >= 0 and values.max() <= 1):
        reached = f"{values.min():g}..{values.max():g}"
        raise ValueError(
            f"float pixels in {reached}, where 0..1 is read: save it with 8 or 16 bits"
        )
    return values


def _on_white(image):
    from PIL import Image

    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=image.getchannel("A"))
    return canvas


def _orientation(image):
    """The EXIF orientation that is left to do, 1 to 8; 1 where the metadata is damaged, for the picture is whole."""
    if image.format == "TIFF":
        return 1  # PIL turns it while loading, and before version 10.1 leaves the tag
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:
        return 1


def _upright(image, orientation):
    from PIL.Image import Transpose

    turned = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return image if turned is None else image.transpose(turned)
