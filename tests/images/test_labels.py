"""Data classes and model classes."""

import numpy as np
import pytest
from conftest import DATA, needs_data

from gradtools.errors import UsageError
from gradtools.images import labels
from gradtools.images.labels import naming

ANIMALS = ["Dungeness crab", "king crab", "tabby", "Persian cat", "collie"]


def members(mapping):
    return [np.flatnonzero(row).tolist() for row in mapping.member]


def write(path, text):
    path.write_text(text)
    return str(path)


def test_imagenet_table():
    classes = labels.imagenet_classes()
    assert classes.index.tolist() == list(range(1000)) and len(classes.name) == 1000
    assert classes.wnid == sorted(classes.wnid) and len(set(classes.name)) == 1000
    assert (classes.wnid[0], classes.name[0], classes.name[999]) == (
        "n01440764",
        "tench",
        "toilet tissue",
    )


def test_imagenet_names_are_torchvisions():
    meta = pytest.importorskip("torchvision.models._meta")
    assert labels.imagenet_classes().name == list(meta._IMAGENET_CATEGORIES)


@needs_data
def test_imagenet_table_is_the_one_handed_out():
    table = np.genfromtxt(
        DATA / "imagenet_classes.tsv", delimiter="\t", dtype=str, skip_header=1, comments=None
    )
    assert (
        table[:, 1].tolist() == labels.imagenet_classes().wnid
        and table[:, 2].tolist() == labels.imagenet_classes().name
    )


@pytest.mark.parametrize(
    "name", ["Dungeness crab", "dungeness_crab", "DUNGENESS-CRAB", "dungenesscrab "]
)
def test_names_are_compared_without_case_and_signs(name):
    assert labels.normalise(name) == "dungenesscrab"
    assert labels.class_index(name, ANIMALS) == 0


def test_by_name():
    mapping = labels.match(["collie", "king_crab", "emu"], ANIMALS, n_classes=5)
    assert (
        members(mapping) == [[4], [1], []]
        and mapping.unmapped == ["emu"]
        and mapping.member.dtype == np.uint8
    )
    assert mapping.note == (
        "2 of 3 data classes match the model's (2 by name); no model class for emu "
        "(--label-map CSV says which they are)"
    )


@pytest.mark.parametrize("names", ["names", "wnids", "ids as names"])
def test_by_wordnet_id(names):
    classes = labels.imagenet_classes()
    folders = [
        f"{wnid}_{name.replace(' ', '_')}" if index % 2 else wnid
        for index, wnid, name in zip(classes.index, classes.wnid, classes.name)
    ][::-37]
    model = {
        "names": dict(model_names=classes.name),
        "wnids": dict(model_names=[], wnids=classes.wnid),
        "ids as names": dict(model_names=classes.wnid),
    }
    mapping = labels.match(folders, **model[names], n_classes=1000)
    assert members(mapping) == [[index] for index in range(999, -1, -37)] and not mapping.unmapped


def test_wordnet_ids_are_not_guessed():
    assert labels.match(["n01440764"], [], n_classes=1000).unmapped == ["n01440764"]
    swapped = labels.imagenet_classes().name[::-1]
    assert labels.match(["n01440764"], swapped, n_classes=1000).unmapped == ["n01440764"]
    assert labels.match(["n01440764_tench"], ANIMALS, n_classes=5).unmapped == ["n01440764_tench"]


def test_label_map(tmp_path):
    path = write(
        tmp_path / "map.csv",
        "\ufeffmine,the model's,remark\ncat,tabby,\ncat,Persian_cat,x\n\nCrab,0\ncrab, 1\nhorse,nonsense\n",
    )
    mapping = labels.match(["cat", "crab", "collie"], ANIMALS, n_classes=5, label_map=path)
    assert members(mapping) == [[2, 3], [0, 1], []]
    assert mapping.unmapped == ["collie"]  # a class of the model, but the map is the whole mapping
    assert mapping.note.startswith(
        "2 of 3 data classes match the model's (2 by label map); several model classes: cat 2, crab 2 "
        "(any is right, the score is the log-sum-exp of their logits)"
    )


def test_label_map_with_wordnet_ids_and_without_names(tmp_path):
    classes = labels.imagenet_classes()
    path = write(tmp_path / "map.csv", f"fish,n01440764\nfish,{classes.wnid[1]}\n")
    assert members(labels.match(["fish"], classes.name, n_classes=1000, label_map=path)) == [[0, 1]]
    path = write(tmp_path / "map.csv", "fish,3\n")
    assert members(labels.match(["fish"], [], n_classes=4, label_map=path)) == [[3]]


@pytest.mark.parametrize(
    "text, said",
    [
        ("cat,tabbi\n", "map.csv, line 1: no class 'tabbi' in the model; did you mean tabby"),
        ("cat,tabby\ncat,5\n", "line 2: no class 5: the model's are 0 to 4"),
        ("cat\n", "line 1: write data class,model class"),
        ("emu,tabby\n", "has none of the data's classes cat"),
        ("", "has none of"),
    ],
)
def test_label_maps_that_are_wrong(tmp_path, text, said):
    with pytest.raises(UsageError, match=said):
        labels.match(["cat"], ANIMALS, n_classes=5, label_map=write(tmp_path / "map.csv", text))


def test_label_map_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="--label-map .*: No such file"):
        labels.match(["cat"], ANIMALS, n_classes=5, label_map=str(tmp_path / "absent.csv"))


def test_in_order():
    mapping = labels.match(list("abcde"), ANIMALS, n_classes=5, in_order=True)
    assert np.array_equal(mapping.member, np.eye(5)) and mapping.note.startswith(
        "labels in order: a = Dungeness crab, b = king crab"
    )
    with pytest.raises(UsageError, match="the data has 2 classes and the model 5"):
        labels.match(list("ab"), ANIMALS, n_classes=5, in_order=True)
    with pytest.raises(UsageError, match="exclude each other"):
        labels.match(list("abcde"), ANIMALS, n_classes=5, in_order=True, label_map="m.csv")


def test_names_that_could_be_several_classes():
    names = ["crane", "heron", "Crane"]
    with pytest.raises(
        UsageError, match=r"'crane' could be any of the model's 'crane' \(0\), 'Crane' \(2\)"
    ):
        labels.match(["crane"], names, n_classes=3)
    with pytest.raises(
        UsageError, match="'crane' names several classes: give one of the indices 0, 2"
    ):
        labels.class_index("crane", names)
    assert labels.match(["heron"], names, n_classes=3).member.tolist() == [[0, 1, 0]]


def test_imagenet_has_two_cardigans():
    """A dog and a jacket, told apart by case alone: the only name that is not clear."""
    names = labels.imagenet_classes().name
    unclear = {labels.normalise(name) for name in names if len(naming.named(name, names)) > 1}
    assert unclear == {"cardigan"}
    with pytest.raises(UsageError, match=r"'Cardigan' \(264\), 'cardigan' \(474\)"):
        labels.match(["cardigan"], names, n_classes=1000)
    assert members(labels.match(["n02963159_cardigan"], names, n_classes=1000)) == [[474]]


def test_class_names_of_another_number():
    with pytest.raises(UsageError, match="10 classes and 5 class names"):
        labels.match(["collie"], ANIMALS, n_classes=10)


def test_class_index():
    classes = labels.imagenet_classes()
    assert labels.class_index("3", ANIMALS) == 3
    assert labels.class_index("3", [], n_classes=4) == 3
    assert labels.class_index("10", ["0", "1", "10"]) == 2  # a name comes before an index
    assert labels.class_index("n02123045", classes.name) == 281 and classes.name[281] == "tabby"
    assert labels.class_index("b", list("ab"), wnids=["n00000001", "n00000002"]) == 1
    assert labels.class_index("n00000002", list("ab"), wnids=["n00000001", "n00000002"]) == 1


@pytest.mark.parametrize(
    "text, names, said",
    [
        ("crab", ANIMALS, "no class 'crab' in the model; did you mean Dungeness crab, king crab"),
        ("coly", ANIMALS, "did you mean collie"),
        ("zzz", ANIMALS, "there are Dungeness crab, king crab"),
        ("7", ANIMALS, "no class 7: the model's are 0 to 4"),
        ("-1", ANIMALS, "no class '-1'"),
        ("crab", [], "give an index from 0 to 4, or the names with --class-names FILE"),
        ("", ANIMALS, "no class ''"),
    ],
)
def test_class_index_of_what_is_none(text, names, said):
    with pytest.raises(UsageError, match=said):
        labels.class_index(text, names, n_classes=5)


def test_correct_by_its_definition():
    rng = np.random.default_rng(0)
    member = rng.integers(0, 2, (4, 6)).astype("u1")
    member[2] = 0
    predicted, own = rng.integers(0, 6, 50), rng.integers(-1, 4, 50)
    expected = [
        -1 if label < 0 or not member[label].any() else int(member[label, guess])
        for guess, label in zip(predicted, own)
    ]
    correct = labels.correct(predicted, own, member)
    assert correct.tolist() == expected and correct.dtype == np.int8 and set(expected) == {-1, 0, 1}


def test_correct_without_classes():
    assert labels.correct(
        np.array([1, 2]), np.array([-1, -1]), np.zeros((0, 3), "u1")
    ).tolist() == [-1, -1]
