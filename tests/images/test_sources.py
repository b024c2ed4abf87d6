"""Which images a job goes over, from folders, files, manifests and lists."""

import hashlib
import io
import os
import sys

import numpy as np
import pytest
from PIL import Image

from gradtools import images
from gradtools.errors import GradtoolsError, UsageError


def draw(path, size=(4, 3), colour=(10, 20, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def folder(tmp_path):
    """Two classes, one with a sub-folder, and what is to be left out."""
    for name in ("dog/b.png", "dog/a.JPG", "cat/x.webp", "cat/deep/er/y.bmp"):
        draw(tmp_path / "photos" / name)
    for name in ("dog/.DS_Store", "notes.txt", "dog/list.txt", ".hidden/z.png"):
        (tmp_path / "photos" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "photos" / name).write_text("no image")
    return tmp_path / "photos"


def stdin(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_class_folders(folder):
    listed = images.list_images([str(folder)])
    assert listed.root == str(folder)
    assert listed.ids == ["cat/deep/er/y.bmp", "cat/x.webp", "dog/a.JPG", "dog/b.png"]
    assert listed.label_names == ["cat", "dog"] and listed.labels.tolist() == [0, 0, 1, 1]
    assert listed.labels_many is None and listed.boxes is None
    assert listed.sizes.tolist() == [os.path.getsize(folder / name) for name in listed.ids]
    assert listed.mtimes.tolist() == [os.stat(folder / name).st_mtime_ns for name in listed.ids]
    assert listed.left_out == {"hidden": 2, ".txt": 2}
    assert listed.path(1) == str(folder / "cat" / "x.webp")


def test_class_folders_are_those_of_torchvision(folder):
    datasets = pytest.importorskip("torchvision.datasets")
    theirs = datasets.ImageFolder(
        str(folder),
        allow_empty=True,
        is_valid_file=lambda path: path.endswith((".JPG", ".png", ".webp", ".bmp")),
    )
    listed = images.list_images([str(folder)])
    names = {
        listed.path(index): listed.label_names[label] for index, label in enumerate(listed.labels)
    }
    assert names == {
        path: theirs.classes[label] for path, label in theirs.samples if "/." not in path
    }


def test_masks_beside_their_images_are_no_class(tmp_path):
    """Classes whose files have equal names are classes, whatever else they are called."""
    for name in ("images/a.jpg", "images/b.jpg", "masks/a.png"):
        draw(tmp_path / "data" / name)
    with pytest.raises(UsageError, match="data/images with --annotations .*data/masks"):
        images.list_images([str(tmp_path / "data")])
    draw(tmp_path / "data" / "masks" / "other.png")
    assert images.list_images([str(tmp_path / "data")]).label_names == ["images", "masks"]
    for name in ("cat/1.png", "mask/1.png", "dog/1.png"):
        draw(tmp_path / "classes" / name)
    (tmp_path / "classes" / "mask").rename(tmp_path / "classes" / "cow")
    assert images.list_images([str(tmp_path / "classes")]).label_names == ["cat", "cow", "dog"]


def test_root_does_not_depend_on_the_working_folder(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert images.list_images([b"photos/"]).root == str(folder)


def test_flat_folder_and_files(folder):
    flat = images.list_images([str(folder / "dog")])
    assert (
        flat.ids == ["a.JPG", "b.png"]
        and flat.labels.tolist() == [-1, -1]
        and flat.label_names == []
    )
    files = images.list_images([str(folder / "dog" / "b.png"), str(folder / "cat" / "x.webp")])
    assert (
        files.root == str(folder)
        and files.ids == ["dog/b.png", "cat/x.webp"]
        and files.labels.tolist() == [-1, -1]
    )


def test_several_folders_with_labels(tmp_path):
    for name in ("train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/emu/1.png"):
        draw(tmp_path / name)
    listed = images.list_images([str(tmp_path / "train"), str(tmp_path / "test")])
    assert listed.ids == ["train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/emu/1.png"]
    assert listed.label_names == ["cat", "dog", "emu"] and listed.labels.tolist() == [0, 1, 0, 2]


def test_labels_for_some_inputs_only_are_refused(folder):
    with pytest.raises(UsageError, match="some of the inputs have labels"):
        images.list_images([str(folder), str(folder / "dog" / "b.png")])


def test_an_image_given_twice(folder):
    with pytest.raises(UsageError, match="b.png is given more than once"):
        images.list_images([str(folder / "dog"), str(folder / "dog" / "b.png")])


def test_images_beside_class_folders(folder):
    draw(folder / "stray.png")
    with pytest.raises(UsageError, match=r"stray.png\) lie beside folders of images \(cat, dog\)"):
        images.list_images([str(folder)])


def test_folder_without_images(tmp_path):
    with pytest.raises(GradtoolsError, match="it is empty; read are .jpg"):
        images.list_images([str(tmp_path)])
    for name in ("a.txt", "b.txt", "c.mat"):
        (tmp_path / name).write_text("")
    with pytest.raises(
        GradtoolsError, match="no images; it has 2 .txt, 1 .mat; read are .jpg .jpeg .png"
    ):
        images.list_images([str(tmp_path)])


@pytest.mark.parametrize(
    "name, said",
    [
        ("absent", "absent: no such file or folder"),
        ("absent.TAR.gz", "of archives only tar without compression is read"),
        ("absent.csv", "no such file or folder"),
    ],
)
def test_sources_that_are_none(tmp_path, name, said):
    with pytest.raises(UsageError, match=said):
        images.list_images([str(tmp_path / name)])


def test_no_source_at_all():
    with pytest.raises(UsageError, match="no images: name a folder"):
        images.list_images([])


def test_links_are_followed_but_not_in_circles(tmp_path):
    draw(tmp_path / "store" / "one.png")
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "dog").symlink_to(tmp_path / "store")
    (tmp_path / "photos" / "cat" / "two.png").symlink_to(tmp_path / "store" / "one.png")
    (tmp_path / "photos" / "cat" / "up").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    listed = images.list_images([str(tmp_path / "photos")])
    assert listed.ids == ["cat/gone.png", "cat/two.png", "dog/one.png"]
    assert listed.sizes[0] == 0 and listed.left_out == {"link to a folder above": 1}
    with pytest.raises(images.Unreadable, match="gone.png: No such file"):
        images.read(listed.path(0))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are text")
def test_names_that_are_not_utf8(tmp_path, monkeypatch):
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Image.new("RGB", (2, 2)).save(tmp_path / "plain.png")
    os.rename(tmp_path / "plain.png", name)
    (identifier,) = images.list_images([str(tmp_path)]).ids
    assert identifier.encode("utf-8", "surrogateescape") == b"caf\xe9.png"
    stdin(monkeypatch, name + b"\0")
    assert images.list_images(files_from="-", null=True).ids == [identifier]
    assert images.list_images([name]).ids == [identifier]


def test_list_of_paths(folder, tmp_path, monkeypatch):
    (folder / "dog" / "new\nline.png").write_bytes((folder / "dog" / "b.png").read_bytes())
    names = [str(folder / "dog" / "new\nline.png"), str(folder / "cat" / "x.webp")]
    stdin(monkeypatch, "\0".join(names).encode())
    listed = images.list_images(files_from="-", null=True)
    assert (
        listed.root == str(folder)
        and listed.ids == ["dog/new\nline.png", "cat/x.webp"]
        and listed.labels.tolist() == [-1, -1]
    )
    monkeypatch.chdir(folder)
    (tmp_path / "list").write_bytes(b"dog/b.png\r\n\ncat/x.webp\r\n")
    assert images.list_images(files_from=str(tmp_path / "list")).ids == ["dog/b.png", "cat/x.webp"]


@pytest.mark.parametrize(
    "content, null, said",
    [
        (b"", False, "stdin was empty"),
        (b"\n\n", False, "stdin was empty"),
        (b"a\0b\0", False, "add -0"),
        (b"gone.png\n/\n", False, "1 of 2 images are not there, first .*gone.png"),
        (b"/\n", False, "/ is a folder: list files"),
    ],
)
def test_lists_that_are_none(monkeypatch, tmp_path, content, null, said):
    monkeypatch.chdir(tmp_path)
    stdin(monkeypatch, content)
    with pytest.raises(GradtoolsError, match=said):
        images.list_images(files_from="-", null=null)


def test_list_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="--files-from .*: No such file"):
        images.list_images(files_from=str(tmp_path / "absent"))


def write_manifest(folder, text):
    (folder / "m.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return [str(folder / "m.csv")]


def test_manifest_with_boxes(folder):
    listed = images.list_images(
        write_manifest(
            folder,
            "\ufeffPath, label ,x0,y0,x1,y1,source\ndog/b.png,dog,0,1,2,3.5,web\ncat/x.webp,cat,,,,,\n"
            "dog/b.png,dog,1,1,4,3,web\n\n",
        )
    )
    assert listed.root == str(folder) and listed.ids == ["dog/b.png", "cat/x.webp"]
    assert listed.label_names == ["cat", "dog"] and listed.labels.tolist() == [1, 0]
    assert {name: values.tolist() for name, values in listed.boxes.items()} == {
        "sample": [0, 0],
        "class": [1, 1],
        "x0": [0, 1],
        "y0": [1, 1],
        "x1": [2, 4],
        "y1": [3.5, 3],
    }


def test_manifest_with_several_labels(folder):
    listed = images.list_images(
        write_manifest(
            folder,
            "path,label,x0,y0,x1,y1\ndog/b.png,dog;cat,0,0,1,1\ndog/a.JPG,emu,0,0,1,1\ndog/a.JPG,cat,1,1,2,2\n"
            "cat/x.webp,cat|cat,,,,\ncat/deep/er/y.bmp,,,,,\n",
        )
    )
    assert listed.label_names == ["cat", "dog", "emu"]
    assert listed.labels.tolist() == [-1, -1, 0, -1]
    assert listed.labels_many.tolist() == [[1, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 0]]
    assert listed.boxes["class"].tolist() == [-1, 2, 0] and listed.boxes["sample"].tolist() == [
        0,
        1,
        1,
    ]


def test_manifest_labels_that_are_numbers_are_in_their_order(folder):
    listed = images.list_images(write_manifest(folder, "path,label\ndog/b.png,10\ndog/a.JPG,9\n"))
    assert listed.label_names == ["9", "10"]


def test_manifest_without_labels(folder):
    listed = images.list_images(write_manifest(folder, "path\ndog/b.png\n"))
    assert listed.labels.tolist() == [-1] and listed.label_names == []


def test_manifest_of_images_elsewhere(folder, tmp_path):
    (tmp_path / "lists").mkdir()
    listed = images.list_images(
        write_manifest(
            tmp_path / "lists", f"path,label\n../photos/dog/b.png,dog\n{folder}/cat/x.webp,cat\n"
        )
    )
    assert listed.root == str(folder) and listed.ids == ["dog/b.png", "cat/x.webp"]


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "must name the columns path,label"),
        ("file,label\na.png,cat\n", "it is 'file,label'"),
        ("path,label,x0\n", "must name the columns"),
        ("path,label,Label\ndog/b.png,dog,cat\n", "2 columns are named label"),
        ("path,label\n", "without rows"),
        ("path,label\n,cat\n", "line 2: no path"),
        ("path,label\nabsent.png,cat\n", "1 of 1 images are not there"),
        ("path,label,x0,y0,x1,y1\ndog/b.png,dog,0,0,one,1\n", "line 2: a box is four numbers"),
        ("path,label,x0,y0,x1,y1\ndog/b.png,dog,0,0,,1\n", "line 2: a box is four numbers"),
        ("path,label,x0,y0,x1,y1\ndog/b.png,dog,3,0,3,1\n", "x0 < x1"),
        ("path,label,x0,y0,x1,y1\ndog/b.png,dog,0,nan,3,1\n", "y0 < y1"),
    ],
)
def test_manifests_that_are_wrong(folder, text, said):
    with pytest.raises(GradtoolsError, match=said):
        images.list_images(write_manifest(folder, text))


def test_images_of_a_store_are_found_again(folder, tmp_path):
    ids = ["cat/x.webp", "dog/b.png"]
    digests = np.array(
        [list(hashlib.sha256((folder / name).read_bytes()).digest()) for name in ids], "u1"
    )
    folder.rename(tmp_path / "moved")
    with pytest.raises(
        GradtoolsError,
        match="2 of 2 images are not in .*photos, first .*x.webp: say with --images DIR",
    ):
        images.find(str(folder), ids, digests)
    listed = images.find(str(folder), ids, digests, images_dir=str(tmp_path / "moved"))
    rules = {"resize": None, "crop": None, "interpolation": "bilinear"}
    (batch,) = images.batches(listed, rules, 2)
    assert np.array_equal(batch.digests, digests)
    draw(tmp_path / "moved" / "dog" / "b.png", colour=(9, 9, 9))
    with pytest.raises(GradtoolsError, match="b.png is not the image that the store was made from"):
        list(images.batches(listed, rules, 2))
