"""Files on a disk that fills up: HDF5 files close all the same, the error is raised, and what was written reads back."""

import os
import resource
import signal

import h5py
import numpy as np
import pytest

from gradtools.store import guarded


def write(path, check=False):
    """A file of 400 kB in eight datasets with checksums, scales and attributes; what libhdf5 crashes on when it cannot write."""
    rows = np.random.default_rng(0).random((100, 128)).astype("f4")
    with guarded.create(str(path)) as (file, _):
        for number in range(8):
            made = file.create_dataset(
                f"group{number}/rows", data=rows, chunks=(10, 128), fletcher32=True
            )
            scale = file.create_dataset(f"scale{number}", data=np.arange(100))
            scale.make_scale("row")
            made.dims[0].attach_scale(scale)
            made.attrs["text"] = "x" * 300
            if check:
                guarded.check(file)
            np.testing.assert_array_equal(made[95:], rows[95:])
    return rows


def in_a_child(limit, call):
    """Call in a forked child whose files may have so many bytes; its status, minus a signal."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    try:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        call()
        os._exit(0)
    except OSError as error:
        os._exit(3 if "File too large" in str(error) else 4)
    finally:
        os._exit(5)


def test_what_is_written_is_what_hdf5_reads(tmp_path):
    rows = write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        for number in range(8):
            np.testing.assert_array_equal(file[f"group{number}/rows"][()], rows)
            assert file[f"group{number}/rows"].dims[0][0].name == f"/scale{number}"


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("places", [16, pytest.param(60, marks=pytest.mark.slow)])
def test_a_full_disk_raises_wherever_it_fills_up(tmp_path, check, places):
    """Limits of the size of files stand for it, at many places; never a signal, as from libhdf5's own driver."""
    write(tmp_path / "whole.h5")
    size = os.path.getsize(tmp_path / "whole.h5")
    limits = np.linspace(1, size - 1, places).astype(int)
    statuses = {in_a_child(int(limit), lambda: write(tmp_path / "a.h5", check)) for limit in limits}
    assert statuses == {3}
    assert in_a_child(size, lambda: write(tmp_path / "a.h5", check)) == 0


def test_bytes_that_the_disk_refused_read_back(tmp_path):
    with open(tmp_path / "a", "w+b") as file, open(os.devnull, "rb") as unwritable:
        guard = guarded.Guard(file.fileno())
        guard.write(b"0123456789")
        guard.handle = unwritable.fileno()
        guard.seek(4)
        guard.write(b"abcd")
        assert guard.error is not None
        guard.handle = file.fileno()
        guard.seek(6)
        guard.write(b"X")
        guard.seek(2)
        assert guard.read(10) == b"23abXd89\0\0"
        assert guard.seek(0, os.SEEK_END) == 10


def test_another_process_cannot_open_it_meanwhile(tmp_path):
    with guarded.create(str(tmp_path / "a.h5")):
        with pytest.raises(BlockingIOError):
            guarded.create(str(tmp_path / "a.h5")).__enter__()
