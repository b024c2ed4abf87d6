"""Pictures of trees: every name stands on the page beside its branch and over no other, whatever the number of leaves."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from planted_classes import write_classes
from scipy.cluster import hierarchy

from gradtools import figures, store
from gradtools.errors import UsageError
from gradtools.figures import page, trees
from gradtools.stages import dendrogram

LONG = (
    "a name, with (brackets) and an apostrophe's end, that is far too long for any page of a paper"
)


def grown(folder, n, **options):
    random = np.random.default_rng(n)
    groups = np.arange(n) % 5
    rows = random.normal(size=(5, 30))[groups] + 0.5 * random.normal(size=(n, 30))
    path = write_classes(
        folder / f"{n}.h5", rows, [LONG, *(f"leaf $\\frac{index}$" for index in range(1, n))]
    )
    with store.read(path) as source:
        return dendrogram.dendrogram(
            source,
            None,
            dendrogram.Options(k=5, resamples=0, order="none", **options),
            say=lambda line: None,
        )


def boxes(figure, texts):
    """Where texts are drawn, (n, 4) pixels: x0, y0, x1, y1."""
    renderer = figure.canvas.get_renderer()
    return np.array([text.get_window_extent(renderer).extents for text in texts])


@pytest.mark.parametrize(
    "n, orientation",
    [*((n, where) for n in (5, 60) for where in ("left", "top", "right", "bottom")), (300, "left")],
)
def test_names_are_apart_and_on_the_page(n, orientation, tmp_path):
    tree = grown(tmp_path, n)
    figure = trees.draw("net", tree, orientation)
    with page.style():
        FigureCanvasAgg(figure).draw()
    panel, sideways = figure.axes[0], orientation in ("left", "right")
    texts = (panel.get_yticklabels if sideways else panel.get_xticklabels)()
    names = [page.shortened(tree.names[leaf], trees.NAME) for leaf in tree.order]
    assert [text.get_text() for text in texts] == names
    corners = boxes(figure, texts)
    low, high = (corners[:, 1], corners[:, 3]) if sideways else (corners[:, 0], corners[:, 2])
    by_place = np.argsort(low)
    assert np.all(high[by_place][:-1] <= low[by_place][1:] + 0.5)
    assert (
        corners.min() >= 0
        and corners[:, 2].max() <= figure.bbox.width
        and corners[:, 3].max() <= figure.bbox.height
    )
    title = boxes(figure, figure.texts)
    assert (
        title[:, 1].min() >= panel.get_tightbbox().y1 - 1
        and title[:, 0].min() >= 0
        and title[:, 3].max() <= figure.bbox.height
    )


def test_brackets_stand_where_scipy_draws_them(tmp_path):
    tree = grown(tmp_path, 40)
    for orientation in ("top", "left"):
        panel = trees.draw("net", tree, orientation).axes[0]
        lines = next(
            one for one in panel.collections if isinstance(one, LineCollection)
        ).get_segments()
        ours = {
            tuple(np.round((line if orientation == "top" else line[:, ::-1]).ravel(), 6))
            for line in lines
        }
        scipys = hierarchy.dendrogram(tree.merges, no_plot=True)
        theirs = {
            tuple(np.round(np.column_stack([(np.array(x) - 5) / 10, y]).ravel(), 6))
            for x, y in zip(scipys["icoord"], scipys["dcoord"])
        }
        assert ours == theirs
        assert panel.yaxis_inverted() if orientation == "left" else not panel.yaxis_inverted()


def test_clusters_have_colours_and_what_lies_above_is_grey(tmp_path):
    tree = grown(tmp_path, 40)
    collection = next(
        one
        for one in trees.draw("net", tree).axes[0].collections
        if isinstance(one, LineCollection)
    )
    colours = [to_hex(colour) for colour in collection.get_colors()]
    assert colours.count(page.GREY) == 4 and len(set(colours)) == 6
    tree = grown(tmp_path, 40, color_threshold=1e9)
    collection = next(
        one
        for one in trees.draw("net", tree).axes[0].collections
        if isinstance(one, LineCollection)
    )
    assert len({to_hex(colour) for colour in collection.get_colors()}) == 1


def test_heights_have_their_unit_and_the_title_says_how(tmp_path):
    figure = trees.draw("net", grown(tmp_path, 41, rows="gauge", linkage="average"))
    assert figure.axes[0].get_xlabel() == "height: 1 - cosine"
    assert [text.get_text() for text in figure.texts][:2] == [
        "net: 41 classes",
        "average linkage on weight, rows centred, cosine; 5 clusters",
    ]


@pytest.mark.parametrize(
    "suffix, count",
    [
        (".png", 300),
        *(pytest.param(form, 1000, marks=pytest.mark.slow) for form in (".png", ".svg", ".pdf")),
    ],
)
def test_many_leaves_become_a_file(suffix, count, tmp_path):
    path = str(tmp_path / f"a{suffix}")
    figures.tree("net", grown(tmp_path, count), None, path)
    data = open(path, "rb").read()
    assert data.startswith({".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix])
    if suffix == ".png":
        from PIL import Image

        Image.MAX_IMAGE_PIXELS = None
        width, height = Image.open(path).size
        assert width == int(page.WIDTH * page.DPI) and count * 17 < height < 65536


def test_very_many_leaves_stay_on_a_page_that_pdf_has(tmp_path, monkeypatch):
    """PDF pages end at 200 inches; here at 20, with a tenth of the leaves."""
    assert trees.LONGEST < 195
    monkeypatch.setattr(trees, "LONGEST", trees.LONGEST / 10)
    assert trees.LONGEST < trees.draw("net", grown(tmp_path, 400)).get_figheight() < 24


def test_pages_have_every_leaf_once_in_the_colours_of_their_clusters(tmp_path):
    """Of 60 leaves three pages of 25, 25 and 10; a name has the colour of the branch above it."""
    tree = grown(tmp_path, 60)
    shown = []
    for start in (0, 25, 50):
        figure = trees.draw("net", tree, None, (start, 25))
        with page.style():
            FigureCanvasAgg(figure).draw()
        panel = figure.axes[0]
        labels = panel.get_yticklabels()
        shown += [(label.get_text(), to_hex(label.get_color())) for label in labels]
        corners = boxes(figure, labels)
        assert corners.min() >= 0 and corners[:, 3].max() <= figure.bbox.height
        assert f"leaves {start + 1} to {min(start + 25, 60)}" in figure.texts[0].get_text()
    names = [page.shortened(tree.names[leaf], trees.NAME) for leaf in tree.order]
    assert [name for name, _ in shown] == names
    clusters = tree.colours[tree.order]
    for cluster in np.unique(clusters[clusters >= 0]):
        colours = {colour for (_, colour), one in zip(shown, clusters) if one == cluster}
        assert colours == {trees.COLOURS[cluster % len(trees.COLOURS)]}
    path = tmp_path / "pages.pdf"
    figures.tree("net", tree, None, str(path), 25)
    written = path.read_bytes()
    assert written.count(b"/Type /Page ") + written.count(b"/Type /Page\n") == 3
    figures.tree("net", tree, None, str(path), 25)
    assert path.read_bytes() == written
    with pytest.raises(UsageError, match=".pdf"):
        figures.tree("net", tree, None, str(tmp_path / "pages.png"), 25)
