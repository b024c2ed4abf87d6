"""gradtools info in the shell: what a store holds, whether it is whole, its digests, ids and history."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from planted import plant, write
from shell import call, rows_of

from gradtools import store

DATA = plant()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("shell") / "a.h5", DATA)


def test_text_names_what_there_is(capsys, path):
    ended = call(capsys, "info", path)
    lines = ended.out.splitlines()
    assert (
        ended.status == 0
        and lines[0].startswith(f"{path}: features, 30 samples, made ")
        and lines[1] == "classes  3: ant, bee, cat"
    )
    assert (
        "model    model: net.py:planted" in lines
        and lines[-1] == "step     2026-01-01  0 s  planted"
    )
    (gradient,) = (line.split() for line in lines if line.startswith("/taps/conv/gradient "))
    assert gradient[1:4] == ["(30,", "6)", "float32"] and int(gradient[4]) >= 30 * 6 * 4


def tables_of(text):
    """{(row, column): value} of every table of a JSON document, by id."""
    return {
        table["id"]: {(row["row"], row["column"]): row["value"] for row in table["rows"]}
        for table in json.loads(text)["tables"]
    }


def test_json_has_the_same_as_tables(capsys, path):
    tables = tables_of(call(capsys, "info", "--json", path).out)
    assert tables["store"]["kind", "value"] == "features"
    assert tables["store"]["samples", "value"] == 30
    assert list(tables["store-classes"].values()) == ["ant", "bee", "cat"]
    assert "store-taps" in tables
    assert tables["store-model"]["target", "value"] == "argmax"
    datasets = tables["store-datasets"]
    assert datasets["/outputs/logits", "shape"] == "30x3"
    assert datasets["/outputs/logits", "dtype"] == "float32"
    assert datasets["/outputs/logits", "bytes"] >= 30 * 3 * 4
    assert tables["store-history"]["0", "command"] == "planted"
    with store.read(path) as opened:
        names = {name for name, _ in store.datasets(opened.file)}
    assert {row for row, _ in datasets} == names


def test_a_store_that_hdf5_changed_is_said_to_have_no_seal(capsys, path, tmp_path):
    changed = tmp_path / "changed.h5"
    changed.write_bytes(Path(path).read_bytes())
    with h5py.File(changed, "r+") as file:
        file.attrs["created"] = "2020-01-01T00:00:00+00:00"
    assert "not sealed" in call(capsys, "info", changed).out
    assert tables_of(call(capsys, "info", "--json", changed).out)["store"]["sealed", "value"] == 0
    checked = call(capsys, "info", "--check", changed)
    assert checked.status == 0 and "not sealed" in checked.err
    assert "seal" not in call(capsys, "info", path).out
    assert call(capsys, "info", "--check", path).err == ""


def test_digests_tell_equal_values_from_others(capsys, path, tmp_path):
    def digests(of):
        (table,) = tables_of(call(capsys, "info", "--digest", "--json", of).out).values()
        return {row: sha for (row, _), sha in table.items()}

    taps = {**DATA.taps, "gradient@conv": DATA.taps["gradient@conv"] + np.float32(1e-3)}
    other = digests(write(tmp_path / "other.h5", DATA.__class__(**{**vars(DATA), "taps": taps})))
    assert digests(path) == digests(write(tmp_path / "again.h5", DATA))
    assert {name for name, sha in digests(path).items() if other[name] != sha} == {
        "/taps/conv/gradient"
    }
    lines = call(capsys, "info", "--digest", path).out.splitlines()
    assert dict(reversed(line.split("  ")) for line in lines) == digests(path)


def test_ids_are_what_where_list_reads(capsys, path, tmp_path):
    ended = call(capsys, "info", "--ids", path)
    assert ended.out.splitlines() == DATA.ids
    (tmp_path / "ids").write_text("\n".join(ended.out.splitlines()[:4]))
    rows = rows_of(
        call(
            capsys,
            "similarity",
            path,
            "--where",
            f"list={tmp_path / 'ids'}",
            "--no-intervals",
            "--json",
        ).out
    )
    assert {row["n"] for row in rows if row["column"] == "all pairs"} == {6}


def test_history_is_one_json_line_a_step(capsys, path):
    lines = call(capsys, "info", "--history", path).out.splitlines()
    assert [json.loads(line)["command"] for line in lines] == ["planted"]


def test_a_whole_store_passes_silently_and_a_damaged_one_is_named(capsys, path, tmp_path):
    ended = call(capsys, "info", "--check", path)
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    damaged = shutil.copy(path, tmp_path / "damaged.h5")
    content = bytearray(damaged.read_bytes())
    at = content.find(DATA.taps["gradient@conv"].tobytes()[:64])
    assert at > 0
    content[at] ^= 1
    damaged.write_bytes(content)
    ended = call(capsys, "info", "--check", damaged)
    assert (
        ended.status == 1
        and "/taps/conv/gradient is damaged" in ended.line
        and "make the store again" in ended.line
    )


def test_another_file_is_one_line(capsys, tmp_path):
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    for name in ("a.h5", "missing.h5", "."):
        ended = call(capsys, "info", tmp_path / name)
        assert ended.status == 1 and ended.line.startswith("gradtools info: ")


ODD = [
    b"plain.png",
    b"line\nbreak.png",
    b"cr\r.png",
    b"caf\xe9.png",
    b"esc\x1b[31m.png",
    b' "a" .png ',
]


def test_ids_are_what_where_takes(capsys, tmp_path):
    """Also ids of several lines, of control bytes, and of bytes that are not UTF-8."""
    ids = [os.fsdecode(name) for name in ODD] + [f"{number:02}.png" for number in range(24)]
    path = write(tmp_path / "odd.h5", dataclasses.replace(DATA, ids=ids))
    printed = call(capsys, "info", "--ids", path).out
    assert len(printed.splitlines()) == 30 and "\x1b" not in printed
    kept = printed.splitlines()[:5] + printed.splitlines()[-1:]
    (tmp_path / "list").write_text("\n".join(kept) + "\n")
    out = tmp_path / "chosen.h5"
    words = ["similarity", path, "--where", f"list={tmp_path / 'list'}", "--no-intervals", "-q"]
    ended = call(capsys, *words, "-o", out)
    assert ended.status == 0, ended.err
    with store.read(str(out)) as chosen:
        assert chosen.ids == [*ids[:5], ids[-1]]


def test_control_bytes_are_escaped_on_a_terminal(capsys, tmp_path, monkeypatch):
    ids = ["red\x1b[31m.png", *DATA.ids[1:]]
    path = write(tmp_path / "odd.h5", dataclasses.replace(DATA, ids=ids))
    words = ["neighbors", path, "--of", "0", "--feature", "logits", "--permutations", 9]
    ended = call(capsys, *words, terminal=["out"], monkeypatch=monkeypatch)
    assert ended.status == 0 and "red\\x1b[31m.png" in ended.out
    assert "\x1b" not in ended.out + ended.err
    missing = tmp_path / "no\x1b[31m.h5"
    assert "no\\x1b[31m.h5: no such file" in call(capsys, "info", missing).line
