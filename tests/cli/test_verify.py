"""gradtools verify: a table is what its stores say, and one changed float, image or weight is named."""

import json
import shutil

import h5py
import numpy as np
import pytest
from planted import plant, write
from shell import call

from gradtools import store
from gradtools.stages import similarity
from gradtools.stages.verify import rerun
from gradtools.store import paths


def quiet(line):
    """Nobody reads the lines of the stages here."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify")
    made = [str(folder / "a.h5"), str(folder / "s.h5")]
    with store.read(write(made[0], plant(30))) as source:
        options = similarity.Options(resamples=20, permutations=20, feature=("gradient", "logits"))
        similarity.similarity(source, made[1], options, say=quiet)
    return made


def table(capsys, stores, path, *arguments):
    ended = call(capsys, "evaluate", *stores, *arguments)
    assert ended.status == 0, ended.err
    path.write_text(ended.out)
    return path


FORMS = [
    ("--json",),
    ("--format", "csv", "--layout", "all"),
    ("--tsv", "--layout", "similarity"),
    ("--json", "--layout", "confusion", "--per-image"),
    ("--json", "--layout", "gradient-similarity"),
]


@pytest.mark.parametrize("form", FORMS)
def test_what_evaluate_wrote_is_what_the_stores_say(capsys, stores, tmp_path, form):
    path = table(capsys, stores, tmp_path / "t", *form)
    ended = call(capsys, "verify", path, *stores)
    assert ended.status == 0 and "nothing differs" in ended.out, ended.out


def test_a_table_that_a_spreadsheet_saved_is_read(capsys, stores, tmp_path):
    """With a byte order mark, and lines that end in CRLF."""
    path = table(capsys, stores, tmp_path / "t.csv", "--format", "csv")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    ended = call(capsys, "verify", path, *stores)
    assert ended.status == 0 and "nothing differs" in ended.out, ended.out


def test_a_store_from_a_pipe_is_refused_and_not_called_empty(capsys, stores, tmp_path):
    path = table(capsys, stores, tmp_path / "t", "--json")
    ended = call(capsys, "verify", path, "-")
    assert ended.status == 2 and "can be read once" in ended.line


def test_one_changed_float_of_the_table_is_named(capsys, stores, tmp_path):
    path = table(capsys, stores, tmp_path / "t", "--json", "--layout", "similarity")
    document = json.loads(path.read_text())
    chosen = next(t for t in document["tables"] if t["id"] == "pair-auc")
    cell = next(row for row in chosen["rows"] if row["column"] == "logits")
    cell["low"] += 1e-6
    path.write_text(json.dumps(document))
    ended = call(capsys, "verify", path, *stores, "--json")
    (printed,) = json.loads(ended.out)["tables"]
    assert ended.status == 1 and len(printed["rows"]) == 1
    assert "pair-auc" in printed["rows"][0]["row"] and "logits" in printed["rows"][0]["row"]
    assert printed["rows"][0]["value"].startswith("low is")


def test_one_changed_float_of_a_store_is_named(capsys, stores, tmp_path):
    path = table(capsys, stores, tmp_path / "t", "--json")
    copied = str(tmp_path / "s.h5")
    shutil.copy(stores[1], copied)
    with h5py.File(copied, "r+") as file:
        file["/similarity/logits/cosine/value"][0] += 1e-9
    ended = call(capsys, "verify", path, stores[0], copied)
    assert ended.status == 1 and "/similarity/logits/cosine/value" in ended.out


@pytest.mark.parametrize(
    "text, words",
    [
        ("nothing", "no cell"),
        ('{"tables": []}', "no cell"),
        ("a,b\n1,2\n", "not a table"),
        ("[" * 200_000, "not a table"),
        ('{"tables": ' + "[" * 200_000, "not a table"),
    ],
)
def test_what_is_no_table_ends_with_2(capsys, stores, tmp_path, text, words):
    (tmp_path / "t").write_text(text)
    ended = call(capsys, "verify", tmp_path / "t", *stores)
    assert ended.status == 2 and words in ended.line


@pytest.mark.parametrize("value", [[1], {"a": 1}, True, "x", 10**400])
def test_what_stands_in_place_of_a_number_differs(capsys, stores, tmp_path, value):
    path = table(capsys, stores, tmp_path / "t", "--json", "--layout", "similarity")
    document = json.loads(path.read_text())
    next(t for t in document["tables"] if t["id"] == "pair-auc")["rows"][0]["low"] = value
    path.write_text(json.dumps(document))
    ended = call(capsys, "verify", path, *stores)
    assert ended.status == 1 and "low is" in ended.out


def test_a_store_that_is_not_there_ends_with_2(capsys, stores, tmp_path):
    path = table(capsys, stores, tmp_path / "t", "--json", "--layout", "similarity")
    ended = call(capsys, "verify", path, *stores, tmp_path / "gone.h5")
    assert ended.status == 2 and "gone.h5: no such file" in ended.line


def test_a_table_of_other_stores_ends_with_2(capsys, stores, tmp_path):
    path = table(capsys, stores, tmp_path / "t", "--json", "--layout", "similarity")
    ended = call(capsys, "verify", path, stores[0])
    assert ended.status == 2 and "pair-auc" in ended.line


def test_shares_and_numbers_of_images():
    assert rerun.number_of("1%", 50) == 1 and rerun.number_of("10%", 50) == 5
    assert rerun.number_of("7", 50) == 7 and rerun.number_of("70", 50) == 50


NETWORK = """
import torch

PREPROCESS = "none"

def make():
    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 5, 3), torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(5, 3)
    )
"""


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    from PIL import Image

    folder = tmp_path_factory.mktemp("rerun")
    (folder / "net.py").write_text(NETWORK)
    rng = np.random.default_rng(0)
    for number in range(6):
        where = folder / "images" / "abc"[number % 3]
        where.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype="u1")).save(where / f"{number}.png")
    import torch

    from gradtools import images
    from gradtools.network import models
    from gradtools.stages import extract

    spec = f"{folder / 'net.py'}:make"
    module = models.load(spec, "random", seed=1).module
    torch.save(module.state_dict(), folder / "w.pth")
    model = models.load(spec, str(folder / "w.pth"))
    listed = images.list_images([str(folder / "images")])
    options = extract.Options(tap=("0", "2"), labels_in_order=True)
    extract.extract(listed, model, str(folder / "a.h5"), options, say=quiet)
    return folder


def rerun_all(folder, path=None):
    return rerun.rerun([str(path or folder / "a.h5")], "100%", say=quiet)


def test_images_run_again_give_the_same(extracted):
    assert rerun_all(extracted) == (6, [])


def test_a_changed_row_image_and_weight_are_named(extracted, tmp_path):
    copied = tmp_path / "c.h5"
    shutil.copy(extracted / "a.h5", copied)
    with h5py.File(copied, "r+") as file:
        file[paths.tap("2", "activation")][3] *= 1.01
    _, (row,) = rerun_all(extracted, copied)
    with store.read(str(copied)) as source:
        assert row.kind == "row" and source.ids[3] in row.where and "activation" in row.where
        changed = source.ids[1]
    image, weights = extracted / "images" / changed, extracted / "w.pth"
    before = image.read_bytes(), weights.read_bytes()
    try:
        image.write_bytes(before[0] + b"\0")
        _, differences = rerun_all(extracted)
        assert [(one.kind, one.where) for one in differences] == [("image", changed)]
        image.write_bytes(before[0])
        import torch

        state = torch.load(weights, weights_only=True)
        state["6.bias"][0] += 1e-3
        torch.save(state, weights)
        _, differences = rerun_all(extracted)
        assert [one.kind for one in differences] == ["weights"]
    finally:
        image.write_bytes(before[0])
        weights.write_bytes(before[1])
