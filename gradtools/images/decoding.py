"""An image file as a photographer sees it: RGB, upright, on white.

PIL is imported where it is first needed, since that takes half as long as numpy.
"""

import contextlib
import hashlib
import io
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.images import archives

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
ORIENTATION = 0x0112  # EXIF tag
UPPER = "of 16 bits of each colour the upper 8 are read"

# PIL warns of odd metadata, which harms nothing, and of large images, which are refused below where they are dangerous.
warnings.filterwarnings("ignore", module=r"PIL\.")


class Unreadable(GradtoolsError):
    """An image that cannot be read: its path and why."""

    def __init__(self, path: str, reason: str):
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class Decoded(NamedTuple):
    """An image, the SHA-256 of its file, whether the file ends before the image does, and the share of the type's range that is reached.

    `reached` is None where values have 8 bits; `upper`: of 16 bits of colour the upper 8 are read.
    """

    image: "Image.Image"
    digest: np.ndarray
    ends_early: bool = False
    reached: float | None = None
    upper: bool = False


def read(
    path: str, value_range: tuple[float, float] | None = None
) -> tuple["Image.Image", np.ndarray]:
    """Read an image and the digest of its file (see `decode`).

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
    return decode(path, value_range)[:2]


def decode(
    path: str, value_range: tuple[float, float] | None = None, strict: bool = False
) -> Decoded:
    """Read an image file.

    EXIF orientation is applied; greyscale is replicated; palette, CMYK, YCbCr and LAB are converted; 16-bit grey is
    scaled by 65535; float grey is taken as 0..1; transparency is laid on white; of an animation the first frame is
    read. Colour profiles are passed over, as in the training of torchvision's and timm's networks. A JPEG or PNG that ends early is
    read as far as it goes, as viewers do.

    Parameters
    ----------
    value_range : (float, float), optional
        The file's values of black and white, in the place of its type's.
    strict : bool
        Refuse a file that ends early.

    Raises
    ------
    Unreadable
    """
    try:
        if archives.split(path) is None and not stat.S_ISREG(os.stat(path).st_mode):
            raise Unreadable(path, "not a regular file")
        data = archives.read_bytes(path)
    except OSError as error:
        raise Unreadable(path, error.strerror or str(error)) from error
    if not data:
        raise Unreadable(path, "an empty file")
    digest = np.frombuffer(hashlib.sha256(data).digest(), "u1")
    with _decoding.whole():
        decoded = _decoded(data, path, value_range)
    if isinstance(decoded, Unreadable) and _may_end_early(data) and not strict:
        with _decoding.in_part():
            again = _decoded(data, path, value_range)
        if not isinstance(again, Unreadable):
            return Decoded(again[0], digest, True, *again[1:])
    if isinstance(decoded, Unreadable):
        raise decoded
    return Decoded(decoded[0], digest, False, *decoded[1:])


class _Leniency:
    """Pillow reads files that end early where a flag of the whole process says so: it is set while nothing else is decoded."""

    def __init__(self) -> None:
        self.free, self.running = threading.Condition(), 0

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Keep the flag unset within it; any number of threads at once."""
        with self.free:
            self.running += 1
        try:
            yield
        finally:
            with self.free:
                self.running -= 1
                self.free.notify_all()

    @contextlib.contextmanager
    def in_part(self) -> Iterator[None]:
        """Set the flag within it, for one thread alone."""
        from PIL import ImageFile

        with self.free:
            self.free.wait_for(lambda: self.running == 0)
            ImageFile.LOAD_TRUNCATED_IMAGES = True
            try:
                yield
            finally:
                ImageFile.LOAD_TRUNCATED_IMAGES = False


_decoding = _Leniency()


def _may_end_early(data: bytes) -> bool:
    """Return True if a file is a JPEG without its end marker, or a PNG without its last chunk."""
    if data.startswith(b"\xff\xd8"):
        return not data.rstrip(b"\0").endswith(b"\xff\xd9")
    return data.startswith(b"\x89PNG") and b"IEND" not in data[-16:]


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


def _decoded(
    data: bytes, path: str, value_range: tuple[float, float] | None
) -> "tuple[Image.Image, float | None, bool] | Unreadable":
    """Return (image in RGB, share of the type's range that it reaches, whether that is of the upper bits), or why it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        upper = _has_deep_colours(image, data)
        if upper and value_range is not None:
            return Unreadable(path, f"{UPPER}, so --range cannot be met: save it with 8")
        image.load()
        rgb, reached = _rgb(image, value_range)
        if upper:
            extrema = cast("tuple[tuple[int, int], ...]", image.convert("RGB").getextrema())
            reached = (max(high for _, high in extrema) + 1) / 256
        return _upright(rgb, _orientation(image)), reached, upper
    except UnidentifiedImageError:
        return Unreadable(path, f"not a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} image")
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        return Unreadable(path, f"more than {limit} pixels: too large to be a photograph")
    except MemoryError:
        raise
    except Exception as error:  # damaged files make PIL's readers fail in any way: OSError, SyntaxError, struct.error
        return Unreadable(path, (str(error).splitlines() or [""])[0] or type(error).__name__)


def _has_deep_colours(image: "Image.Image", data: bytes) -> bool:
    """Return True if a file has 16 bits of each colour; to be asked before it is loaded."""
    if image.format == "PNG":
        return data[24] == 16 and data[25] in (2, 6)  # IHDR: bits, and kind of colours
    bits = image.tag_v2.get(258, (8,)) if image.format == "TIFF" else (8,)  # type: ignore[attr-defined]
    return len(bits) > 2 and max(bits) == 16


def _rgb(
    image: "Image.Image", value_range: tuple[float, float] | None
) -> "tuple[Image.Image, float | None]":
    """Return any mode as RGB, and the share of its type's range that a grey image of more than 8 bits reaches."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        values = np.asarray(image)
        return _grey(_scaled(values, value_range or (0, 65535))), float(values.max()) / 65535
    if image.mode == "I" and value_range is None:
        raise ValueError(
            "32-bit whole numbers, none known to be white: say with --range, or save it with 8 or 16 unsigned bits"
        )
    if image.mode in ("I", "F"):
        values = np.asarray(image)
        if value_range is None:
            return _grey(_checked_floats(values)), None
        return _grey(_scaled(values, value_range)), None
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = _on_white(image.convert("RGBA"))
    image = image if image.mode == "RGB" else image.convert("RGB")
    if value_range is None:
        return image, None
    from PIL import Image

    scaled = _scaled(np.asarray(image), value_range)
    return Image.fromarray(np.rint(scaled * 255).astype("u1")), None


def _scaled(values: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Return the values brought to 0..1, cut where they lie outside."""
    low, high = value_range
    return np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)


def _grey(values: np.ndarray) -> "Image.Image":
    """Return the grey in 0..1, (H, W) float, as RGB."""
    from PIL import Image

    return Image.fromarray(np.rint(values * 255).astype("u1")).convert("RGB")


def _checked_floats(values: np.ndarray) -> np.ndarray:
    if not (values.min() >= 0 and values.max() <= 1):
        reached = f"{values.min():g}..{values.max():g}"
        raise ValueError(
            f"float pixels in {reached}, where 0..1 is read: say with --range {values.min():g},{values.max():g} what is black and "
            "white, or save it with 8 or 16 bits"
        )
    return values


def _on_white(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=image.getchannel("A"))
    return canvas


def _orientation(image: "Image.Image") -> int:
    """Return the EXIF orientation still to be applied, 1 to 8; 1 where the metadata is damaged, since the picture is whole."""
    if image.format == "TIFF":
        return 1  # PIL turns it while loading, and before version 10.1 leaves the tag
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:
        return 1


def _upright(image: "Image.Image", orientation: int) -> "Image.Image":
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
