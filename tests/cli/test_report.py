"""The report: one file that needs nothing else, with every table and picture there is data for."""

import base64
import html
import html.parser
import io
import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image
from planted_overlays import planted
from shell import call, rows_of

from gradtools import store

VOID = {"meta", "link", "img", "br", "wbr"}


class Page(html.parser.HTMLParser):
    """What a page holds; asserts that its elements are nested."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.ids, self.images, self.links, self.cells, self.addresses = (
            [], [], [], [], [], [],
        )  # fmt: skip
        self.feed(text)
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        facts = dict(attrs)
        if tag not in VOID:
            self.stack.append(tag)
        if "id" in facts:
            self.ids.append(facts["id"])
        if tag == "img":
            self.images.append(facts["src"])
        if tag == "a":
            self.links.append(facts["href"])
        if "data-value" in facts:
            self.cells.append(float(facts["data-value"]))
        self.addresses += [
            facts[name] for name in ("src", "href", "action", "srcset") if name in facts
        ]

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


@pytest.fixture(scope="module", autouse=True)
def coarse():
    """Pictures of few pixels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gradtools.figures.page.DPI", 60)
        yield


@pytest.fixture(scope="module")
def stores(feature_store, tmp_path_factory):
    from gradtools import cli

    folder = tmp_path_factory.mktemp("report")
    quick = {
        "similarity": ["--resamples", "20", "--permutations", "20"],
        "cluster": ["--repeats", "2", "--no-intervals"],
        "dendrogram": ["--resamples", "2"],
    }
    for name, options in quick.items():
        path = folder / f"{name}.h5"
        assert cli.main([name, str(feature_store), "-o", str(path), "-q", *options]) == 0
    return [folder / f"{name}.h5" for name in quick]


@pytest.fixture(scope="module")
def written(stores, tmp_path_factory):
    from gradtools import cli

    path = tmp_path_factory.mktemp("page") / "report.html"
    assert cli.main(["report", *map(str, stores), "-o", str(path), "-q"]) == 0
    return path.read_text()


def test_it_needs_nothing_but_itself(written):
    page = Page(written)
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert not re.search(
        r"https?:|@import|url\(|fetch\(|XMLHttp", re.sub(r"base64,[^\"]*", "", written)
    )


def test_pictures_decode_and_anchors_lead_somewhere(written):
    page = Page(written)
    assert len(page.images) >= 4
    for source in page.images:
        picture = Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1])))
        picture.load()
        assert min(picture.size) > 100
    assert len(set(page.ids)) == len(page.ids)
    assert {link[1:] for link in page.links} <= set(page.ids)


ASKED = """<script>
const table = [...document.querySelectorAll("table")].find(one => one.tBodies[0].rows.length > 3 && one.tBodies[0].rows[0].cells[2].dataset.value);
const picked = table.querySelector("thead th:nth-child(3)");
const column = () => [...table.tBodies[0].rows].map(row => Number(row.cells[2].dataset.value));
picked.click(); const falling = column(); picked.click(); const rising = column();
dispatchEvent(new Event("beforeprint"));
addEventListener("load", () => { document.documentElement.dataset.seen = JSON.stringify({
  falling, rising, widths: [...document.images].map(one => one.naturalWidth),
  closed: document.querySelectorAll("details:not([open])").length,
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth}); });
</script>"""


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no chromium here")
@pytest.mark.parametrize("width", [1400, 420])
def test_a_browser_shows_its_pictures_sorts_its_tables_and_complains_of_nothing(
    width, written, tmp_path
):
    """Nothing is wider than the window: what is scrolls by itself."""
    path = tmp_path / "report.html"
    path.write_text(written.replace("</body>", ASKED + "</body>"))
    window = f"--window-size={width},900"
    chromium = (
        "chromium --headless=new --no-sandbox --disable-gpu --enable-logging=stderr --dump-dom"
    )
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    ended = subprocess.run(
        [*chromium.split(), window, f"--user-data-dir={tmp_path}/profile", path.as_uri()],
        capture_output=True, text=True, timeout=120, env=home,
    )  # fmt: skip
    assert "CONSOLE" not in ended.stderr
    seen = json.loads(html.unescape(re.search(r'data-seen="(.*?)"', ended.stdout)[1]))
    assert seen["widths"] and min(seen["widths"]) > 100
    assert (
        seen["falling"] == sorted(seen["falling"], reverse=True) and len(set(seen["falling"])) > 3
    )
    assert seen["rising"] == sorted(seen["rising"])
    assert seen["closed"] == 0 and seen["overflow"] <= 0


def test_the_answer_stands_first_and_every_value_of_the_tables_is_there(written, stores, capsys):
    headings = re.findall(r"<h2>(.*?)</h2>", written)
    assert headings[0] == "The answer" and headings[-1] == "What was run"
    assert {"Similarity of images", "Clusters", "Trees"} <= set(headings)
    ended = call(capsys, "evaluate", *stores, "--layout", "similarity", "--json")
    values = set(Page(written).cells)
    for row in rows_of(ended.out):
        if isinstance(row["value"], float):
            assert row["value"] in values, row
    assert "gradtools similarity" in written or "similarity" in written.split("What was run")[1]


def test_a_form_of_evaluate_is_the_tables_alone(stores, capsys):
    ended = call(capsys, "evaluate", *stores, "--layout", "clustering", "--format", "html")
    assert ended.status == 0 and "<script" not in ended.out and "<style" not in ended.out
    Page(ended.out)
    plain = call(capsys, "evaluate", *stores, "--layout", "clustering", "--json")
    cells = Page(ended.out).cells
    assert all(
        row["value"] in cells for row in rows_of(plain.out) if isinstance(row["value"], float)
    )


def test_names_of_classes_are_text_and_no_markup():
    from gradtools.tables import html as form
    from gradtools.tables.model import Cell, Table

    name = '<b>ant</b> & "bee" \udcff'
    table = Table(
        "t", name, ["class", "value"], [{"class": name, "value": Cell(0.5, 0.4, 0.6, n=3)}]
    )
    text = form.of_table(table)
    assert "<b>" not in text and "&lt;b&gt;ant" in text
    assert '<small class="interval">[0.400, 0.600]</small>' in text and 'title="n 3"' in text
    Page(text)


def test_a_report_is_a_file_and_replaces_none(stores, tmp_path, capsys):
    assert "-o FILE.html" in call(capsys, "report", stores[0]).line
    path = tmp_path / "kept.html"
    path.write_text("kept")
    assert "--force" in call(capsys, "report", stores[0], "-o", path).line
    assert path.read_text() == "kept"
    ended = call(
        capsys, "report", stores[0], "-o", path, "--force", "--no-pictures", "--title", "A <title>"
    )
    assert ended.status == 0 and "0 pictures" in ended.err
    assert "<h1>A &lt;title&gt;</h1>" in path.read_text()


def test_classes_and_images_have_an_answer_each(stores, tmp_path, capsys):
    from gradtools import store

    classes = tmp_path / "classes.h5"
    with store.create(str(classes), "classes") as sink:
        sink.attributes("/samples", unit="class")
        sink.put("/samples/id", ["ant", "bee", "cat"])
        sink.put("/samples/label", np.full(3, -1, "i4"))
        sink.put("/outputs/predicted", np.arange(3, dtype="i4"))
        sink.put("/model/weight", np.eye(3, 8, dtype="f4"))
        sink.attributes("/model", model="planted", weights_sha256="0" * 64)
    path = tmp_path / "both.html"
    ended = call(capsys, "report", classes, *stores, "-o", path, "--no-pictures")
    assert ended.status == 0, ended.err
    text = path.read_text()
    assert "<h1>gradtools: planted</h1>" in text
    ids = Page(text).ids
    assert len(set(ids)) == len(ids)
    answer = text.split('id="answer"')[1].split("</section>")[0]
    assert "60 images" in answer and "3 classes" in answer.split("60 images")[1]


def test_two_kinds_of_maps_are_drawn_one_after_the_other():
    from gradtools import figures

    maps = np.random.default_rng(0).standard_normal((3, 4, 5))
    for name in ("gradcam", "gam"):
        assert figures.map_sheet(maps, ["a", "b", "c"], name).startswith(b"\x89PNG")


def test_maps_lie_over_their_images_where_these_are_there(tmp_path, capsys):
    maps, page = planted(tmp_path), tmp_path / "maps.html"
    over = call(capsys, "report", maps, "-o", page)
    assert over.status == 0, over.err
    captions = re.findall("<figcaption>(.*?)</figcaption>", page.read_text())
    assert sum("over its image" in caption for caption in captions) == 1
    assert [c.split(":")[0] for c in captions[1:]] == ["maps.h5, ant", "maps.h5, bee"]
    away = tmp_path / "away"
    (tmp_path / "photos").rename(away)
    assert call(capsys, "report", maps, "-o", page, "--force").status == 0
    assert "raw and signed" in page.read_text() and "over its image" not in page.read_text()
    assert call(capsys, "report", maps, "-o", page, "--force", "--images", away).status == 0
    assert "over its image" in page.read_text()
    lost = call(capsys, "report", maps, "-o", page, "--force", "--images", tmp_path / "nowhere")
    assert lost.status == 1 and "--images" in lost.line


def test_a_pipe_is_refused_and_not_called_empty(capsys, stores, tmp_path):
    """A report opens every store more than once."""
    ends = []
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for name in ("-", pipe):
        ended = call(capsys, "report", stores[1], name, "-o", tmp_path / "page.html")
        ends.append((ended.status, "can be read once" in ended.line, str(name) in ended.line))
    assert ends == [(2, True, True)] * 2


def test_pictures_need_no_room_but_the_pages(capsys, stores, tmp_path, monkeypatch):
    """They are drawn in memory: with nothing to write but the page, the page is the same, and nothing is left where a kill would leave it."""
    pages = [tmp_path / name for name in ("usual.html", "full.html")]
    assert call(capsys, "report", *stores, "-o", pages[0]).status == 0
    usual = store.whole_file

    def alone(path, option=""):
        assert os.path.basename(path) == "full.html", path
        return usual(path, option)

    monkeypatch.setattr("gradtools.store.whole_file", alone)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile.mkdtemp", lambda *parts, **named: pytest.fail("a folder"))
    assert call(capsys, "report", *stores, "-o", pages[1]).status == 0
    assert pages[0].read_text() == pages[1].read_text()
    assert pages[0].read_text().count("data:image/png") > 1


def test_a_store_that_is_replaced_meanwhile_is_noticed(
    capsys, stores, feature_store, tmp_path, monkeypatch
):
    """Tables of one store above the history of another would be a lie."""
    from gradtools import cli
    from gradtools.stages import report

    for name in ("given.h5", "other.h5"):
        words = ["--resamples", "20", "--permutations", "20", "-q", "-o", tmp_path / name]
        assert cli.main([str(word) for word in ("similarity", feature_store, *words)]) == 0
    gather = report.gather

    def replacing(paths):
        subjects = gather(paths)
        os.replace(tmp_path / "other.h5", tmp_path / "given.h5")
        return subjects

    monkeypatch.setattr(report, "gather", replacing)
    page = tmp_path / "page.html"
    ended = call(capsys, "report", tmp_path / "given.h5", "--no-pictures", "-o", page)
    assert ended.status == 1 and "was replaced while" in ended.line and not page.exists()
