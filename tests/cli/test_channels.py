"""gradtools channels in the shell: what it prints, writes, draws and refuses."""

import csv
import io
import json

import numpy as np
import pytest
from planted_channels import QUICK, TARGET, C, N, toy_stores, write
from shell import call, rows_of

from gradtools import store
from gradtools.stages import channels
from gradtools.tables.wording import CHANNEL_STATISTICS, RANKINGS_OF_CHANNELS

FEW = ("--resamples", 40, "--bins", 9)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("shell") / "a.h5")


@pytest.fixture(scope="module")
def described(path):
    with store.read(path) as source:
        return channels.describe(source, channels.Options(**QUICK), say=lambda line: None)


def separated(text, form):
    if form == "json":
        return rows_of(text)
    return list(csv.DictReader(io.StringIO(text), delimiter="\t" if form == "tsv" else ","))


@pytest.mark.parametrize("form", ["json", "tsv", "csv"])
def test_tables_for_programs_have_every_value(path, described, form, capsys):
    ended = call(capsys, "channels", path, "--format", form, *FEW)
    rows = separated(ended.out, form)
    kinds = 2 * len(CHANNEL_STATISTICS) + 2 * len(RANKINGS_OF_CHANNELS)
    tables = ("channel-gradient", "channel-contribution", "channel-agreement")
    assert ended.status == 0 and {row["table"] for row in rows} == set(tables)
    assert len(rows) == 2 * 4 * (kinds + len(tables))  # of each also how many images
    row = next(
        row
        for row in rows
        if (row["table"], row["row"], row["column"]) == ("channel-gradient", "late cat", "at 0")
    )
    means = described.taps[1].distribution["gradient"]
    assert [float(row[key]) for key in ("value", "low", "high")] == pytest.approx(
        [means.value[2, 2], *means.bounds[2, 2]]
    )
    assert int(row["n"]) == (TARGET == 2).sum()


@pytest.mark.parametrize("form", ["text", "markdown", "latex"])
def test_tables_for_people(path, described, form, capsys):
    ended = call(capsys, "channels", path, "--format", form, *FEW)
    means = described.taps[0].distribution["contribution"]
    assert (
        f"{means.value[0, 0]:.3f} [{means.bounds[0, 0, 0]:.3f}, {means.bounds[0, 0, 1]:.3f}]"
        in ended.out
    )
    assert (
        "gradient x mean activation" in ended.out
        and "3 classes are in the store" in ended.out
        and f"{N} images" in ended.out
    )


def test_the_top_of_a_class_prints_its_table(path, capsys):
    ended = call(capsys, "channels", path, "--of", "CAT", "--top", 2, "--ranking", "abs", *FEW)
    assert ended.out.startswith(
        f"cat, {(TARGET == 2).sum()} images: the first 2 of 7 channels of late by |gradient|\n"
    )
    ended = call(capsys, "channels", path, "--of", "cat", "--top", 2, "--tap", "*", "--json", *FEW)
    rows = rows_of(ended.out)
    assert [table["id"] for table in json.loads(ended.out)["tables"]] == [
        "top-channels@early",
        "top-channels@late",
    ]
    ranks = [row["value"] for row in rows if row["column"] == "rank by contribution"]
    assert ranks == [1, 2, 1, 2]
    first, second, *_ = [row for row in rows if row["column"] == "contribution"]
    assert first["value"] >= second["value"] and first["low"] <= first["value"] <= first["high"]


def test_stores_and_profiles(path, tmp_path, capsys, monkeypatch):
    assert call(capsys, "channels", path, "-o", tmp_path / "t.h5", *FEW).out == ""
    assert (
        call(capsys, "channels", path, "-o", tmp_path / "t.h5", "-f", "--of", "cat", *FEW).out == ""
    )
    assert call(capsys, "channels", path, "--profiles", "-o", tmp_path / "p.h5", *FEW).status == 0
    with (
        store.read(str(tmp_path / "t.h5")) as tables,
        store.read(str(tmp_path / "p.h5")) as profiles,
    ):
        assert tables.texts("/channels/late/class") == ["cat"] and profiles.n_samples == sum(
            C.values()
        )
        assert [json.loads(line)["command"] for line in tables.history_lines()][
            0
        ] == "planted" and len(tables.history_lines()) == 2
    ended = call(
        capsys,
        "similarity",
        tmp_path / "p.h5",
        "--feature",
        "contribution@profile",
        "--no-intervals",
        "--json",
    )
    assert ended.status == 0 and "contribution@profile" in ended.out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--bins", 10), "--bins 10: give an odd number"),
        (("--profiles", "--of", "cat", "-o", "x.h5"), "--profiles is over all classes"),
        (("--picture", "sheet", "--figure", "a.png", "-o", "x.h5"), "name it with --of"),
        (("--of", "cat", "--figure", "a.png"), "has no activation maps of late: name its --model"),
        (
            ("--of", "cat", "--figure", "a.png", "--tap", "*"),
            "--picture sheet is of one tap, and --tap names early, late",
        ),
        (("--of", "cat", "--figure", "a.gif"), "end its name in .png"),
        (("--json", "-o", "-"), "--json is text"),
        (("--top", 3, "--json"), "--top is about the top channels"),
        (("--of", "cat", "--model", "resnet18"), "--model is about the images of a sheet"),
        (("--json", "--picture", "gradient"), "add that"),
        (("--json", "--images", "x"), "--images is about"),
        (("--of", "cow"), "no class 'cow' in the model; there are ant, bee"),
        (("--tap", "x", "--json"), "--tap x"),
    ],
)
def test_what_is_refused(path, arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = call(capsys, "channels", path, *arguments)
    assert ended.status == 2 and words in ended.line and not list(tmp_path.iterdir())


def test_a_terminal_gets_no_store(path, capsys, monkeypatch):
    ended = call(capsys, "channels", path, terminal=("out",), monkeypatch=monkeypatch)
    assert ended.status == 2 and "-o" in ended.line and "--format text" in ended.line


def test_histograms_are_drawn(path, tmp_path, capsys):
    assert (
        call(capsys, "channels", path, "--json", "--figure", tmp_path / "a.png", *FEW).status == 0
    )
    assert (
        call(
            capsys,
            "channels",
            path,
            "--of",
            "cat",
            "--picture",
            "contribution",
            "--figure",
            tmp_path / "b.svg",
            *FEW,
        ).status
        == 0
    )
    assert (tmp_path / "a.png").stat().st_size > 5000
    assert "contribution of every channel" in (tmp_path / "b.svg").read_text()


def test_pictures_of_a_store_of_maps_alone(tmp_path, capsys):
    """Maps of positive and negative channels need no features; their figures are those of math.ones."""
    from planted_overlays import planted

    from gradtools.math.maps import ones

    maps = planted(tmp_path, methods=("gradcam", "gradcam-positive", "gradcam-negative"))
    with store.read(maps) as source:
        values = [
            ones.compare(
                *(
                    source.values(f"/maps/{name}@{tap}/map")
                    for name in ("gradcam", "gradcam-positive", "gradcam-negative")
                )
            )
            for tap in ("low", "high")
        ]
    rows = rows_of(call(capsys, "channels", maps, "--json", *FEW).out)
    assert [row["value"] for row in rows if row["column"] != "images"] == pytest.approx(
        np.concatenate([part.mean(axis=0) for part in values])
    )
    assert (
        "negative ~ all"
        in call(capsys, "channels", maps, "--format", "text", "--tap", "low", *FEW).out
    )
    for arguments in (("--of", "fly"), ("--json", "--figure", tmp_path / "a.png")):
        assert "has no taps" in call(capsys, "channels", maps, *arguments).line


def test_a_sheet_is_drawn_from_stored_maps_and_from_the_model(tmp_path, capsys):
    toy_stores(tmp_path)
    asked = ("--of", "ant/0.png", "--tap", "stem", "--top", 2, "--figure")
    for name, more in (("maps", ()), ("plain", ("--model", f"{tmp_path / 'toy.py'}:Toy"))):
        ended = call(
            capsys, "channels", tmp_path / f"{name}.h5", *asked, tmp_path / f"{name}.png", *more
        )
        assert ended.status == 0 and "the first 2 of 4 channels of stem" in ended.out
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    moved = call(
        capsys, "channels", tmp_path / "maps.h5", *asked, tmp_path / "a.png", "--images", tmp_path
    )
    assert moved.status == 1 and "--images" in moved.line


def test_evaluate_shows_the_tables_a_row_a_tap(path, described, tmp_path, capsys):
    call(capsys, "channels", path, "-o", tmp_path / "t.h5", *FEW)
    rows = rows_of(
        call(capsys, "evaluate", tmp_path / "t.h5", "--layout", "channels", "--json").out
    )
    means = described.taps[1].distribution["contribution"]
    cell = [
        row
        for row in rows
        if (row["table"], row["row"]) == ("channel-contribution", "late")
        and row["column"] == "Gini"
    ]
    assert [cell[0][key] for key in ("value", "low", "high")] == pytest.approx(
        [means.value[0, 3], *means.bounds[0, 3]]
    )
    one = call(capsys, "channels", path, "--of", "cat", "-o", tmp_path / "cat.h5", *FEW)
    assert one.status == 0 and "cat" in call(capsys, "evaluate", tmp_path / "cat.h5").out
    assert (
        "gradtools channels computes it"
        in call(capsys, "evaluate", path, "--layout", "channels").line
    )


def test_an_impossible_name_is_refused_before_the_network_is_loaded(path, capsys):
    ended = call(
        *(capsys, "channels", path, "--of", "no such thing", "--top", 3),
        *("--model", "nowhere.py:net", "--figure", "x.png"),
    )
    assert ended.status == 2 and "no such thing" in ended.line and "nowhere" not in ended.line
