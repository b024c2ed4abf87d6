"""Pictures of channels: bars are the shares, sheets show the maps of the images named below, theirs stand beside the right ones."""

import dataclasses
import json

import numpy as np
import pytest
from planted_channels import QUICK, TAPS, write
from planted_overlays import IDS, planted
from scipy import stats

from gradtools import figures, store
from gradtools.figures import channel_sheets, deletion, histograms, overlays
from gradtools.figures.overlays import blending, ones
from gradtools.figures.overlays.frames import frames
from gradtools.math.maps.reading import read_maps
from gradtools.math.maps.resize import resize
from gradtools.selection import channels as of_channels
from gradtools.selection import groups
from gradtools.stages import channels
from gradtools.tables.wording import RANKINGS_OF_CHANNELS


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    with store.read(write(tmp_path_factory.mktemp("figures") / "a.h5")) as source:
        return channels.describe(source, channels.Options(**QUICK), say=lambda line: None)


@pytest.mark.parametrize("kind", ["gradient", "contribution"])
def test_bars_are_the_shares_of_the_channels(described, kind):
    panels = [
        panel
        for panel in histograms.draw(described.taps, kind, "a $title$").axes
        if panel.get_title()
    ]
    assert [panel.get_title() for panel in panels] == ["early", "late"]
    for panel, tap in zip(panels, ("early", "late")):
        rows = TAPS[tap][kind].astype(float).ravel()
        edges = np.linspace(-abs(rows).max(), abs(rows).max(), 10)
        assert [bar.get_height() for bar in panel.patches] == pytest.approx(
            np.histogram(rows, edges)[0] / len(rows)
        )
        assert [bar.get_x() for bar in panel.patches] == pytest.approx(edges[:-1])
        texts = [text.get_text() for text in panel.texts]
        assert texts[:3] == [
            f"{share:.2f}".lstrip("0")
            for share in (np.mean(rows < 0), np.mean(rows == 0), np.mean(rows > 0))
        ]


def test_a_histogram_of_many_taps_has_a_panel_each(described):
    many = [
        of_channels.TapChannels(
            **{**vars(described.taps[0]), "tap": f"a.very.long.name.of.a.tap.number.{i}"}
        )
        for i in range(9)
    ]
    titles = [
        panel.get_title() for panel in histograms.draw(many, "gradient", "x").axes if panel.axison
    ]
    assert len(titles) == 9 and titles[8].endswith("number.8") and max(map(len, titles)) <= 30


def test_the_title_says_whose_channels(described, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(histograms, "draw", lambda taps, kind, title: said.append(title))
    monkeypatch.setattr(figures.page, "save", lambda figure, path: None)
    figures.channels("net.py:make", described, "gradient", "a.png")
    cat = of_channels.ChannelResults(
        groups.Groups(described.groups.keep, described.groups.code[:1], [], "cat"),
        described.taps,
        [],
        {},
    )
    figures.channels("net.py:make", cat, "contribution", "a.png")
    assert said == [
        "make, 23 images: gradient of every channel",
        "make, 1 image of cat: contribution of every channel",
    ]


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_a_sheet_shows_every_channel_on_its_images(tmp_path, monkeypatch, low):
    path, rng = planted(tmp_path), np.random.default_rng(0)
    maps = rng.random((2, 3, 4, 5)) * (2 if low else 1) + low
    rows, given = np.array([[3, 0, 1], [2, 1, 0]]), []
    monkeypatch.setattr(
        channel_sheets, "draw", lambda *arguments, **more: given.append((*arguments, more))
    )
    top = of_channels.Top(
        "late",
        "wasp",
        "contribution",
        4,
        np.array([6, 2]),
        {"contribution": np.array([1.25, 0.5])},
        {},
        {},
        np.empty((2, 2)),
        7,
        3.0,
    )
    with store.read(path) as source:
        channel_sheets.sheet(source, top, of_channels.TopImages(rows, rng.random((2, 3)), maps))
        frame = frames(source, [0, 1, 2, 3])
        title, heads, lines, (bar,), more = given[0]
        assert (
            "wasp: the first 2 of 7 channels of late by contribution" in title
            and heads == ["1", "2", "3"]
            and bar.low == low
        )
        assert [name for name, _ in lines] == ["channel 6\n1.25", "channel 2\n0.5"]
        for number, (_, pictures) in enumerate(lines):
            for place, picture in enumerate(pictures):
                values = np.clip(
                    resize(maps[number, place][None], (10, 10))[0] / abs(maps[number]).max(), low, 1
                )
                assert picture == pytest.approx(
                    blending.over(frame(int(rows[number, place])), values, bar.colours, low)
                )
                assert more["notes"][number, place].startswith(
                    "ant" if rows[number, place] < 2 else "bee"
                )


@pytest.fixture
def signed(tmp_path):
    """A store with P - Q, P and -Q of activations that are not negative, at the tap `low`."""
    rng, names = np.random.default_rng(1), list(ones.SUBSETS)
    path = planted(tmp_path, methods=("gradcam", "gradcam-positive", "gradcam-negative"))
    A, alpha = (
        np.maximum(rng.standard_normal((4, 6, 5, 5)), 0),
        0.1 * rng.random((4, 6)) * (-1.0) ** np.arange(6),
    )
    parts = [
        np.einsum("nc,nchw->nhw", weight, A)
        for weight in (alpha, np.maximum(alpha, 0), np.minimum(alpha, 0))
    ]
    import h5py

    with h5py.File(path, "r+") as file:
        for name, part in zip(names, parts):
            file[f"maps/{name}@low/map"][:] = part
        file["maps"].attrs["order"] = json.dumps([f"{name}@low" for name in names])
    return path, dict(zip(names, parts))


def test_theirs_beside_the_right_ones(signed, monkeypatch):
    path, parts = signed
    given = []
    monkeypatch.setattr(ones, "draw", lambda *arguments, **more: given.append((*arguments, more)))
    with store.read(path) as source:
        album = overlays.open_album(source, compat="ones")
        planned = dict(overlays.pictures(album))
        name = "ones-low-000000-ant-a.png"
        assert name in planned and len([one for one in planned if one.startswith("ones")]) == len(
            IDS
        )
        planned[name]()
        frame = album.frame(0)
    title, heads, rows, bars, more = given[0]
    sized = {name: resize(part[:1], (10, 10))[0] for name, part in parts.items()}
    for (words, pictures), (name, part) in zip(rows, parts.items()):
        theirs = read_maps([part[:1].astype("f4")], (10, 10), compat="ones")[0][0]
        assert pictures[1] == pytest.approx(blending.over(frame, theirs), abs=1e-6)
        assert pictures[2] == pytest.approx(
            blending.over(frame, sized[name] / abs(sized[name]).max(), blending.SIGNED, -1.0),
            abs=1e-6,
        )
    assert rows[1][1][4] is None and "speak nowhere\nagainst" in more["notes"][1, 4]
    assert rows[2][1][3] is None and "speak nowhere\nfor" in more["notes"][2, 3]
    assert rows[0][1][3] is not None and rows[0][1][4] is not None
    theirs = [1 + parts[name][0].ravel() for name in ("gradcam-negative", "gradcam")]
    assert f"{stats.spearmanr(*theirs)[0]:+.2f}" in rows[2][0] and rows[2][0].endswith("-1.000")
    assert (
        "begins its sum over channels with ones" in title
        and "nowhere below 0" in title
        and "negative channels' own Grad-CAM is zero" in title
    )


def test_the_sentences_say_where_the_relu_acts_and_claim_no_zero_map_before_a_relu():
    raw = {name: np.array([[-1.5, 0.5]]) for name in ones.SUBSETS}
    assert (
        "below 0 in 50.0 % of the pixels" in ones.sentences(raw)[1]
        and len(ones.sentences(raw)) == 2
    )
    raw = {name: np.array([[-0.5, 0.5]]) for name in ones.SUBSETS}
    assert not any("own Grad-CAM is zero" in line for line in ones.sentences(raw))


def test_a_page_of_theirs_is_drawn_and_zero_maps_are_said_in_words(signed, tmp_path):
    path, _ = signed
    with store.read(path) as source:
        overlays.draw(
            overlays.open_album(source, compat="ones"),
            str(tmp_path / "pictures"),
            5,
            say=lambda line: None,
        )
        assert (tmp_path / "pictures" / "ones-low-000000-ant-a.png").stat().st_size > 10_000
        page = overlays.pages.overlay(overlays.open_album(source), (0,))
    said = [text.text for text in page.texts]
    assert said.count("zero everywhere:\nnothing speaks\nfor the target") == 1
    assert len(page.pictures) == 3  # the image, all and positive; none for negative


def drawn_curves(steps, **facts):
    """A figure of two taps' curves, from columns that a loop over a formula makes."""
    points, areas = ([] for _ in range(2))
    for tap in ("early", "late"):
        for curve in ("deletion", "insertion"):
            for number, ranking in enumerate(RANKINGS_OF_CHANNELS):
                areas.append((tap, curve, ranking, 5, 0.25 + number, 0.0, 1.0))
                points += [
                    (tap, curve, ranking, step, 5, number + step / 10, number, number + 1.0)
                    for step in steps
                ]
    facts = {"images": 6, "target": "argmax", "score": "logit", "weights": "default"} | facts
    columns = [
        dict(zip(names, map(list, zip(*rows))))
        for names, rows in (
            (("tap", "curve", "ranking", "taken", "images", "value", "low", "high"), points),
            (("tap", "curve", "ranking", "images", "value", "low", "high"), areas),
        )
    ]
    return deletion.draw(
        {
            "net": {
                "channel_points": Stored(columns[0], facts),
                "channel_curves": Stored(columns[1], facts),
            }
        }
    )


@dataclasses.dataclass
class Stored:
    columns: dict
    facts: dict


def test_curves_have_a_line_a_ranking_over_the_share_taken_and_its_area_in_the_legend():
    figure = drawn_curves([0, 3, 12])
    assert [panel.get_title().splitlines()[0] for panel in figure.axes] == [
        f"net, {tap}: {curve}" for tap in ("early", "late") for curve in ("deletion", "insertion")
    ]
    for panel in figure.axes:
        lines = panel.lines[: len(RANKINGS_OF_CHANNELS)]
        for number, (line, words) in enumerate(zip(lines, RANKINGS_OF_CHANNELS.values())):
            assert list(line.get_xdata()) == pytest.approx([0, 0.25, 1])
            assert list(line.get_ydata()) == pytest.approx([number, number + 0.3, number + 1.2])
            assert line.get_label() == f"{number}.25  {words}"
        assert len(panel.collections) == len(lines) and lines[-1].get_linestyle() == "--"
        assert panel.get_title().endswith("5 images, for the others have no score above 0")


def test_the_title_of_curves_says_the_score_and_what_it_is_worth():
    said = drawn_curves([0, 1], score="prob", target="bee", weights="random").get_suptitle()
    assert (
        "6 images, target bee, score prob" in said and "say nothing about a trained network" in said
    )
    assert "trained" not in drawn_curves([0, 1]).get_suptitle()
