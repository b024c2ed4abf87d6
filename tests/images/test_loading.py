"""Batches: order, composition, places of unreadable images, threads that end."""

import dataclasses
import hashlib
import struct
import subprocess
import sys
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from gradtools import images
from gradtools.errors import GradtoolsError
from gradtools.images import decoding

PLAIN = {
    "resize": None,
    "crop": None,
    "mean": [0.0] * 3,
    "std": [1.0] * 3,
    "interpolation": "bilinear",
}
N = 23
BROKEN = (0, 7, 22)


@pytest.fixture
def folder(tmp_path):
    """Image i is filled with i; three are broken."""
    for index in range(N):
        Image.new("RGB", (5, 4), (index, 0, 255 - index)).save(tmp_path / f"{index:02}.png")
    for index in BROKEN:
        (tmp_path / f"{index:02}.png").write_bytes(b"no image")
    return tmp_path


def decoders():
    return [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


@pytest.mark.parametrize("batch_size", [1, 4, 23, 50])
@pytest.mark.parametrize("workers", [1, 3])
def test_batches(folder, batch_size, workers):
    listed = images.list_images([str(folder)])
    batches = list(images.batches(listed, PLAIN, batch_size, workers=workers))
    assert [batch.start for batch in batches] == list(range(0, N, batch_size))
    assert [len(batch.pixels) for batch in batches] == [
        min(batch_size, N - start) for start in range(0, N, batch_size)
    ]
    pixels, unreadable = (
        np.concatenate([batch.pixels for batch in batches]),
        np.concatenate([batch.unreadable for batch in batches]),
    )
    assert pixels.shape == (N, 3, 4, 5) and pixels.dtype == np.uint8
    assert np.flatnonzero(unreadable).tolist() == list(BROKEN)
    reasons = {index: reason for batch in batches for index, reason in batch.reasons.items()}
    assert sorted(reasons) == list(BROKEN) and all(
        reasons[index].startswith(f"{folder}/{index:02}.png: not a JPEG") for index in BROKEN
    )
    digests, heights = (
        np.concatenate([batch.digests for batch in batches]),
        np.concatenate([batch.heights for batch in batches]),
    )
    for index in range(N):
        if index in BROKEN:
            assert not pixels[index].any() and not digests[index].any() and heights[index] == 0
            continue
        assert (pixels[index, 0] == index).all() and (pixels[index, 2] == 255 - index).all()
        assert (
            digests[index].tobytes()
            == hashlib.sha256((folder / f"{index:02}.png").read_bytes()).digest()
            and heights[index] == 4
        )
    assert not decoders()


def test_a_share_has_the_batches_of_the_whole(folder):
    listed = images.list_images([str(folder)])
    whole = {batch.start: batch.pixels for batch in images.batches(listed, PLAIN, 4)}
    for start, stop, starts in (
        (8, None, [8, 12, 16, 20]),
        (8, 14, [8, 12]),
        (10, 16, [10, 12]),
        (23, None, []),
    ):
        batches = list(images.batches(listed, PLAIN, 4, [(start, stop or N)]))
        assert [batch.start for batch in batches] == starts
        assert all(
            np.array_equal(batch.pixels, whole[batch.start][: len(batch.pixels)])
            for batch in batches
            if batch.start in whole
        )


def test_leaving_early_ends_the_threads(folder, monkeypatch):
    read, seen = decoding.decode, []
    monkeypatch.setattr(
        decoding,
        "decode",
        lambda path, *how: (seen.append(path), time.sleep(0.01), read(path, *how))[-1],
    )
    stream = images.batches(images.list_images([str(folder)]), PLAIN, 2, workers=2)
    next(stream)
    assert len(decoders()) == 2
    begun = time.perf_counter()
    stream.close()
    assert not decoders() and time.perf_counter() - begun < 1
    assert len(seen) < N


def test_reading_ahead_is_bounded_and_overlaps(folder, monkeypatch):
    read, seen = decoding.decode, []
    monkeypatch.setattr(
        decoding, "decode", lambda path, *how: (seen.append(path), read(path, *how))[1]
    )
    stream = images.batches(images.list_images([str(folder)]), PLAIN, 2, prefetch=3)
    next(stream)
    time.sleep(0.3)
    assert len(seen) == 2 + 2 * (
        1 + 3
    )  # two until the first that can be read, then the batch and three ahead
    stream.close()


def test_images_of_several_sizes(folder):
    Image.new("RGB", (6, 4)).save(folder / "11.png")
    listed = images.list_images([str(folder)])
    with pytest.raises(
        GradtoolsError,
        match="11.png is 4 x 6 after .* first image 4 x 5: .*--preprocess resize=256",
    ):
        list(images.batches(listed, PLAIN, 4))
    with pytest.raises(
        GradtoolsError, match="11.png is 4 x 6 .*4 x 5"
    ):  # also where the run begins with it
        list(images.batches(listed, PLAIN, 1, [(11, 12)]))
    assert sum(len(batch.pixels) for batch in images.batches(listed, {**PLAIN, "crop": 4}, 4)) == N
    assert not decoders()


def test_nothing_can_be_read(folder):
    for path in folder.iterdir():
        path.write_bytes(b"")
    with pytest.raises(
        GradtoolsError, match="none of the 23 images .* the first: .*00.png: an empty file"
    ):
        list(images.batches(images.list_images([str(folder)]), PLAIN, 4))


def test_too_narrow_a_strip_is_unreadable(folder):
    Image.new("RGB", (9000, 1)).save(folder / "05.png")
    batches = list(
        images.batches(images.list_images([str(folder)]), {**PLAIN, "resize": 200, "crop": 8}, N)
    )
    assert "too long and narrow" in batches[0].reasons[5]


def test_own_preprocessing(folder):
    def halved(image):
        return np.asarray(image, "f8").transpose(2, 0, 1)[:2] / 2

    (batch,) = images.batches(images.list_images([str(folder)]), halved, 50)
    assert batch.pixels.shape == (N, 2, 4, 5) and batch.pixels.dtype == np.float32
    assert (batch.pixels[9, 0] == 4.5).all() and not batch.pixels[7].any()


@pytest.mark.parametrize(
    "own, said",
    [
        (
            lambda image: np.zeros((4, 5)),
            r"must return floats of shape \(channels, height, width\), and gave float64 of shape \(4, 5\)",
        ),
        (lambda image: np.zeros((3, 4, 5), "u1"), "gave uint8"),
        (lambda image: 1 / 0, r"<lambda>\(\) failed on .*01.png: ZeroDivisionError"),
    ],
)
def test_own_preprocessing_that_fails(folder, own, said):
    with pytest.raises(GradtoolsError, match=said):
        list(images.batches(images.list_images([str(folder)]), own, 4))


def test_own_preprocessing_with_tensors(folder):
    torch = pytest.importorskip("torch")
    (batch,) = images.batches(
        images.list_images([str(folder)]),
        lambda image: torch.full((3, 2, 2), image.getpixel((0, 0))[0] / 4),
        50,
    )
    assert (batch.pixels[9] == 2.25).all()


def test_import_is_cheap():
    code = "import sys, gradtools.images, gradtools.images.labels; print({'PIL', 'torch', 'h5py', 'click'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()
        == "set()"
    )


def test_files_that_end_early_are_told(folder):
    """Image 3 is cut a few bytes before its end: read, and named."""
    whole = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype="u1")
    path = folder / "03.jpg"
    (folder / "03.png").unlink()
    Image.fromarray(whole).save(path)
    path.write_bytes(path.read_bytes()[:-2])
    listed = images.list_images([str(folder)])
    batches = list(images.batches(listed, PLAIN, 4))
    assert [batch.ending_early for batch in batches if batch.ending_early] == [{3: str(path)}]
    unreadable = np.concatenate([batch.unreadable for batch in batches])
    assert np.flatnonzero(unreadable).tolist() == list(BROKEN)


def test_grey_images_for_networks_of_one_channel(folder):
    listed = images.list_images([str(folder)])
    grey = {**PLAIN, "channels": 1, "mean": [0.0], "std": [1.0]}
    (batch,) = images.batches(listed, grey, N)
    expected = np.asarray(Image.open(folder / "01.png").convert("RGB").convert("L"))
    assert batch.pixels.shape == (N, 1, 4, 5) and np.array_equal(batch.pixels[1, 0], expected)


def png_of_16_bits(path, colours):
    """A PNG of colours (H, W, 3) below 65536, byte by byte (PNG specification, 11.2): Pillow writes none."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width, _ = colours.shape
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colours)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@pytest.mark.parametrize("top, said", [(65535, False), (4095, True)])
def test_colours_of_sixteen_bits(tmp_path, top, said):
    """Their upper 8 bits are read; where these are all but 0, as of 12 bits in 16, that is said, and --range is refused."""
    colours = np.linspace(0, top, 4 * 5 * 3).round().reshape(4, 5, 3)
    png_of_16_bits(tmp_path / "deep.png", colours)
    listed = images.list_images([str(tmp_path / "deep.png")])
    (batch,) = images.batches(listed, PLAIN, 1)
    np.testing.assert_array_equal(batch.pixels[0], (colours // 256).transpose(2, 0, 1))
    notes = images.range_notes(listed)
    assert len(notes) == said and all(
        "of 16 bits of each colour the upper 8" in text for text in notes
    )
    with pytest.raises(images.Unreadable, match="--range cannot be met: save it with 8"):
        images.decode(str(tmp_path / "deep.png"), (0.0, 4095.0))


def test_twelve_bits_in_sixteen(folder):
    """Values up to 4095 are told once, and --range brings them to black and white."""
    values = np.linspace(0, 4095, 20).reshape(4, 5)
    for path in list(folder.iterdir()):
        path.unlink()
    Image.fromarray(values.astype("u2")).save(folder / "a.tif")
    listed = images.list_images([str(folder)])
    (note,) = images.range_notes(listed)
    assert "reach 6 % of their type's range" in note and "--range 0,4095" in note
    scaled = dataclasses.replace(listed, value_range=(0.0, 4095.0))
    (batch,) = images.batches(scaled, PLAIN, 1)
    assert np.abs(batch.pixels[0, 0].astype(int) - values / 4095 * 255).max() <= 1
    assert images.range_notes(scaled) == []
