"""Stores through pipes: HDF5 needs a file that can be sought in, so both directions are spooled to a temporary one."""

import contextlib
import os
import shutil
import sys
import tempfile

from gradtools.errors import GradtoolsError, UsageError

COPY_BYTES = 1 << 20


@contextlib.contextmanager
def spooled_input():
    """Path of a temporary file that holds all of standard input."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("no input: name a store, or pipe one in")
    with tempfile.NamedTemporaryFile(prefix="gradtools-", suffix=".h5") as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool, COPY_BYTES)
        spool.flush()
        if spool.tell() == 0:
            raise GradtoolsError(
                "standard input was empty: the command before this one wrote no store"
            )
        yield spool.name


@contextlib.contextmanager
def spooled_output():
    """Path of a temporary file that is copied to standard output when the block ends well."""
    handle, path = tempfile.mkstemp(prefix="gradtools-", suffix=".h5")
    os.close(handle)
    try:
        yield path
        with open(path, "rb") as spool:
            shutil.copyfileobj(spool, sys.stdout.buffer, COPY_BYTES)
        sys.stdout.buffer.flush()
    finally:
        os.unlink(path)
