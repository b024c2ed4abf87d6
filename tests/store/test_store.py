"""The layout, blocks that survive kills, digests, and what is refused."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.store import layout
from gradtools.store.growing import SPARE_BYTES

COLUMNS = [
    ("/taps/a/gradient", (5,), ("channel",)),
    ("/taps/a/gradient_map", (5, 3, 2), ("channel", "y", "x")),
]
ROWS, BLOCK = 37, 8


def row_values(start, stop):
    """Values that tell their row and place."""
    rows = np.arange(start, stop, dtype="f4")
    return {
        "/taps/a/gradient": rows[:, None] + np.arange(5) / 8,
        "/taps/a/gradient_map": rows[:, None, None, None] + np.arange(30).reshape(5, 3, 2) / 64,
        "/maps/score": (rows[:, None] + np.arange(3) / 4).reshape(-1),
    }


def begin(part):
    part.put("/samples/id", [f"image-{i}" for i in range(ROWS)], ["/sample"], "id")
    part.put("/samples/label", np.arange(ROWS, dtype="i4") % 3, ["/sample"], "label")
    part.put(
        "/maps/sample", np.repeat(np.arange(ROWS, dtype="i4"), 3), ["/map"], "row of the sample"
    )
    part.put(
        "/maps/partner",
        np.repeat(np.roll(np.arange(ROWS, dtype="i4"), 1), 3),
        ["/map"],
        "row of the sample",
    )


def write(path, marked=(), stop_after=None, command=None, say=lambda line: None, **options):
    """The job of these tests; leaves early after a number of blocks."""
    columns = [store.Column(name, tail, dims, "f4", "test") for name, tail, dims in COLUMNS]
    columns.append(store.Column("/maps/score", (), (), "f4", "test", axis=store.Axis("/map", 3)))
    with store.grow(
        path, "features", columns, ROWS, BLOCK, command or {"a": 1}, begin, say=say, **options
    ) as part:
        for start in range(part.committed, ROWS, BLOCK):
            if stop_after is not None and start // BLOCK >= stop_after:
                raise KeyboardInterrupt
            stop = min(start + BLOCK, ROWS)
            part.append(row_values(start, stop), np.isin(np.arange(start, stop), marked))
        part.history([], {"started": "now"})


def read_digests(path):
    with store.read(path) as source:
        return store.digests(source.file)


def test_resumed_equals_uninterrupted(tmp_path):
    whole, resumed = str(tmp_path / "whole.h5"), str(tmp_path / "resumed.h5")
    write(whole)
    for blocks in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            write(resumed, stop_after=blocks)
        assert not os.path.exists(resumed)
    write(resumed)
    assert read_digests(whole) == read_digests(resumed)
    with store.read(whole) as source:
        np.testing.assert_array_equal(
            source.rows("/taps/a/gradient").read(0, ROWS), row_values(0, ROWS)["/taps/a/gradient"]
        )


def test_marked_rows_are_left_out(tmp_path):
    path = str(tmp_path / "a.h5")
    write(path, marked=(0, 9, 36))
    kept = np.setdiff1d(np.arange(ROWS), (0, 9, 36))
    with store.read(path) as source:
        assert source.ids == [f"image-{i}" for i in kept]
        assert source.n_samples == len(kept)
        np.testing.assert_array_equal(
            source.rows("/taps/a/gradient_map").read(0, 99),
            row_values(0, ROWS)["/taps/a/gradient_map"][kept].reshape(len(kept), -1),
        )


def test_maps_of_marked_rows_go_with_them(tmp_path):
    """Three maps an image; a map stays where its image and its partner, the image before, do; row numbers are made anew."""
    path, unused = str(tmp_path / "a.h5"), np.arange(3 * ROWS) == 3 * 20 + 1
    write(path, marked=(0, 9), unused={"/map": unused})
    expected = [
        (row, place)
        for row in range(ROWS)
        for place in range(3)
        if row not in (0, 9, 1, 10) and (row, place) != (20, 1)
    ]
    with store.read(path) as source:
        sample, partner, score = (
            source.values(f"/maps/{name}") for name in ("sample", "partner", "score")
        )
        assert score.tolist() == [row + place / 4 for row, place in expected]
        assert [source.ids[row] for row in sample] == [f"image-{row}" for row, _ in expected]
        assert [source.ids[row] for row in partner] == [f"image-{row - 1}" for row, _ in expected]


def test_another_command_is_refused_with_the_difference(tmp_path):
    path = str(tmp_path / "a.h5")
    with pytest.raises(KeyboardInterrupt):
        write(path, stop_after=2, command={"target": "argmax", "tap": ["a"]})
    with pytest.raises(GradtoolsError, match="target was 'argmax', is 'label'"):
        write(path, command={"target": "label", "tap": ["a"]})
    write(path, command={"target": "label", "tap": ["a"]}, restart=True)
    assert os.path.exists(path) and not os.path.exists(path + ".part")


def test_a_part_without_a_row_stands_in_no_way(tmp_path):
    """What failed before its first block has nothing to lose: another command begins anew."""
    path = str(tmp_path / "a.h5")
    with pytest.raises(KeyboardInterrupt):
        write(path, stop_after=0, command={"target": "argmax", "tap": ["a"]})
    assert os.path.exists(path + ".part")
    write(path, command={"target": "label", "tap": ["a"]})
    assert os.path.exists(path) and not os.path.exists(path + ".part")


def test_part_is_refused_by_readers(tmp_path):
    path = str(tmp_path / "a.h5")
    with pytest.raises(KeyboardInterrupt):
        write(path, stop_after=2)
    with pytest.raises(GradtoolsError, match="not finished"):
        read_digests(path + ".part")


def test_unreadable_part_begins_anew(tmp_path):
    path = str(tmp_path / "a.h5")
    (tmp_path / "a.h5.part").write_bytes(b"no HDF5 at all")
    write(path)
    assert read_digests(path)


KILLED = """
import sys, time
sys.path[:0] = {paths!r}
import test_store
from gradtools import store
append = store.Part.append
def slow(part, *values):
    append(part, *values)
    print(part.committed, flush=True)
    time.sleep({pause})
store.Part.append = slow
test_store.write(sys.argv[1])
"""
PATHS = [
    os.path.join(os.path.dirname(os.path.dirname(__file__)), "support"),
    os.path.dirname(__file__),
    os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
]


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.003, 0.05])
def test_sigkill_loses_nothing_that_was_committed(tmp_path, pause):
    """Kill the writer again and again, after a block or within the next; what comes out equals what an undisturbed writer wrote."""
    whole, killed = str(tmp_path / "whole.h5"), str(tmp_path / "killed.h5")
    write(whole)
    script, kills = KILLED.format(paths=PATHS, pause=pause), 0
    for _ in range(3):
        job = subprocess.Popen([sys.executable, "-c", script, killed], stdout=subprocess.PIPE)
        if not job.stdout.readline():
            break
        time.sleep(pause / 3)
        job.send_signal(signal.SIGKILL)
        job.communicate()
        kills += os.path.exists(killed + ".part")
    assert kills or pause < 0.05
    if not os.path.exists(killed):
        said = []
        write(killed, say=said.append)
        assert said and "going on after" in said[0]
    assert read_digests(whole) == read_digests(killed)


def test_digest_is_of_type_shape_values_and_attributes(tmp_path):
    path = str(tmp_path / "a.h5")
    with store.create(path, "features") as sink:
        sink.put(
            "/x",
            np.arange(6, dtype=">i4").reshape(2, 3),
            ["/sample", "/class"],
            "x",
            attrs={"k": 3},
        )
    expected = hashlib.sha256(
        b"<i4 (2, 3) " + json.dumps({"k": 3}).encode() + np.arange(6, dtype="<i4").tobytes()
    ).hexdigest()
    assert read_digests(path)["/x"] == expected


def test_existing_output_is_kept(tmp_path):
    path = tmp_path / "a.h5"
    path.write_text("precious")
    with pytest.raises(GradtoolsError, match="--force"):
        write(str(path))
    assert path.read_text() == "precious"


def test_failed_writer_leaves_the_old_output(tmp_path):
    path = tmp_path / "a.h5"
    path.write_text("precious")
    with pytest.raises(ZeroDivisionError), store.create(str(path), "features", force=True):
        raise ZeroDivisionError
    assert path.read_text() == "precious" and os.listdir(tmp_path) == ["a.h5"]


@pytest.mark.parametrize(
    "name, make, words",
    [
        ("missing.h5", lambda path: None, "no such file"),
        ("text.h5", lambda path: path.write_text("hello"), "not an HDF5 file"),
        ("folder.h5", lambda path: path.mkdir(), "directory"),
        ("foreign.h5", lambda path: h5py.File(path, "w").close(), "not a gradtools store"),
    ],
)
def test_what_is_no_store_is_refused_in_one_line(tmp_path, name, make, words):
    make(tmp_path / name)
    with pytest.raises(GradtoolsError, match=words) as caught:
        read_digests(str(tmp_path / name))
    assert "\n" not in str(caught.value) and name in str(caught.value)


def test_truncated_store_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    write(str(path))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(GradtoolsError, match="truncated"):
        read_digests(str(path))


def test_other_versions_are_refused(tmp_path):
    path = str(tmp_path / "a.h5")
    write(path)
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 99
    with pytest.raises(GradtoolsError, match="version 99"):
        read_digests(path)


def test_links_into_other_files_are_refused(tmp_path):
    path = str(tmp_path / "a.h5")
    write(path)
    with h5py.File(path, "r+") as file:
        file["/taps/a/secret"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(GradtoolsError, match="link to elsewhere"):
        read_digests(path)


@pytest.mark.parametrize(
    "path, value, allowed",
    [
        ("/outputs/predicted", -3, False),
        ("/outputs/predicted", -1, False),
        ("/outputs/predicted", 3, False),
        ("/outputs/predicted", 2, True),
        ("/outputs/target", 3, False),
        ("/outputs/target", -1, False),
        ("/samples/label", 3, False),
        ("/samples/label", -2, False),
        ("/samples/label", -1, True),
        ("/maps/target", -1, True),
        ("/maps/target", -2, False),
        ("/maps/target", 3, False),
    ],
)
def test_class_numbers_outside_the_classes_are_refused(
    feature_store, tmp_path, path, value, allowed
):
    copied = tmp_path / "a.h5"
    shutil.copy(feature_store, copied)
    with h5py.File(copied, "r+") as file:
        if path not in file:
            file[path] = np.zeros(8, "i4")
        file[path][7] = value
    with (
        contextlib.nullcontext()
        if allowed
        else pytest.raises(GradtoolsError, match=f"a.h5: {path} is {value} in row 7, .* to 2")
    ):
        with store.read(str(copied)) as source:
            assert source.values(path)[7] == value


@pytest.mark.parametrize("target", ["/nowhere", "/taps"])
def test_soft_links_are_refused(tmp_path, target):
    path = str(tmp_path / "a.h5")
    write(path)
    with h5py.File(path, "r+") as file:
        file["/taps/loop"] = h5py.SoftLink(target)
    with pytest.raises(GradtoolsError, match="link to elsewhere"):
        read_digests(path)


def test_devices_links_and_inputs_are_not_replaced(tmp_path):
    path, link = tmp_path / "a.h5", tmp_path / "link.h5"
    write(str(path))
    link.symlink_to(path)
    with pytest.raises(GradtoolsError, match="no regular file"):
        store.check_output("/dev/null", force=True)
    with store.read(str(path)) as source, pytest.raises(GradtoolsError, match="is the input"):
        store.check_output(str(link), True, [source])
    write(str(link), force=True, command={"a": 2})
    assert link.is_symlink() and read_digests(str(path))


def test_a_stopped_jobs_part_is_kept_from_others(tmp_path):
    path = str(tmp_path / "a.h5")
    with pytest.raises(KeyboardInterrupt):
        write(path, stop_after=2)
    before = (tmp_path / "a.h5.part").read_bytes()
    with pytest.raises(GradtoolsError, match="stopped job"), store.create(path, "similarity"):
        raise AssertionError("not reached")
    assert (tmp_path / "a.h5.part").read_bytes() == before


def test_boxes_stay_with_their_images(tmp_path):
    first, second = str(tmp_path / "a.h5"), str(tmp_path / "b.h5")
    boxes = {"sample": np.array([0, 1, 1, 3], "i4"), "x0": np.array([10, 11, 12, 13], "i4")}
    with store.create(first, "features") as sink:
        sink.put("/samples/id", list("abcd"), ["/sample"], "id")
        sink.table("/boxes", boxes, "boxes", row="box")
    with store.read(first) as source, store.create(second, "similarity") as sink:
        sink.carry(source, np.array([True, False, True, True]), whole=True)
    with store.read(second) as source:
        assert source.values("/boxes/sample").tolist() == [0, 2] and source.values(
            "/boxes/x0"
        ).tolist() == [10, 13]


def test_a_long_column_of_a_prime_number_of_rows_has_few_chunks():
    assert layout.whole_chunk(np.zeros(1_281_167, "i4"))[0] >= 2**20


def test_reading_changes_no_byte(tmp_path):
    path = tmp_path / "a.h5"
    write(str(path))
    before = path.read_bytes(), path.stat().st_mtime_ns
    read_digests(str(path))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_every_dimension_has_a_scale_and_xarray_names_it(tmp_path):
    xarray = pytest.importorskip("xarray")
    path = str(tmp_path / "a.h5")
    write(path)
    with h5py.File(path) as file:
        for name, dataset in layout.datasets(file):
            assert all(layout.scales_of(dataset)), name
    with xarray.open_dataset(path, engine="h5netcdf", group="/taps/a") as opened:
        assert opened["gradient_map"].dims == ("sample", "channel", "y", "x")


def test_copies_have_scales_of_their_own(tmp_path):
    """A copied group's references would dangle; xarray follows them."""
    xarray = pytest.importorskip("xarray")
    first, second = str(tmp_path / "a.h5"), str(tmp_path / "b.h5")
    write(first)
    keep = np.arange(ROWS) % 2 == 0
    with store.read(first) as source, store.create(second, "similarity") as sink:
        sink.carry(source, keep, whole=True)
        sink.history([source], {"started": "now"})
    with xarray.open_dataset(second, engine="h5netcdf", group="/taps/a") as opened:
        np.testing.assert_array_equal(
            opened["gradient"], row_values(0, ROWS)["/taps/a/gradient"][keep]
        )
    with store.read(second) as source:
        assert len(source.history_lines()) == 2


def test_ids_that_are_no_utf8_survive(tmp_path):
    path, odd = str(tmp_path / "a.h5"), os.fsdecode(b"caf\xe9/\xff.png")
    with store.create(path, "features") as sink:
        sink.put("/samples/id", ["plain.png", odd, "ü.png"], ["/sample"], "id")
    with store.read(path) as source:
        assert source.ids == ["plain.png", odd, "ü.png"]


@pytest.mark.parametrize(
    "shape, itemsize, block",
    [
        ((512,), 4, 256),
        ((64, 224, 224), 4, 256),
        ((), 4, 256),
        ((3, 32, 32), 4, 96),
        ((2048, 56, 56), 4, 250),
    ],
)
def test_chunks_divide_blocks_and_stay_small(shape, itemsize, block):
    chunk = layout.chunk_shape(shape, itemsize, block)
    assert block % chunk[0] == 0
    assert np.prod(chunk) * itemsize <= layout.CHUNK_BYTES


COMMITTED_ROOM = 26_000  # where a first block fits


@pytest.mark.parametrize("room", [14_000, 24_000, 30_000])
def test_full_disk_keeps_what_was_committed(tmp_path, room):
    """A limit on the file's size stands for the full disk: one line, and the job goes on afterwards."""
    path = str(tmp_path / "a.h5")
    script = KILLED.format(paths=PATHS, pause=0)
    limit = SPARE_BYTES + room
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    ) + script
    failed = subprocess.run([sys.executable, "-c", limited, path], capture_output=True, text=True)
    assert failed.returncode != 0 and "no space left" in failed.stderr.splitlines()[-1]
    assert not os.path.exists(path)
    said = []
    write(path, say=said.append)
    assert any("going on after" in line for line in said) == (room > COMMITTED_ROOM)
    write(str(tmp_path / "whole.h5"))
    assert read_digests(path) == read_digests(str(tmp_path / "whole.h5"))
