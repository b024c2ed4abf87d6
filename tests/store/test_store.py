"""The layout, blocks that survive kills, digests, and what is refused."""

import contextlib
import errno
import fcntl
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.store import folders, layout, seal

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
    part.put("/classes/name", ["ant", "bee", "cat"], ["/label"], "class")
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


def growth(command=None, unused=None):
    """The job of these tests."""
    columns = [store.Column(name, tail, dims, "f4", "test") for name, tail, dims in COLUMNS]
    columns.append(store.Column("/maps/score", (), (), "f4", "test", axis=store.Axis("/map", 3)))
    return store.Growth(
        "features", columns, store.cut(BLOCK, ROWS), command or {"a": 1}, begin, unused or {}
    )


def write(
    path, marked=(), stop_after=None, command=None, say=lambda line: None, unused=None, **how
):
    """Do the job; leaves early after a number of blocks."""
    with store.grow(path, growth(command, unused), say=say, **how) as part:
        for block in part.left:
            if stop_after is not None and block.number >= stop_after:
                raise KeyboardInterrupt
            unreadable = np.isin(np.arange(block.start, block.stop), marked)
            part.commit(block, row_values(block.start, block.stop) | {store.UNREADABLE: unreadable})
        with part.finish() as sink:
            sink.history([], {"started": "now"})


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
    """What failed before its first block has nothing to lose: another command starts over."""
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
    for name in (path, path + ".part"):
        with pytest.raises(GradtoolsError, match="is not finished: 16 of 37 images are done"):
            read_digests(name)


def test_a_part_that_is_a_file_is_refused_until_restart(tmp_path):
    path = str(tmp_path / "a.h5")
    (tmp_path / "a.h5.part").write_bytes(b"of a program before this one")
    with pytest.raises(GradtoolsError, match="--restart"):
        write(path)
    write(path, restart=True)
    assert read_digests(path) and os.listdir(tmp_path) == ["a.h5"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: content[:-40] + bytes([content[-40] ^ 1]) + content[-39:],
        lambda content: b"",
        lambda content: content.replace(b'"rows": [8, 16]', b'"rows": [0, 8]'),
    ],
)
def test_a_block_that_does_not_verify_is_computed_again(tmp_path, damage):
    path, whole = str(tmp_path / "a.h5"), str(tmp_path / "whole.h5")
    write(whole)
    with pytest.raises(KeyboardInterrupt):
        write(path, stop_after=3)
    block, said = tmp_path / "a.h5.part" / "000001", []
    block.write_bytes(damage(block.read_bytes()))
    write(path, say=said.append)
    assert said == [f"resuming {path}.part: 16 of 37 done"]
    assert read_digests(path) == read_digests(whole)


def test_a_block_is_a_header_line_arrays_and_their_digest(tmp_path):
    """Read without the project: JSON, numpy, hashlib."""
    path = str(tmp_path / "a.h5")
    with pytest.raises(KeyboardInterrupt):
        write(path, marked=(9,), stop_after=2)
    assert sorted(os.listdir(path + ".part")) == ["000000", "000001", "job.json", "lock"]
    content = (tmp_path / "a.h5.part" / "000001").read_bytes()
    line, rest = content.split(b"\n", 1)
    header, offset = json.loads(line), 0
    assert header["rows"] == [8, 16]
    assert hashlib.sha256(content[:-32]).digest() == content[-32:]
    expected = row_values(8, 16) | {"/unreadable": np.arange(8) == 1}
    for column in header["columns"]:
        values = np.frombuffer(
            rest, column["dtype"], int(np.prod(column["shape"])), offset
        ).reshape(column["shape"])
        np.testing.assert_array_equal(values, expected[column["path"]])
        offset += values.nbytes
    assert offset == len(rest) - 32 and len(header["columns"]) == len(expected)


def test_a_held_part_is_refused(tmp_path):
    path = str(tmp_path / "a.h5")
    with store.grow(path, growth()), pytest.raises(GradtoolsError, match="by another process"):
        write(path)


@pytest.fixture
def without_locks(monkeypatch):
    """A file system on which flock fails, as some mounts of NFS have it."""

    def refuse(handle, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_one_writer_where_there_are_no_locks(tmp_path, without_locks):
    """The owner is named in a file: one that has gone is noticed, one of another host is left to the user."""
    path, owner = str(tmp_path / "a.h5"), tmp_path / "a.h5.part" / folders.OWNER
    with store.grow(path, growth()):
        assert owner.read_text() == f"{socket.gethostname()} {os.getpid()}"
        with pytest.raises(GradtoolsError, match=f"process {os.getpid()} on .*no locks.*delete"):
            write(path)
        assert owner.exists()
    gone = subprocess.Popen(["true"])
    gone.wait()
    for text, status in ((f"{socket.gethostname()} {gone.pid}", 0), ("elsewhere 1", 1)):
        owner.parent.mkdir(exist_ok=True)
        owner.write_text(text)
        if status:
            with pytest.raises(GradtoolsError, match="process 1 on elsewhere"):
                write(path)
            owner.unlink()
        write(path)
        assert read_digests(path) and not owner.parent.exists()
        os.unlink(path)
    with store.create(path, "features") as sink:
        sink.put("/samples/id", ["a"])
    assert os.path.getsize(path)


def test_a_reader_keeps_the_store_that_it_has_opened_while_another_takes_its_place(tmp_path):
    path = str(tmp_path / "a.h5")
    write(path)
    before = read_digests(path)
    with store.read(path) as source, store.grow(path, growth(), force=True) as part:
        for block in part.left:
            assert read_digests(path) == before
            values = row_values(block.start, block.stop)
            values["/taps/a/gradient"] = values["/taps/a/gradient"] + 1
            part.commit(block, values)
        with part.finish():
            pass
        assert store.digests(source.file) == before != read_digests(path)


@pytest.mark.parametrize("named", [True, False])
def test_a_folder_that_is_marked_done_goes(tmp_path, named):
    """Killed before the output had its name, it is assembled anew; killed after, the rest is removed."""
    path, part = tmp_path / "a.h5", tmp_path / "a.h5.part"
    with pytest.raises(ZeroDivisionError), store.grow(str(path), growth()) as unfinished:
        for block in unfinished.left:
            unfinished.commit(block, row_values(block.start, block.stop))
        raise ZeroDivisionError
    (part / folders.DONE).write_bytes(b"")
    if named:
        write(str(tmp_path / "b.h5"))
        os.replace(tmp_path / "b.h5", path)
        with pytest.raises(GradtoolsError, match="--force"):
            write(str(path))
    else:
        (part / folders.FRESH).write_bytes(b"half of it")
        write(str(path))
    assert os.listdir(tmp_path) == ["a.h5"]
    assert read_digests(str(path))


def test_a_block_of_another_shape_is_refused(tmp_path):
    with store.grow(str(tmp_path / "a.h5"), growth()) as part:
        values = row_values(0, BLOCK)
        values["/taps/a/gradient"] = values["/taps/a/gradient"][:1]
        with pytest.raises(GradtoolsError, match=r"/taps/a/gradient has rows of shape \(1, 5\)"):
            part.commit(part.left[0], values)


def test_too_little_room_is_said_before_the_job_begins(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 0, 9))
    write(str(tmp_path / "a.h5"), say=said.append)
    assert len(said) == 1 and "0.00 GB are free" in said[0]


KILLED = """
import sys, time
sys.path[:0] = {paths!r}
import test_store
from gradtools import store
commit = store.Part.commit
def slow(part, *values):
    commit(part, *values)
    print(part.committed, flush=True)
    time.sleep({pause})
store.Part.commit = slow
test_store.write(sys.argv[1])
"""
PATHS = [
    os.path.join(os.path.dirname(os.path.dirname(__file__)), "support"),
    os.path.dirname(__file__),
    os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
]


@pytest.mark.parametrize(
    "pause", [*(pytest.param(pause, marks=pytest.mark.slow) for pause in (0.0, 0.001, 0.003)), 0.05]
)
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
        assert said and "resuming" in said[0]
    assert read_digests(whole) == read_digests(killed)


def test_two_commands_do_not_write_into_one_file(tmp_path):
    path = tmp_path / "a.txt"
    with store.whole_file(str(path)) as part:
        (tmp_path / part).write_text("whole")
        with pytest.raises(GradtoolsError, match="is being written by another process"):
            with store.whole_file(str(path)):
                raise AssertionError("both write")
        assert not path.exists()
    assert path.read_text() == "whole" and os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("force", [True, False])
def test_what_another_process_wrote_meanwhile_stays_without_force(tmp_path, force):
    path = str(tmp_path / "a.txt")
    store.check_files({"--figure": path}, force=force)

    def write():
        with store.whole_file(path, "--figure") as part, open(part, "w") as handle:
            handle.write("late")
            (tmp_path / "a.txt").write_text("early")

    if force:
        write()
    else:
        with pytest.raises(GradtoolsError, match="--figure .* exists by now"):
            write()
    assert (tmp_path / "a.txt").read_text() == ("late" if force else "early")
    assert os.listdir(tmp_path) == ["a.txt"]


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


@pytest.mark.parametrize("piped", [False, True])
def test_a_changed_byte_outside_of_values_is_refused_before_hdf5_reads_it(
    tmp_path, monkeypatch, piped
):
    """In the name of an attribute, in the superblock, at the end, and behind it."""
    path = tmp_path / "a.h5"
    if piped:
        with open(path, "wb") as out:
            monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
            write("-")
            sys.stdout.flush()
    else:
        write(str(path))
    assert read_digests(str(path))
    whole = path.read_bytes()
    monkeypatch.setattr(store.reading.h5py, "File", None)
    places = whole.index(b"long_name"), 20, 42, len(whole) - 20, len(whole) - 1
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(GradtoolsError, match="a.h5 is damaged"):
            read_digests(str(path))
    path.write_bytes(whole + b"x")
    with pytest.raises(GradtoolsError, match="a.h5 is damaged at its end"):
        read_digests(str(path))


def test_what_hdf5_changed_has_no_seal_and_is_read(tmp_path):
    """As a store of a version before; its values are checked nonetheless."""
    path = tmp_path / "a.h5"
    write(str(path))
    assert path.read_bytes().endswith(seal.MAGIC)
    with h5py.File(path, "r+") as file:
        file["/samples/label"][0] = 2
    assert seal.MAGIC not in path.read_bytes()
    with store.read(str(path)) as source:
        assert source.labels[0] == 2


def test_labels_without_classes_are_refused(tmp_path):
    """Their dimension may still be there, but what is made of the store would have no classes."""
    path = tmp_path / "a.h5"
    write(str(path))
    with h5py.File(path, "r+") as file:
        del file["/classes"]
        assert "/label" in file
    with pytest.raises(GradtoolsError, match="/samples/label is .* the store has no classes"):
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
            for name, dtype in (("sample", "i4"), ("partner", "i4"), ("target", "i4")):
                layout.put(file, f"/maps/{name}", np.zeros(8, dtype))
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
    with pytest.raises(GradtoolsError, match="is not a regular file"):
        store.check_output("/dev/null", force=True)
    with store.read(str(path)) as source, pytest.raises(GradtoolsError, match="is the input"):
        store.check_output(str(link), True, [source])
    write(str(link), force=True, command={"a": 2})
    assert link.is_symlink() and read_digests(str(path))


def test_a_stopped_jobs_part_is_kept_from_others(tmp_path):
    path = str(tmp_path / "a.h5")
    with pytest.raises(KeyboardInterrupt):
        write(path, stop_after=2)
    before = sorted(os.listdir(path + ".part"))
    with pytest.raises(GradtoolsError, match="stopped job"), store.create(path, "similarity"):
        raise AssertionError("not reached")
    assert sorted(os.listdir(path + ".part")) == before


def test_boxes_stay_with_their_images(tmp_path):
    first, second = str(tmp_path / "a.h5"), str(tmp_path / "b.h5")
    sides = {side: np.array([10, 11, 12, 13], "i4") for side in ("x0", "y0", "x1", "y1")}
    boxes = {"sample": np.array([0, 1, 1, 3], "i4"), **sides}
    with store.create(first, "features") as sink:
        sink.put("/samples/id", list("abcd"), ["/sample"], "id")
        sink.put("/samples/label", np.full(4, -1, "i4"))
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
        sink.put("/samples/label", np.full(3, -1, "i4"))
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


@pytest.mark.parametrize("room", [600, 1000, 20_000])
def test_full_disk_keeps_what_was_committed(tmp_path, room):
    """A limit on the size of files stands for the full disk: one line, and the job resumes afterwards."""
    path = str(tmp_path / "a.h5")
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
    ) + KILLED.format(paths=PATHS, pause=0)
    failed = subprocess.run([sys.executable, "-c", limited, path], capture_output=True, text=True)
    assert failed.returncode != 0 and "no space left" in failed.stderr.splitlines()[-1]
    assert not os.path.exists(path)
    said = []
    write(path, say=said.append)
    assert any("resuming" in line for line in said) == (room > 1000)
    write(str(tmp_path / "whole.h5"))
    assert read_digests(path) == read_digests(str(tmp_path / "whole.h5"))


@pytest.mark.parametrize("way", ["{} -o out.h5", "{} > out.h5", "< {} > out.h5"])
def test_a_full_disk_is_one_line_and_leaves_nothing(feature_store, tmp_path, way):
    """Limits of the size of files stand for the full disk, and for the folder of temporary files; HDF5 crashes on them."""
    words = f"{sys.executable} -m gradtools similarity -q --feature logits --no-intervals"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"PYTHONPATH": PATHS[-1], "TMPDIR": str(temporary)}
    for room in (2, 50):  # KiB
        line = f"ulimit -f {room}; {words} {way.format(feature_store)}"
        ended = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert ended.returncode == 1, ended.stderr
        (said,) = ended.stderr.splitlines()
        assert "no space left" in said and (str(temporary) in said or ">" not in way)
        (tmp_path / "out.h5").unlink(missing_ok=True)  # of the shell
        assert list(tmp_path.iterdir()) == [temporary] and not list(temporary.iterdir())
