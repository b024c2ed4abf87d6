"""Which samples a command works on: every condition against a loop over the samples, and what is said of those left out."""

import csv
import dataclasses
import io

import numpy as np
import pytest
from planted import plant, write

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.images import labels
from gradtools.selection import compared, samples
from gradtools.stages import classes

DATA = dataclasses.replace(
    plant(), labels=np.where(np.arange(30) % 10 == 9, -1, np.arange(30) % 3).astype("i4")
)
AREAS = [
    (0, 2, 3),
    (0, 1, 1),
    (4, 5, 5),
    (7, 1, 2),
    (9, 4, 4),
    (12, 10, 10),
]  # sample, width, height of a box


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    sample, width, height = np.array(AREAS).T
    boxes = {
        "sample": sample.astype("i4"),
        "x0": np.zeros(6),
        "y0": np.ones(6),
        "x1": width.astype(float),
        "y1": height + 1.0,
    }
    path = write(
        tmp_path_factory.mktemp("samples") / "a.h5", dataclasses.replace(DATA, boxes=boxes)
    )
    with store.read(path) as opened:
        yield opened


def chosen(source, *conditions):
    return np.flatnonzero(samples.select(source, conditions)).tolist()


def test_no_condition_keeps_all(source):
    assert chosen(source) == list(range(30))


def test_right_and_wrong_leave_out_what_has_no_label(source):
    right = [i for i in range(30) if DATA.labels[i] >= 0 and DATA.labels[i] == DATA.predicted[i]]
    wrong = [i for i in range(30) if DATA.labels[i] >= 0 and DATA.labels[i] != DATA.predicted[i]]
    assert right and wrong and len(right) + len(wrong) == 27
    assert chosen(source, "correct") == right and chosen(source, "wrong") == wrong


def test_a_class_of_many_model_classes_is_right_for_each_and_one_of_none_is_neither(tmp_path):
    member = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0]], "u1")
    with store.read(write(tmp_path / "a.h5", dataclasses.replace(DATA, member=member))) as opened:
        known = [i for i in range(30) if DATA.labels[i] in (0, 1)]
        right = [i for i in known if (DATA.predicted[i] in (0, 1)) == (DATA.labels[i] == 0)]
        assert chosen(opened, "correct") == right
        assert chosen(opened, "wrong") == sorted(set(known) - set(right))


def test_classes_by_name_whatever_their_case(source):
    assert chosen(source, "class=ANT") == np.flatnonzero(DATA.labels == 0).tolist()
    assert chosen(source, "class=cat,Ant") == np.flatnonzero(np.isin(DATA.labels, (0, 2))).tolist()


AWKWARD = ["ant, the", "it's [a] (b): c", 'say "bee"', "the"]


@pytest.mark.parametrize(
    "names",
    [["ant, the"], ["it's [a] (b): c"], ['say "bee"'], ["the"], ["ant, the", 'say "bee"', "the"]],
)
def test_class_names_with_commas_and_quotes(tmp_path, names):
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    labels_of = (np.arange(30) % 4).astype("i4")
    path = write(
        tmp_path / "a.h5",
        dataclasses.replace(DATA, labels=labels_of, member=np.zeros((4, 3), "u1")),
        n_classes=4,
    )
    with store.read(path) as one, store.create(str(tmp_path / "b.h5"), "features") as sink:
        sink.carry(one, np.ones(30, bool), True)
        sink.put("/classes/name", AWKWARD, ["/label"], "class")
        sink.history([one], {})
    with store.read(str(tmp_path / "b.h5")) as opened:
        expected = np.flatnonzero(
            np.isin(labels_of, [AWKWARD.index(name) for name in names])
        ).tolist()
        assert chosen(opened, f"class={line.getvalue()}") == expected
        if len(names) == 1:
            assert chosen(opened, f"class={names[0]}") == expected


def test_a_class_among_several_labels_of_an_image(tmp_path):
    path, many = write(tmp_path / "a.h5", DATA), np.zeros((30, 3), "u1")
    many[[4, 5], 0] = 1
    with store.read(path) as one, store.create(str(tmp_path / "many.h5"), "features") as sink:
        sink.carry(one, np.ones(30, bool), True)
        sink.put("/samples/labels", many, ["/sample", "/label"], "labels")
        sink.history([one], {})
    with store.read(str(tmp_path / "many.h5")) as opened:
        assert chosen(opened, "class=ant") == sorted({4, 5, *np.flatnonzero(DATA.labels == 0)})


@pytest.mark.parametrize(
    "percent, expected",
    [(0, [7]), (25, [0, 7]), (50, [0, 7, 9]), (75, [0, 4, 7, 9]), (100, [0, 4, 7, 9, 12])],
)
def test_smallest_goes_by_the_largest_box_of_those_that_have_one(source, percent, expected):
    assert chosen(source, f"smallest={percent}%") == expected


def test_list_takes_the_ids_it_names_in_any_order(source, tmp_path):
    (tmp_path / "ids").write_text("007.png\n\n 002.png \n029.png")
    assert chosen(source, f"list={tmp_path / 'ids'}") == [2, 7, 29]


def test_conditions_are_joined_by_and(source):
    both = [i for i in chosen(source, "wrong") if i in chosen(source, "class=bee,cat")]
    assert both and chosen(source, "wrong", "class=bee,cat") == both


@pytest.mark.parametrize(
    "condition, words",
    [
        ("right", "write correct, wrong"),
        ("class", "write correct"),
        ("class=", "write correct"),
        ("class=eel", "did you mean bee"),
        ("class=xyz", "there are ant, bee, cat"),
        ("smallest=many%", "write a percentage"),
        ("smallest=150%", "write a percentage"),
        ("smallest=-1%", "write a percentage"),
        ("smallest=nan%", "write a percentage"),
        ("list=missing", "No such file"),
    ],
)
def test_wrong_conditions_say_what_to_write(source, condition, words):
    with pytest.raises(UsageError, match=words):
        samples.select(source, [condition])


def test_an_id_that_is_not_there_is_named(source, tmp_path):
    (tmp_path / "ids").write_text("007.png\nelse.png\n")
    with pytest.raises(UsageError, match=r"no sample 'else.png' \(1 such"):
        samples.select(source, [f"list={tmp_path / 'ids'}"])


def test_conditions_that_nothing_meets(source):
    with pytest.raises(GradtoolsError, match="no sample meets --where correct and wrong"):
        samples.select(source, ["correct", "wrong"])


@pytest.mark.parametrize(
    "boxes",
    [
        None,
        {"sample": np.empty(0, "i4"), **{name: np.empty(0) for name in ("x0", "y0", "x1", "y1")}},
    ],
)
def test_smallest_without_boxes(tmp_path, boxes):
    with store.read(write(tmp_path / "a.h5", dataclasses.replace(DATA, boxes=boxes))) as opened:
        with pytest.raises(GradtoolsError, match="has no boxes"):
            samples.select(opened, ["smallest=25%"])


def test_right_is_not_known_without_predictions_or_common_classes(tmp_path):
    for name, data in {
        "headless": dataclasses.replace(DATA, predicted=None, logits=None, class_rows=None),
        "others": dataclasses.replace(DATA, member=np.zeros((3, 3), "u1")),
    }.items():
        with (
            store.read(write(tmp_path / f"{name}.h5", data)) as opened,
            pytest.raises(GradtoolsError, match="--label-map"),
        ):
            samples.select(opened, ["correct"])


def test_groups_leave_out_and_count_what_has_no_label(source):
    lines = []
    groups = compared.group(source, (), lines.append)
    assert (
        groups.unlabelled == 3
        and groups.labelled
        and groups.predicted
        and (groups.keep == (DATA.labels >= 0)).all()
    )
    assert groups.classes.tolist() == DATA.labels[DATA.labels >= 0].tolist()
    assert groups.predictions.tolist() == DATA.predicted[DATA.labels >= 0].tolist()
    assert lines == ["3 samples without a single label are left out"]


def test_groups_without_any_label_keep_all(tmp_path):
    lines = []
    with store.read(
        write(tmp_path / "a.h5", dataclasses.replace(DATA, labels=np.full(30, -1, "i4")))
    ) as opened:
        groups = compared.group(opened, (), lines.append)
    assert (
        not groups.labelled
        and groups.unlabelled == 0
        and groups.keep.all()
        and "no sample has a label" in lines[0]
    )


def test_one_class_is_said_and_one_sample_is_refused(source, tmp_path):
    lines = []
    compared.group(source, ["class=ant"], lines.append)
    assert any("all samples are of one class" in line for line in lines)
    (tmp_path / "ids").write_text("003.png")
    with pytest.raises(GradtoolsError, match="need at least 2 samples to compare, got 1"):
        compared.group(source, [f"list={tmp_path / 'ids'}"], lines.append)


@pytest.fixture(scope="module")
def classes_store(tmp_path_factory):
    """A store of the 1,000 classes of ImageNet under the names of label files that have crane and maillot twice."""
    shorter = {"crane bird": "crane", "maillot tank suit": "maillot"}
    names = [shorter.get(name, name) for name in labels.imagenet_classes().name]
    path = str(tmp_path_factory.mktemp("classes") / "c.h5")
    with store.create(path, "classes") as sink:
        sink.attributes("/samples", unit="class")
        sink.put("/samples/id", classes.sample_ids(names, 1000), ["/sample"], "id")
        sink.put("/samples/label", np.full(1000, -1, "i4"))
        sink.put("/outputs/predicted", np.arange(1000, dtype="i4"), ["/sample"], "class")
        sink.put("/model/class_name", names, ["/class"], "name")
        sink.history([], {})
    with store.read(path) as opened:
        yield opened


@pytest.mark.parametrize(
    "text, row",
    [
        ("118", 118),
        ("n01978287", 118),
        ("Dungeness crab", 118),
        ("dungeness_CRAB", 118),
        ("crane (517)", 517),
        ("n02012849", 134),
    ],
)
def test_a_class_is_found_by_name_index_wordnet_id_and_sample_id(classes_store, text, row):
    assert samples.find(classes_store, text) == row


def test_where_picks_classes_among_classes(classes_store):
    picked = samples.select(classes_store, ["class=king crab,118,n02012849"])
    assert np.flatnonzero(picked).tolist() == [118, 121, 134]
    with pytest.raises(UsageError, match="several classes"):
        samples.select(classes_store, ["class=crane,118"])


def test_a_name_of_several_classes_lists_them(classes_store):
    for name, first, second in (
        ("crane", "134 (n02012849)", "517 (n03126707)"),
        ("maillot", "638 (n03710637)", "639 (n03710721)"),
    ):
        with pytest.raises(UsageError, match="several classes") as refused:
            samples.find(classes_store, name)
        assert first in str(refused.value) and second in str(refused.value)


@pytest.mark.parametrize(
    "text, words",
    [("mushrom", "mushroom"), ("crab", "rock crab, fiddler crab"), ("1000", "0 to 999")],
)
def test_a_class_that_is_not_there_names_near_ones(classes_store, text, words):
    with pytest.raises(UsageError, match=words):
        samples.find(classes_store, text)


def test_rows_of_a_store_of_some_classes(classes_store, tmp_path):
    keep = np.isin(np.arange(1000), (118, 517))
    with store.create(str(tmp_path / "some.h5"), "classes") as sink:
        sink.carry(classes_store, keep, False)
        sink.history([classes_store], {})
    with store.read(str(tmp_path / "some.h5")) as some:
        assert samples.find(some, "n03126707") == samples.find(some, "517") == 1
        with pytest.raises(UsageError, match="no row of class 134"):
            samples.find(some, "134")
        with pytest.raises(UsageError, match="no row of class 121"):
            samples.find(some, "king crab")


def test_images_are_found_by_id_end_of_path_and_index(tmp_path):
    ids = ["ant/1.png", "bee/1.png", "bee/22.png"]
    data = dataclasses.replace(DATA.take(slice(3)), ids=ids)
    with store.read(write(tmp_path / "a.h5", data)) as opened:
        assert [samples.find(opened, text) for text in ("bee/1.png", "22.png", "0")] == [1, 2, 0]
        with pytest.raises(UsageError, match=r"names 2 samples.*ant/1.png \(0\), bee/1.png \(1\)"):
            samples.find(opened, "1.png")
        for text in ("3", "bee/2.png"):
            with pytest.raises(UsageError, match="no sample"):
                samples.find(opened, text)
