"""Maps as pictures: what they show is what `read_maps` gives, files are as planned, and nobody else's file is touched."""

import json
import os

import h5py
import numpy as np
import pytest
from conftest import DATA, needs_data
from PIL import Image
from planted_overlays import IDS, METHODS, SIZES, planted
from scipy.stats import rankdata

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.figures import overlays
from gradtools.figures.overlays import album as albums
from gradtools.figures.overlays import blending, captions, mosaic, ones, pages, plain
from gradtools.math.maps.reading import read_maps


def covered(grey, values):
    """The photograph where the map is 0, 60 % of the map's colour where it is 1."""
    cover = 0.6 * np.abs(values)[:, :, None]
    return (1 - cover) * grey + cover * blending.coloured(values)


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    return planted(tmp_path_factory.mktemp("single"))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return planted(
        tmp_path_factory.mktemp("pairs"),
        pairs=True,
        methods=("gradcam++", "gradcam++-literal", "gam"),
    )


@pytest.fixture
def shown(monkeypatch):
    """What pages lay out: a list of (title, heads, rows, bars)."""
    kept, draw = [], pages.draw

    def keep(title, heads, rows, bars, **more):
        kept.append((title, heads, rows, bars))
        return draw(title, heads, rows, bars, **more)

    monkeypatch.setattr(pages, "draw", keep)
    return kept


def names(album):
    return [name for name, _ in overlays.pictures(album)]


@pytest.mark.parametrize("fuse", ["mean", "product", "1,3"])
def test_what_is_shown_is_read_maps(maps, shown, fuse):
    with store.read(maps) as source:
        album = overlays.open_album(source, fuse=fuse)
        pages.overlay(album, (2,))
        pages.grid(album, [(2,)], 1)
        assert any(name.startswith("signed") for name in names(album)) == (fuse != "product")
        raw = {name: source.values(f"/maps/{name}/map")[2:3] for name in source.maps}
    (image,) = (pictures[0] for _, pictures in shown[0][2])
    with Image.open(os.path.join(os.path.dirname(maps), "photos", IDS[2])) as original:
        small = original.convert("RGB").resize((13, 12), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(
        image, np.asarray(small)[1:11, 2:12]
    )  # torchvision's centre: round(1.5) = 2
    grey = np.asarray(image @ np.array([0.299, 0.587, 0.114]) / 255)[:, :, None]
    for picture, method in zip(shown[0][2][0][1][1:], METHODS):
        values = read_maps([raw[f"{method}@{tap}"] for tap in SIZES], (10, 10), fuse=fuse)[0][0]
        np.testing.assert_allclose(picture, covered(grey, values))
    for picture, head in zip(shown[1][2][0][1][1:], shown[1][1][1:]):
        tap = head.rsplit("\n", 1)[1]
        expected_maps = [read_maps([raw[f"{method}@{tap}"]], (10, 10))[0][0] for method in METHODS]
        assert any(np.allclose(picture, covered(grey, values)) for values in expected_maps)
    assert sum(picture is not None for picture in shown[1][2][0][1]) == 1 + len(raw)


@pytest.mark.parametrize(
    "method, head",
    [
        ("gradcam-negative", "Grad-CAM\nnegative"),
        ("gradcam++-literal", "Grad-CAM++\nas printed"),
        ("gam-top32-abs", "GAM\ntop32-abs"),
        ("guided-backprop", "guided BP,\nto its 99 %"),
    ],
)
def test_heads_say_method_and_channels(method, head):
    assert captions.method_head(method) == head


def test_for_and_against_share_one_scale(maps, monkeypatch):
    given = []
    monkeypatch.setattr(
        blending,
        "over",
        lambda frame, values, *_: given.append(values) or np.zeros((*values.shape, 3)),
    )
    with store.read(maps) as source:
        album = overlays.open_album(source, fuse="max")
        pages.signed(album, (0,))
        both = albums.fused(album, 0, "gradcam", "signed")[0]
    assert np.abs(both).max() == 1 and both.min() < 0 < both.max()
    np.testing.assert_array_equal(given[0] + given[1], given[2])
    np.testing.assert_array_equal(given[2], both)
    assert given[0].min() == 0 and given[1].max() == 0


def test_maps_without_a_range_say_why_on_every_page(tmp_path, monkeypatch):
    """All negative: nothing is left after the ReLU, and the signed page still has it; all equal: neither has."""
    path = planted(tmp_path, ids=["ant/a.png", "bee/b.png"], methods=("gradcam", "hirescam"))
    with h5py.File(path, "r+") as file:
        for tap in SIZES:
            file[f"maps/gradcam@{tap}/map"][:] = -1 - np.abs(file[f"maps/gradcam@{tap}/map"][:])
            file[f"maps/hirescam@{tap}/map"][1] = 0.5
    given, draw = [], pages.draw

    def keep(title, heads, rows, bars, **more):
        words = more.get("marks", {}) | {
            place: text for place, text in more.get("notes", {}).items() if text == albums.NOTHING
        }
        given.append(
            (
                words,
                {
                    (line, column)
                    for line, (_, shown) in enumerate(rows)
                    for column, picture in enumerate(shown)
                    if picture is None
                },
            )
        )
        return draw(title, heads, rows, bars, **more)

    monkeypatch.setattr(pages, "draw", keep)
    with store.read(path) as source:
        album = overlays.open_album(source)
        pages.overlay(album, (0,))
        pages.class_sheet(album, "all", album.groups, 1)
        pages.signed(album, (1,))
        pages.grid(album, album.groups, 1)
    nothing, constant = albums.NOTHING, albums.CONSTANT
    words = [text for text, _ in given]
    assert words[0] == {(0, 1): nothing}
    assert words[1] == {
        (0, 1): nothing,
        (0, 4): nothing,
        (0, 5): constant,
    }  # two images in a row, three pictures each
    assert words[2] == {(1, column): constant for column in (1, 2, 3)}
    assert words[3] == {(row, column): nothing for row in (0, 1) for column in (1, 2)} | {
        (1, 3): constant,
        (1, 4): constant,
    }
    assert all(
        gone == {place for place, text in told.items() if text == nothing} for told, gone in given
    )


def test_titles_name_the_taps_of_each_method(tmp_path, shown):
    """A gradient at the input has no part in the mean over the other taps, and is drawn up to its 99 %."""
    path = planted(tmp_path, ids=["ant/a.png"], methods=("gradcam", "gradient"))
    with h5py.File(path, "r+") as file:
        del file["maps/gradient@low"]
        file.move("maps/gradient@high", "maps/gradient@input")
        file["maps"].attrs["order"] = json.dumps(["gradcam@low", "gradcam@high", "gradient@input"])
        values = np.zeros((1, 10, 10), "f4")
        values[0, 0, :5] = 1000, 4, 2, 1, 1
        del file["maps/gradient@input/map"]
        made = file["maps/gradient@input"].create_dataset("map", data=values)
        for axis, side in ((1, "y"), (2, "x")):
            name = f"maps/gradient@input/{side}"
            del file[name]
            scale = file.create_dataset(name, data=np.arange(10, dtype="i4"))
            scale.make_scale(side)
            made.dims[axis].attach_scale(scale)
        made.dims[0].attach_scale(file["map"])
    with store.read(path) as source:
        album = overlays.open_album(source)
        pages.overlay(album, (0,))
        pages.signed(album, (0,))
        drawn, remark = albums.fused(album, 0, "gradient")
    assert "mean of low and high; gradient at input" in shown[0][0] and shown[1][0].endswith(
        "mean of low and high"
    )
    bright = np.quantile(values, 0.99)
    np.testing.assert_allclose(drawn, np.minimum(values[0] / bright, 1), atol=1e-7)
    assert 0 < drawn[0, 2] < 1 and not remark


def test_files_and_their_names(maps, tmp_path):
    with store.read(maps) as source:
        planned = names(overlays.open_album(source))
    stems = ["000000-ant-a", "000001-" + "b" * 80, "000002-bee-c-udcff-d", "000003-bee-e"]
    kinds = ("overlay", "signed", "figure2", "figure8", "layers")
    own = {row: [f"{kind}-{stems[row]}.png" for kind in kinds] for row in range(4)}
    assert planned == [
        "grid-001.png",
        "class-0000-ant-001.png",
        *own[0],
        "class-0001-bee-001.png",
        *own[2],
        *own[1],
        *own[3],
    ]  # kinds and classes in turn
    assert all(name.isascii() and len(name) < 120 for name in planned)


def test_figure_8_has_each_method_at_one_tap_beside_two(maps, shown):
    with store.read(maps) as source:
        album = overlays.open_album(source)
        dict(overlays.pictures(album))["figure8-000000-ant-a.png"]()
        heads, rows = shown[-1][1:3]
        assert (
            heads == ["image", "n = 1\nhigh", "n = 2\n+ low"] and len(rows) == 2
        )  # gam and gradcam
        for method, (_, pictures) in zip(("gam", "gradcam"), rows):
            raw = [source.rows(f"/maps/{method}@{tap}/map") for tap in ("low", "high")]
            parts = [part.read(0, 1).reshape(1, *part.tail) for part in raw]
            frame = album.frame(0)
            for picture, taps in zip(pictures[1:], (parts[1:], parts)):
                assert np.array_equal(
                    picture, blending.over(frame, read_maps(taps, frame.shape[:2])[0][0])
                )


def test_a_label_of_several_classes_is_named_and_not_the_highest_of_them(tmp_path, shown):
    path = planted(tmp_path, methods=("gam",), about=[1, 1, 0, 1], member=[[0, 1], [1, 1]])
    with store.read(path) as source:
        album = overlays.open_album(source)
        for number, first in enumerate(
            ("bee, 2 classes together", "bee, 2 classes together", "fly")
        ):
            assert albums.target_name(album, number) == first
        assert [albums.class_of(album, (row,)) for row in range(4)] == ["bee", "bee", "ant", "bee"]
        dict(overlays.pictures(album))["overlay-000000-ant-a.png"]()
    assert "bee, 2 classes together: logit 0" in shown[-1][0]


def test_figure_2_has_p_and_q_where_their_channels_were_mapped(tmp_path, shown):
    methods = ("gradcam", "gam", "activation", "positive-gradients", "negative-gradients")
    path = planted(tmp_path, methods=(*methods, "gradcam-positive", "gradcam-negative"))
    with store.read(path) as source:
        album = overlays.open_album(source)
        dict(overlays.pictures(album))["figure2-000000-ant-a.png"]()
        (_, pictures), frame = shown[-1][2][0], album.frame(0)
        assert [head.partition(",")[0] for head in shown[-1][1][-2:]] == ["P", "Q"]
        for picture, name, sign in zip(pictures[-2:], ("positive", "negative"), ("for", "against")):
            part = source.rows(f"/maps/gradcam-{name}@high/map")
            raw = part.read(0, 1).reshape(1, *part.tail)
            read = read_maps([raw], frame.shape[:2], sign)[0][0]
            assert np.array_equal(picture, blending.over(frame, read))


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/abs", "..", "a\nb", ".hidden", "-rf", "CON\\x", "\udcff"]
)
def test_no_name_leaves_its_folder(name):
    made = overlays.file_name(name)
    assert made and os.path.basename(made) == made and made[0] not in ".-" and made.isprintable()


def test_both_images_of_a_pair_stand_together(pairs, shown):
    with store.read(pairs) as source:
        album = overlays.open_album(source)
        assert album.groups == [(0, 1), (2, 3)]
        kinds = dict(overlays.pictures(album))
        assert not any(name.startswith(("figure2", "layers")) for name in kinds)
        kinds["figure3-000000-ant-a.png"]()
        title, heads, rows, _ = shown[-1]
        assert (
            heads == ["image", "Grad-CAM++", "Grad-CAM++\nas printed", "GAM"]
            and [name for name, _ in rows][0] == "a"
        )
        np.testing.assert_array_equal(rows[1][1][0], album.frame(1))
        assert len(rows) == 2 and "dot" in title and " and " in title
        pages.grid(album, album.groups, 1)
        assert [
            np.array_equal(pictures[0], album.frame(row))
            for row, (_, pictures) in enumerate(shown[-1][2])
        ] == [True] * 4
        keep = np.array([True, True, True, False])
        assert overlays.open_album(source, where=keep).groups == [(0, 1)]


def test_a_limit_is_said_and_nothing_foreign_is_touched(maps, tmp_path):
    folder, said = tmp_path / "pictures", []
    with store.read(maps) as source:
        album = overlays.open_album(source)
        written = overlays.draw(album, str(folder), 2, said.append)
        assert sorted(os.listdir(folder)) == ["class-0000-ant-001.png", "grid-001.png"]
        assert said == [f"{folder}: 2 pictures of 23: --overlay-limit 23 draws all"]
        first = [open(path, "rb").read() for path in written]
        overlays.draw(album, str(folder), 2, said.append)
        assert [open(path, "rb").read() for path in written] == first  # again: the same bytes
        Image.new("RGB", (2, 2)).save(folder / "grid-001.png")
        (folder / "notes.txt").write_text("mine")
        before = (folder / "grid-001.png").read_bytes()
        with pytest.raises(GradtoolsError, match="not drawn by gradtools"):
            overlays.draw(album, str(folder), 2, said.append)
        assert (folder / "grid-001.png").read_bytes() == before and (
            folder / "notes.txt"
        ).read_text() == "mine"
        with pytest.raises(UsageError, match="is not a folder"):
            overlays.draw(album, str(folder / "notes.txt"))


def test_images_that_moved_or_changed_are_named(tmp_path):
    path = planted(tmp_path, ids=["ant/a.png", "bee/b.png"], methods=("gam",))
    os.rename(tmp_path / "photos", tmp_path / "gone")
    with store.read(path) as source:
        with pytest.raises(GradtoolsError, match="--images"):
            overlays.open_album(source)
        album = overlays.open_album(source, str(tmp_path / "gone"))
        assert album.frame(0).shape == (10, 10, 3)
        Image.new("RGB", (16, 14)).save(tmp_path / "gone" / "bee" / "b.png")
        with pytest.raises(GradtoolsError, match="SHA-256 differs"):
            album.frame(1)


def test_peer_pictures_equal_its_formula():
    """A loop over show_cam_on_image; the anchors of jet are those of OpenCV's table."""
    rng = np.random.default_rng(1)
    frame, values = rng.integers(0, 256, (4, 5, 3), dtype="u1"), rng.random((4, 5))
    mixed = np.array(
        [
            [
                [0.5 * heat / 255 + 0.5 * pixel / 255 for heat, pixel in zip(*pair)]
                for pair in zip(*line)
            ]
            for line in zip(blending.jet(values).astype(float), frame.astype(float))
        ]
    )
    np.testing.assert_array_equal(
        blending.peer(frame, values), np.uint8(255 * (mixed / mixed.max()))
    )
    anchors = blending.jet(np.array([[0, 96 / 255, 128 / 255, 1]]))[0].tolist()
    expected = [[0, 0, 128], [2, 255, 254], [130, 255, 126], [128, 0, 0]]
    assert np.abs(np.array(anchors) - expected).max() <= 2


@pytest.mark.parametrize("seed", range(3))
def test_ones_by_its_definition(seed):
    maps = 0.3 * np.random.default_rng(seed).standard_normal((1, 6, 7))
    picture = np.maximum(1 + maps, 0)
    expected = (picture - picture.min()) / (picture.max() - picture.min())
    np.testing.assert_allclose(read_maps([maps], compat="ones")[0], expected, atol=1e-12)


@needs_data
def test_ones_draws_the_absence_of_negative_evidence(tmp_path):
    """mathematics#pictures-from-ones: SqueezeNet, features.9, the negative subset; Spearman of the picture with the evidence against is -1.

    And .73 with the picture of all channels.
    """
    from gradtools import images
    from gradtools.network import models
    from gradtools.stages import saliency

    model = models.load("squeezenet1_0", str(DATA / "squeezenet1_0_imagenet.pth"))
    listed = images.list_images([str(DATA / "imagenet60" / "birds" / "n01514668_cock.jpg")])
    options = saliency.Options(tap=("features.9",), channels=("all", "negative"))
    saliency.saliency(listed, model, str(tmp_path / "maps.h5"), options, say=lambda line: None)
    with store.read(str(tmp_path / "maps.h5")) as source:
        every, negative = (
            source.values(f"/maps/{name}@features.9/map")
            for name in ("gradcam", "gradcam-negative")
        )
    picture = read_maps([negative], compat="ones")[0]
    assert spearman(picture, -negative) == pytest.approx(-1, abs=1e-6)
    assert not read_maps([negative])[0].any()  # a true Grad-CAM of the subset is nothing
    assert spearman(picture, read_maps([every], compat="ones")[0]) == pytest.approx(0.73, abs=0.02)


def spearman(first, second):
    return np.corrcoef(rankdata(first.astype("f4")), rankdata(second.astype("f4")))[0, 1]


def test_pages_of_a_grid_keep_classes_together_and_show_each_class_early(tmp_path):
    ids = [f"ant/{n}.png" for n in range(8)] + [f"bee/{n}.png" for n in range(8)]
    path = planted(tmp_path, ids=ids, methods=("gradcam",))
    with store.read(path) as source:
        album = overlays.open_album(source)
        shown = [
            [albums.class_of(album, group) for group in part] for part in overlays._pages(album)
        ]
        rows = sorted(group for part in overlays._pages(album) for group in part)
    assert shown == [["ant"] * 6, ["bee"] * 6, ["ant", "ant", "bee", "bee"]]
    assert rows == [(row,) for row in range(16)]


def test_signed_rows_of_the_page_of_ones_have_a_scale_each(tmp_path, monkeypatch):
    """A row of small values is seen as well as one of large values; how much smaller it is stands beside it."""
    names = ("gradcam", "gradcam-positive", "gradcam-negative")
    path = planted(tmp_path, methods=names)
    with h5py.File(path, "r+") as file:
        raw = {name: file[f"maps/{name}@high/map"][:] for name in names}
        file["maps/gradcam-negative@high/map"][:] = raw["gradcam-negative"] / 1000
    given, rows = [], []
    draw, over = ones.draw, blending.over
    monkeypatch.setattr(
        ones, "draw", lambda *words, **more: rows.extend(words[2]) or draw(*words, **more)
    )
    monkeypatch.setattr(
        blending,
        "over",
        lambda frame, values, *more: given.append((values, more)) or over(frame, values, *more),
    )
    with store.read(path) as source:
        album = overlays.open_album(source, compat="ones")
        pages.explained("high", album, (1,))
    signed = [np.abs(values).max() for values, more in given if more]
    assert signed[0::3] == pytest.approx([1, 1, 1])  # the signed map of each row
    assert "of the largest" in rows[2][0] and sum("of the largest" in name for name, _ in rows) == 2


def test_sheets_of_images_with_several_labels_are_of_the_label_that_each_map_is_about(tmp_path):
    path = planted(tmp_path)
    with h5py.File(path, "r+") as file:
        file["samples/label"][:] = -1
    with store.read(path) as source:
        assert {albums.class_of(overlays.open_album(source), (row,)) for row in range(4)} == {"fly"}
    with h5py.File(path, "r+") as file:
        file["maps/label"] = np.array([1, 0, 0, -1], "i4")
        file["maps/label"].dims[0].attach_scale(file["map"])
    with store.read(path) as source:
        album = overlays.open_album(source)
        assert [albums.class_of(album, (row,)) for row in range(4)] == ["bee", "ant", "ant", "fly"]


def test_sheets_of_plain_images_show_every_image_once_and_mark_wrong_answers(tmp_path, monkeypatch):
    ids = [f"ant/{n}.png" for n in range(50)] + [f"bee/{n}.png" for n in range(50)]
    path = planted(tmp_path, ids=ids, methods=("gradcam",))
    with h5py.File(path, "r+") as file:
        for name, values, scales in (
            ("outputs/predicted", np.arange(100) % 7 == 0, ["sample"]),
            ("classes/member", np.eye(2, dtype="u1"), ["label", "class"]),
        ):
            file[name] = values.astype("i4" if name.endswith("predicted") else "u1")
            for axis, scale in enumerate(scales):
                file[name].dims[axis].attach_scale(file[scale])
    pages_shown, draw = [], mosaic.draw
    monkeypatch.setattr(
        plain.mosaic,
        "draw",
        lambda *words, **more: pages_shown.append((words, more)) or draw(*words, **more),
    )
    with store.read(path) as source:
        written = overlays.draw_images(source, str(tmp_path / "sheets"), say=lambda line: None)
        frame = albums.frames(source, list(range(100)))
        first = [frame(row) for row in range(8)]
        wrong = int(np.sum(source.predicted != source.labels))
    assert [os.path.basename(name) for name in written] == [
        "images-0000-ant-001.png", "images-0001-bee-001.png",
        "images-0000-ant-002.png", "images-0001-bee-002.png",
    ]  # fmt: skip
    assert [sum(len(row) for _, row in words[2]) for words, _ in pages_shown] == [48, 48, 2, 2]
    np.testing.assert_array_equal(pages_shown[0][0][2][0][1], first)
    notes = [note for _, more in pages_shown for note in more["notes"].values()]
    assert len(notes) == 100 and sum(note.startswith("≠ ") for note in notes) == wrong > 10
