"""Odd and broken images: what is seen in them, by definition or by another way to the same pixels."""

import contextlib
import hashlib
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from conftest import DATA, needs_data
from PIL import Image, ImageCms, ImageOps

from gradtools import images

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning"
)  # pytest undoes the module's own filter
RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (5, 7, 3), dtype="u1")


def rgb(path):
    image, _ = images.read(path)
    assert image.mode == "RGB"
    return np.asarray(image)


def saved(image, path, **options):
    image.save(path, **options)
    return path


def tiff(path, values, sample_format, bits):
    """A greyscale TIFF of one strip, written by the format's specification."""
    data, (height, width) = values.tobytes(), values.shape
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, len(data)),
        (339, 3, sample_format),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    path.write_bytes(
        b"II*\0"
        + struct.pack("<I", 8 + len(data))
        + data
        + struct.pack("<H", len(tags))
        + entries
        + bytes(4)
    )
    return path


def png(width, height, depth, colour, rows):
    """A PNG, written by the format's specification."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_digest_is_that_of_the_bytes(tmp_path):
    path = saved(Image.fromarray(COLOURS), tmp_path / "a.png")
    image, digest = images.read(path)
    assert np.array_equal(np.asarray(image), COLOURS)
    assert (
        digest.dtype == np.uint8 and digest.tobytes() == hashlib.sha256(path.read_bytes()).digest()
    )


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tif", "webp", "ppm"])
def test_lossless_formats(tmp_path, suffix):
    image = Image.fromarray(COLOURS)
    path = saved(
        image.quantize(64) if suffix == "gif" else image,
        tmp_path / f"a.{suffix}",
        **({"lossless": True} if suffix == "webp" else {}),
    )
    assert np.array_equal(rgb(path), COLOURS)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(
        Image.fromarray(COLOURS),
        tmp_path / f"a.{suffix}",
        exif=exif,
        **({"lossless": True} if suffix == "webp" else {}),
    )
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert expected.shape[:2] == ((7, 5) if orientation > 4 else (5, 7))
    assert np.array_equal(rgb(path), expected)


def test_a_quarter_turn_by_hand(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate clockwise to see it upright
    for suffix in ("png", "tif"):
        path = saved(Image.fromarray(COLOURS), tmp_path / f"a.{suffix}", exif=exif)
        assert np.array_equal(rgb(path), np.rot90(COLOURS, -1))


def test_damaged_exif_does_not_spoil_the_picture(tmp_path):
    path = saved(
        Image.fromarray(COLOURS), tmp_path / "a.png", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\0\1"
    )
    assert np.array_equal(rgb(path), COLOURS)


def test_greyscale_and_one_bit(tmp_path):
    grey = COLOURS[..., 0]
    assert np.array_equal(
        rgb(saved(Image.fromarray(grey), tmp_path / "a.png")), np.repeat(grey[..., None], 3, 2)
    )
    bits = grey > 127
    for suffix in ("png", "tif", "pbm"):
        assert np.array_equal(
            rgb(saved(Image.fromarray(bits), tmp_path / f"b.{suffix}")),
            np.repeat(bits[..., None] * np.uint8(255), 3, 2),
        )


def sixteen():
    return RNG.integers(0, 65536, (5, 7), dtype="u2")


def test_sixteen_bit_grey(tmp_path):
    values = sixteen()
    expected = np.repeat(np.rint(values / 65535 * 255).astype("u1")[..., None], 3, 2)
    big_endian = values.astype(">u2").tobytes()
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    (tmp_path / "a.png").write_bytes(png(7, 5, 16, 0, rows))
    (tmp_path / "a.pgm").write_bytes(b"P5 7 5 65535\n" + big_endian)
    tiff(tmp_path / "a.tif", values.astype("<u2"), 1, 16)
    saved(Image.fromarray(values.astype(">u2")), tmp_path / "b.tif")
    for name in ("a.png", "a.pgm", "a.tif", "b.tif"):
        assert np.array_equal(rgb(tmp_path / name), expected), name


def test_ten_bit_pgm(tmp_path):
    values = RNG.integers(0, 1024, (5, 7), dtype="u2")
    (tmp_path / "a.pgm").write_bytes(b"P5 7 5 1023\n" + values.astype(">u2").tobytes())
    assert np.abs(rgb(tmp_path / "a.pgm")[..., 0] - values / 1023 * 255).max() <= 0.51


def test_float_grey(tmp_path):
    values = RNG.random((5, 7), dtype="f4")
    assert np.array_equal(
        rgb(tiff(tmp_path / "a.tif", values, 3, 32))[..., 1], np.rint(values * 255)
    )
    values[2, 3] = 1.5
    with pytest.raises(
        images.Unreadable, match="a.tif: float pixels in .*..1.5, where 0..1 is read"
    ):
        images.read(tiff(tmp_path / "a.tif", values, 3, 32))
    values[2, 3] = np.nan
    with pytest.raises(images.Unreadable, match="float pixels in nan"):
        images.read(tiff(tmp_path / "a.tif", values, 3, 32))


def test_whole_numbers_of_32_bits_are_refused(tmp_path):
    with pytest.raises(images.Unreadable, match="32-bit whole numbers"):
        images.read(tiff(tmp_path / "a.tif", np.arange(35, dtype="<i4").reshape(5, 7), 2, 32))


def on_white(colours, alpha):
    share = alpha[..., None] / 255
    return colours * share + 255 * (1 - share)


def test_alpha_is_laid_on_white(tmp_path):
    alpha = RNG.integers(0, 256, (5, 7), dtype="u1")
    full = np.dstack([COLOURS, alpha])
    for suffix in ("png", "tif"):
        assert (
            np.abs(
                rgb(saved(Image.fromarray(full), tmp_path / f"a.{suffix}"))
                - on_white(COLOURS, alpha)
            ).max()
            <= 1
        )
    grey = np.dstack([COLOURS[..., 0], alpha])
    assert (
        np.abs(
            rgb(saved(Image.fromarray(grey), tmp_path / "b.png")) - on_white(grey[..., :1], alpha)
        ).max()
        <= 1
    )


def test_palettes_with_and_without_transparency(tmp_path):
    palette = Image.fromarray(np.array([[0, 1, 2]], "u1"), mode="L")
    palette = palette.convert("P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    assert rgb(saved(palette, tmp_path / "a.png")).tolist() == [
        [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    ]
    for name, transparency in (("b.png", 1), ("c.gif", 1), ("d.png", bytes([255, 0, 255]))):
        assert rgb(saved(palette, tmp_path / name, transparency=transparency)).tolist() == [
            [[255, 0, 0], [255] * 3, [0, 0, 255]]
        ]


def test_a_transparent_colour(tmp_path):
    colours = COLOURS.copy()
    colours[0, 0] = 1, 2, 3
    expected = colours.copy()
    expected[0, 0] = 255
    assert np.array_equal(
        rgb(saved(Image.fromarray(colours), tmp_path / "a.png", transparency=(1, 2, 3))), expected
    )


@pytest.mark.parametrize(
    "ink, seen",
    [
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 255, 0, 0), (255, 0, 255)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((0, 0, 0, 0), (255,) * 3),
    ],
)
def test_cmyk(tmp_path, ink, seen):
    image = Image.new("CMYK", (16, 16), ink)
    jpeg = saved(image, tmp_path / "a.jpg", quality=100)
    assert b"Adobe" in jpeg.read_bytes()  # whose values are inverted
    assert np.abs(rgb(jpeg).astype(int) - seen).max() <= 2
    assert np.array_equal(
        rgb(saved(image, tmp_path / "a.tif")), np.broadcast_to(np.array(seen), (16, 16, 3))
    )


def test_ycbcr_and_lab(tmp_path):
    smooth = Image.fromarray(np.full((16, 16, 3), (200, 60, 90), "u1"))
    assert (
        np.abs(
            rgb(saved(smooth.convert("YCbCr"), tmp_path / "a.tif")).astype(int) - (200, 60, 90)
        ).max()
        <= 2
    )
    lab = ImageCms.profileToProfile(
        smooth, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert np.abs(rgb(saved(lab, tmp_path / "b.tif")).astype(int) - (200, 60, 90)).max() <= 3


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_first_frame_of_several(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    path = saved(
        frames[0],
        tmp_path / f"a.{suffix}",
        save_all=True,
        append_images=frames[1:],
        **({"lossless": True} if suffix == "webp" else {}),
    )
    assert (rgb(path) == (255, 0, 0)).all()


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "gif", "tif", "webp", "ppm"])
def test_truncated_files_at_every_length(tmp_path, suffix):
    """Refused with a reason, or read: where only a trailer is lost, or as far as it goes and told so (JPEG, PNG)."""
    noise = Image.fromarray(RNG.integers(0, 256, (40, 40, 3), dtype="u1"))
    whole = saved(noise, tmp_path / f"a.{suffix}").read_bytes()
    for length in sorted({*range(60), *range(60, len(whole), 211), len(whole) // 2}):
        (tmp_path / f"cut.{suffix}").write_bytes(whole[:length])
        try:
            decoded = images.decode(tmp_path / f"cut.{suffix}")
        except images.Unreadable as error:
            assert "\n" not in str(error) and error.reason
        else:
            assert length > len(whole) * 0.9 or decoded.ends_early, length
        with contextlib.suppress(images.Unreadable):
            images.decode(tmp_path / f"cut.{suffix}", strict=True)
            assert length > len(whole) * 0.9, length


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_what_is_there_of_a_file_that_ends_early_is_the_image(tmp_path, suffix):
    noise = Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype="u1"))
    path = saved(noise, tmp_path / f"a.{suffix}")
    whole = np.asarray(images.read(path)[0])
    path.write_bytes(path.read_bytes()[: -len(path.read_bytes()) // 4])
    decoded = images.decode(path)
    assert decoded.ends_early and np.array_equal(np.asarray(decoded.image)[:16], whole[:16])
    with pytest.raises(images.Unreadable, match="truncated"):
        images.decode(path, strict=True)


def test_flipped_bytes_never_crash(tmp_path):
    for suffix in ("jpg", "png", "bmp", "gif", "tif", "webp", "ppm"):
        whole = np.frombuffer(
            saved(Image.fromarray(COLOURS), tmp_path / f"a.{suffix}").read_bytes(), "u1"
        )
        for _ in range(60):
            damaged = whole.copy()
            damaged[RNG.integers(0, len(whole), 3)] = RNG.integers(0, 256, 3)
            (tmp_path / "b").write_bytes(damaged.tobytes())
            try:
                images.read(tmp_path / "b")
            except images.Unreadable as error:
                assert "\n" not in str(error) and error.reason


def test_what_is_no_image(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(images.Unreadable, match="a.png: an empty file"):
        images.read(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("<html>404</html>")
    with pytest.raises(images.Unreadable, match="b.png: not a JPEG, PNG, .* or WEBP image"):
        images.read(tmp_path / "b.png")
    (tmp_path / "c.png").mkdir()
    with pytest.raises(images.Unreadable, match="not a regular file"):
        images.read(tmp_path / "c.png")
    with pytest.raises(images.Unreadable, match="absent.png: No such file"):
        images.read(tmp_path / "absent.png")


def test_pil_does_not_warn_on_stderr(tmp_path):
    path = saved(Image.fromarray(COLOURS), tmp_path / "a.tif")
    path.write_bytes(path.read_bytes()[:-20])
    code = (
        "import sys\nfrom gradtools import images\n"
        "try: images.read(sys.argv[1])\nexcept images.Unreadable as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.stdout.startswith(f"{path}: ") and done.stderr == ""


def test_decompression_bomb(tmp_path):
    (tmp_path / "a.png").write_bytes(png(20000, 20000, 1, 0, b"\0" * 2501 * 10))
    with pytest.raises(images.Unreadable, match="a.png: more than 178956970 pixels"):
        images.read(tmp_path / "a.png")


@needs_data
def test_photographs_are_what_pil_converts():
    for path in sorted((DATA / "imagenet60" / "cats").iterdir()):
        with Image.open(path) as image:
            assert np.array_equal(rgb(path), np.asarray(image.convert("RGB")))
