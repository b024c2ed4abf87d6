"""gradtools neighbors in the shell: what it prints and writes, and where."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from planted import plant, write
from shell import call, rows_of, run

from gradtools import store
from gradtools.images import labels
from gradtools.stages import classes, neighbors
from gradtools.tables.wording import RETRIEVAL

DATA = plant()
NAMES = [
    "crane",
    "it's, [a]: maillot",
    'say "tab\there"',
    "crane",
    "(b), c; d\\e",
    "Dungeness crab",
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("shell") / "a.h5", DATA)


def class_store(path, names, rows):
    """A store of classes without a network."""
    with store.create(str(path), "classes", force=True) as sink:
        sink.attributes("/samples", unit="class")
        sink.put("/samples/id", classes.sample_ids(names, len(names)), ["/sample"], "id")
        sink.put("/samples/label", np.full(len(names), -1, "i4"), ["/sample"], "label")
        sink.put(
            "/samples/digest", np.zeros((len(names), 32), "u1"), ["/sample", "/byte"], "digest"
        )
        sink.put("/outputs/predicted", np.arange(len(names), dtype="i4"), ["/sample"], "class")
        sink.put("/model/class_name", names, ["/class"], "name")
        sink.put("/model/weight", rows.astype("f4"), ["/class", "/embedding"], "rows")
        sink.attributes("/model", model="planted", weights_sha256="0" * 64)
        sink.history([], {})
    return str(path)


def by_row(rows):
    """Rows of one value each as a dict for each row of the table, with its `name`."""
    cells = {}
    for row in rows:
        about = cells.setdefault(row["row"], {"name": row["row"]})
        about[row["column"]] = row["value"]
    return list(cells.values())


@pytest.fixture(scope="module")
def of_classes(tmp_path_factory):
    rows = np.random.default_rng(0).standard_normal((len(NAMES), 12))
    return class_store(tmp_path_factory.mktemp("classes") / "c.h5", NAMES, rows)


@pytest.mark.parametrize("form", ["json", "tsv"])
def test_awkward_names_survive(capsys, of_classes, form):
    ended = call(capsys, "neighbors", of_classes, "--of", "0", f"--{form}")
    assert ended.status == 0 and ended.err == ""
    rows = by_row(
        rows_of(ended.out)
        if form == "json"
        else list(csv.DictReader(io.StringIO(ended.out), delimiter="\t"))
    )
    assert {"index", "name", "similarity", "floor"} <= rows[0].keys() and len(rows) == len(NAMES)
    assert rows[0]["name"] == "crane (0)" and int(rows[0]["index"]) == 0
    ids = classes.sample_ids(NAMES, len(NAMES))
    assert {int(row["index"]): row["name"] for row in rows} == dict(enumerate(ids)) and len(
        set(ids)
    ) == len(NAMES)
    with store.read(of_classes) as source:
        weight = source.class_rows.astype(float)
    for row in rows:
        assert float(row["similarity"]) == pytest.approx(
            np.corrcoef(weight[0], weight[int(row["index"])])[0, 1], abs=1e-12
        )


def test_every_name_that_is_printed_is_found_again(capsys, of_classes):
    for index, name in enumerate(classes.sample_ids(NAMES, len(NAMES))):
        out = call(capsys, "neighbors", of_classes, "--of", name, "--json", "-k", 1).out
        rows = by_row(rows_of(out))
        assert [row["index"] for row in rows] == [index]


def test_an_ambiguous_name_lists_its_candidates(capsys, of_classes, tmp_path):
    ended = call(capsys, "neighbors", of_classes, "--of", "crane")
    assert ended.status == 2 and "indices 0, 3" in ended.line
    names = ["crane" if name == "crane bird" else name for name in labels.imagenet_classes().name]
    everything = class_store(
        tmp_path / "c.h5", names, np.random.default_rng(0).standard_normal((1000, 4))
    )
    ended = call(capsys, "neighbors", everything, "--of", "crane")
    assert ended.status == 2 and "134 (n02012849), 517 (n03126707)" in ended.line
    ended = call(capsys, "neighbors", everything, "--of", "crab")
    assert ended.status == 2 and "Dungeness crab" in ended.line


def test_of_one_is_text_also_in_a_pipe_and_has_a_line_at_the_floor(capsys, path):
    ended = call(capsys, "neighbors", path, "--of", "000.png", "-k", 30)
    assert ended.status == 0 and ended.err == ""
    lines = ended.out.splitlines()
    assert lines[0].startswith(
        "nearest to 000.png: cosine of activation@block (rows raw), 30 images"
    )
    assert lines[1].split() == ["rank", "name", "similarity", "class", "prediction", "index"]
    at = next(i for i, line in enumerate(lines) if "-- floor --" in line)
    floor = float(lines[at].split()[-1])
    above, below = (
        [float(line.split()[2]) for line in part] for part in (lines[2:at], lines[at + 1 : 33])
    )
    assert min(above) > floor >= max(below) and len(above) + len(below) == 30
    assert any(f"{len(above) - 1} of 29 are above the floor" in line for line in lines)


def test_with_an_output_of_one_is_a_store(capsys, path, tmp_path):
    ended = call(
        capsys,
        "neighbors",
        path,
        "--of",
        "4",
        "-o",
        tmp_path / "n.h5",
        "--feature",
        "logits",
        "--feature",
        "gradient",
        "-k",
        3,
    )
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    with store.read(str(tmp_path / "n.h5")) as made:
        assert made.kind == "neighbors" and made.tree("/neighbors") == ["gradient@conv", "logits"]
        columns, facts = made.table("/neighbors/logits/of")
        assert (
            columns["index"][0] == facts["sample"] == 4
            and len(columns["similarity"]) == 3
            and facts["permutations"] == 1000
        )


def test_retrieval_is_the_table_of_labelled_images(capsys, path, monkeypatch):
    ended = call(
        capsys,
        "neighbors",
        path,
        "--feature",
        "logits",
        "--resamples",
        20,
        "-k",
        3,
        terminal=["out"],
        monkeypatch=monkeypatch,
    )
    assert (
        "chance, recall@1" in ended.out
        and "a vote of 3" in ended.out
        and "given the same prediction" in ended.out
    )
    rows = rows_of(
        call(
            capsys, "neighbors", path, "--feature", "logits", "--resamples", 20, "-k", 3, "--json"
        ).out
    )
    with store.read(path) as source:
        _, measured = neighbors.neighbors(
            source,
            None,
            neighbors.Options(feature=("logits",), resamples=20, k=3),
            say=lambda line: None,
        )
    values = {(row["table"], row["row"], row["column"]): row["value"] for row in rows}
    for one in measured:
        for name, value, chance in zip(
            *(one.columns[key] for key in ("statistic", "value", "chance"))
        ):
            given = name.endswith("_same_prediction")
            table = "retrieval-same-prediction" if given else "retrieval"
            head = RETRIEVAL[name.removesuffix("_same_prediction")]
            feature = {"weight": "class row"}.get(one.feature, one.feature)
            assert values.pop((table, feature, head)) == value
            assert values.pop((table, feature, f"chance, {head}")) == chance
    assert {column for *_, column in values} == {"queries"} and len(values) == 4
    row = rows[0]
    assert f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" in ended.out


def test_without_labels_programs_get_all_and_people_the_closest(capsys, of_classes, monkeypatch):
    rows = by_row(
        csv.DictReader(
            io.StringIO(call(capsys, "neighbors", of_classes, "--tsv", "-k", 2).out), delimiter="\t"
        )
    )
    assert (
        len(rows) == 2 * len(NAMES)
        and [row["rank"] for row in rows[:2]] == ["1", "2"]
        and rows[0]["name"].startswith("class row crane (0) ")
    )
    ended = call(
        capsys, "neighbors", of_classes, "-k", 2, terminal=["out"], monkeypatch=monkeypatch
    )
    closest = max(rows, key=lambda row: float(row["similarity"]))
    assert (
        ended.out.splitlines()[2].split()[-1] == f"{float(closest['similarity']):.4f}"
        and closest["name"].split()[2] in ended.out.splitlines()[2]
    )


def test_a_picture_of_the_bars(capsys, of_classes, tmp_path):
    ended = call(
        capsys, "neighbors", of_classes, "--of", "Dungeness crab", "--figure", tmp_path / "a.png"
    )
    assert (
        ended.status == 0
        and (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
        and "Dungeness crab" in ended.out
    )


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (["--of", "x.png"], 2, "no sample 'x.png'"),
        (["--figure", "a.png"], 2, "add --of"),
        (["--of", "0", "--figure", "a.gif"], 2, ".png"),
        (["-k", "0", "--json"], 2, "-k"),
        (["--metric", "x"], 2, "euclidean"),
        (["--json", "-o", "-"], 2, "leave one of them out"),
        (["--of", "0", "--feature", "map"], 2, "has no feature 'map'"),
    ],
)
def test_mistakes_are_one_line(capsys, path, arguments, status, words):
    ended = call(capsys, "neighbors", path, *arguments)
    assert (
        ended.status == status
        and words in ended.line
        and ended.line.startswith("gradtools neighbors: ")
    )


def test_through_a_pipe(path, tmp_path):
    made = tmp_path / "n.h5"
    assert (
        run("neighbors", "-k", "4", "--resamples", "5", "-q", stdin=path, stdout=made).returncode
        == 0
    )
    ended = run("neighbors", "--of", "3", "-k", "2", "--tsv", stdin=made)
    assert ended.returncode == 0 and ended.stdout.count("\tsimilarity\t") == 2, ended.stderr
    with store.read(str(made)) as made:
        assert (
            made.values("/neighbors/logits/index").shape == (30, 4)
            and made.rows("/taps/conv/gradient") is not None
        )


def test_a_store_of_one_class_has_no_retrieval(capsys, tmp_path, monkeypatch):
    path = write(tmp_path / "a.h5", dataclasses.replace(DATA, labels=np.zeros(30, "i4")))
    ended = call(
        capsys, "neighbors", path, "--feature", "logits", terminal=["out"], monkeypatch=monkeypatch
    )
    assert ended.status == 0 and "the nearest of each" in ended.out


def test_the_floor_is_said_in_words_that_can_be_checked(capsys, of_classes):
    """Its note, by a loop over the definition: the 95 % quantile of the largest correlation of the row shuffled, each time anew."""
    out = call(
        capsys,
        "neighbors",
        of_classes,
        "--of",
        "2",
        "--json",
        "--permutations",
        200,
        "--floor",
        "values",
    ).out
    (table,) = json.loads(out)["tables"]
    rows = by_row(rows_of(out))
    with store.read(of_classes) as source:
        weight = source.class_rows.astype(float)
    random, best = np.random.default_rng(5), []
    for _ in range(4000):
        shuffled = random.permutation(weight[2])
        best.append(
            max(
                np.corrcoef(shuffled, weight[other])[0, 1]
                for other in range(len(NAMES))
                if other != 2
            )
        )
    assert rows[0]["floor"] == pytest.approx(np.quantile(best, 0.95), abs=0.06)
    above, how = table["notes"]
    count = sum(row["similarity"] > row["floor"] for row in rows[1:])
    assert f"{count} of 5 are above the floor of {rows[0]['floor']:.3f}" in above
    assert "shuffled 200 times" in how and "largest similarity" in how and "95 % quantile" in how
    far = json.loads(
        call(capsys, "neighbors", of_classes, "--of", "2", "--json", "--metric", "euclidean").out
    )["tables"][0]["notes"]
    assert (
        "nearer than the floor" in far[0]
        and "smallest distance" in far[1]
        and "5 % quantile" in far[1]
    )


def test_one_class_has_no_neighbours(capsys, tmp_path):
    path = class_store(
        tmp_path / "c.h5", ["crab"], np.random.default_rng(0).standard_normal((1, 4))
    )
    ended = call(capsys, "neighbors", path, "--of", "crab", "--json")
    assert (
        (ended.status, ended.err) == (0, "")
        and len(by_row(rows_of(ended.out))) == 1
        and json.loads(ended.out)["tables"][0]["notes"] == []
    )
    ended = call(capsys, "neighbors", path, "--tsv")
    assert ended.status == 1 and "need at least 2 classes to compare, got 1" in ended.line


def test_rows_without_a_direction_are_named(capsys, tmp_path):
    rows = np.random.default_rng(0).standard_normal((6, 12))
    rows[4] = 0.5
    path = class_store(tmp_path / "c.h5", NAMES, rows)
    ended = call(capsys, "neighbors", path, "--tsv", "-k", 2)
    assert (
        ended.status == 0
        and "1 of 6 classes have no neighbours" in ended.err
        and len(by_row(csv.DictReader(io.StringIO(ended.out), delimiter="\t"))) == 2 * 5
    )
    ended = call(capsys, "neighbors", path, "--of", "4")
    assert ended.status == 1 and "has no direction" in ended.line


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("command", ["neighbors", "similarity", "dendrogram"])
def test_weights_that_are_no_numbers_are_one_line(capsys, tmp_path, command, value):
    rows = np.random.default_rng(0).standard_normal((6, 12))
    rows[1, 3] = value
    ended = call(
        capsys,
        command,
        class_store(tmp_path / "c.h5", NAMES, rows),
        "--json",
        *(["-k", 2] if command == "neighbors" else []),
    )
    assert (
        ended.status == 1
        and f"/model/weight is {value}" in ended.line
        and ended.out == ""
        and len(ended.err.splitlines()) == 1
    )


def test_retrieval_of_channels_speaks_of_channels(capsys, tmp_path, monkeypatch):
    path = write(
        tmp_path / "a.h5", dataclasses.replace(DATA, predicted=None, logits=None, class_rows=None)
    )
    monkeypatch.setattr(store.Store, "unit", "channel")
    ended = call(
        capsys,
        "neighbors",
        path,
        "--feature",
        "activation",
        "-k",
        3,
        terminal=["out"],
        monkeypatch=monkeypatch,
    )
    assert ended.status == 0 and "30" in ended.out and "its tap" in ended.out
    assert "image" not in ended.out and "weight" not in ended.out and "prediction" not in ended.out
    ended = call(
        capsys,
        "similarity",
        path,
        "--feature",
        "activation",
        "--resamples",
        20,
        terminal=["out"],
        monkeypatch=monkeypatch,
    )
    assert ended.status == 0 and "cosine, 30 channels" in ended.out and "its tap" in ended.out
    assert "image" not in ended.out and "weight" not in ended.out and "pred" not in ended.out


def test_a_second_form_is_refused(capsys, of_classes):
    for forms in (("--json", "--tsv"), ("--tsv", "--json")):
        ended = call(capsys, "neighbors", of_classes, "--of", "0", *forms)
        assert ended.status == 2 and "give one of them" in ended.line
