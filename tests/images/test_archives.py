"""Images inside a tar: the same list, digests and results as the folder it unpacks to, and webdataset's labels."""

import hashlib
import io
import json
import os
import shutil
import tarfile

import numpy as np
import pytest
from networks import TOY_SOURCE
from PIL import Image
from shell import call

from gradtools import cli, images, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.images import archives
from gradtools.store import paths


def png(seed):
    """The bytes of a random image."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), "u1")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def packed(path, files, links=()):
    """Write a tar of {name: bytes} in this order, and links (name, target, kind) behind them."""
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        for name, target, kind in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            tar.addfile(entry)
    return str(path)


FOLDERS = {
    "./bee/2.png": png(2),
    "./ant/1.png": png(1),
    "ant/inner/0.png": png(0),
    "ant/a.txt": b"x",
}


def test_a_tar_is_listed_as_the_folder_that_it_unpacks_to(tmp_path):
    tar = packed(tmp_path / "photos.tar", FOLDERS)
    shutil.unpack_archive(tar, tmp_path / "photos")
    inside, unpacked = images.list_images([tar]), images.list_images([str(tmp_path / "photos")])
    assert inside.root == tar
    for name in ("ids", "label_names", "left_out"):
        assert getattr(inside, name) == getattr(unpacked, name), name
    assert inside.labels.tolist() == unpacked.labels.tolist() == [0, 0, 1]
    assert inside.sizes.tolist() == unpacked.sizes.tolist()
    decoded = [images.decode(inside.path(place)) for place in range(3)]
    assert [one.digest.tobytes() for one in decoded] == [
        hashlib.sha256(png(seed)).digest() for seed in (1, 0, 2)
    ]
    listed = images.find(
        str(tmp_path / "photos"), inside.ids, np.stack([one.digest for one in decoded]), tar
    )
    assert listed.path(0) == os.path.join(tar, "ant/1.png")


def test_labels_stand_beside_the_images_of_a_webdataset(tmp_path):
    files = {}
    for number, label in enumerate(("10", "9", "10", "")):
        files |= {f"s{number}.png": png(number), f"s{number}.cls": label.encode()}
    files |= {"s0.seg.png": png(9), "s0.txt": b"a caption"}
    listed = images.list_images([packed(tmp_path / "a.tar", files)])
    assert listed.ids == ["s0.png", "s1.png", "s2.png", "s3.png"]
    assert listed.label_names == ["9", "10"] and listed.labels.tolist() == [1, 0, 1, -1]
    assert listed.left_out == {".seg.png": 1, ".txt": 1}
    facts = [{"label": "ant"}, {"label": None, "cls": 7}, {"label": ["ant", "bee"]}]
    files = {f"{number}.png": png(number) for number in range(3)}
    files |= {f"{number}.json": json.dumps(fact).encode() for number, fact in enumerate(facts)}
    listed = images.list_images([packed(tmp_path / "b.tar", files)])
    assert listed.label_names == ["7", "ant", "bee"] and listed.labels.tolist() == [1, 0, -1]
    assert listed.labels_many.tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 1]]
    files["1.json"] = b"[broken"
    with pytest.raises(GradtoolsError, match="1.json is not a JSON object"):
        images.list_images([packed(tmp_path / "c.tar", files)])


def test_several_tars_are_one_list(tmp_path):
    for name in "ab":
        packed(tmp_path / f"{name}.tar", {"0.png": png(ord(name)), "0.cls": name.encode()})
    listed = images.list_images([str(tmp_path / "a.tar"), str(tmp_path / "b.tar")])
    assert listed.root == str(tmp_path) and listed.ids == ["a.tar/0.png", "b.tar/0.png"]
    assert listed.label_names == ["a", "b"]
    named = tmp_path / "list.txt"
    named.write_text("".join(f"{listed.path(place)}\n" for place in (1, 0)))
    again = images.list_images(files_from=str(named))
    assert again.ids == ["b.tar/0.png", "a.tar/0.png"]


def test_links_and_later_files_are_those_that_tar_unpacks(tmp_path):
    links = [("hard.png", "1.png", tarfile.LNKTYPE), ("soft.png", "./1.png", tarfile.SYMTYPE)]
    links += [("gone.png", "nowhere.png", tarfile.SYMTYPE)]
    tar = packed(tmp_path / "a.tar", {"1.png": png(1), "../out.png": png(3)}, links)
    with tarfile.open(tar, "a") as file:
        entry = tarfile.TarInfo("1.png")
        entry.size = len(png(2))
        file.addfile(entry, io.BytesIO(png(2)))
    listed = images.list_images([tar])
    assert listed.ids == ["1.png", "hard.png", "soft.png"]
    assert archives.read_bytes(listed.path(0)) == png(2)
    assert archives.read_bytes(listed.path(1)) == png(2)


def test_what_is_no_whole_tar_is_refused(tmp_path, capsys):
    tar = packed(tmp_path / "photos.tar", FOLDERS)
    with open(tar, "rb") as file:
        data = file.read()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(data[:1300])
    with pytest.raises(GradtoolsError, match=r"cut.tar is not a whole tar .*behind bee/2.png"):
        images.list_images([str(cut)])
    (tmp_path / "text.tar").write_text("hello")
    with pytest.raises(GradtoolsError, match="text.tar is not a whole tar"):
        images.list_images([str(tmp_path / "text.tar")])
    (tmp_path / "a.tar.gz").write_bytes(b"")
    with pytest.raises(UsageError, match="of archives only tar without compression"):
        images.list_images([str(tmp_path / "a.tar.gz")])
    empty = packed(tmp_path / "empty.tar", {"a.txt": b"x"})
    with pytest.raises(GradtoolsError, match="no images; it has 1 .txt"):
        images.list_images([empty])
    beside = packed(tmp_path / "beside.tar", {"0.png": png(0), "ant/1.png": png(1)})
    with pytest.raises(UsageError, match="lie beside folders of images"):
        images.list_images([beside])
    missing = tmp_path / "list.txt"
    missing.write_text(f"{tar}/ant/9.png\n")
    with pytest.raises(GradtoolsError, match="are not there"):
        images.list_images(files_from=str(missing))


@pytest.fixture
def network(tmp_path):
    (tmp_path / "toy.py").write_text(TOY_SOURCE)
    words = ["--model", str(tmp_path / "toy.py") + ":Toy", "--weights", "random", "--threads", "1"]
    return [*words, "--preprocess", "none", "--tap", "body", "--batch-size", "2", "-q"]


def test_features_and_maps_of_a_tar_are_those_of_the_folder(tmp_path, network):
    tar = packed(tmp_path / "photos.tar", FOLDERS | {"bee/broken.png": png(5)[:20]})
    shutil.unpack_archive(tar, tmp_path / "photos")
    made = {}
    for source in (tar, tmp_path / "photos"):
        out = tmp_path / f"{len(made)}.h5"
        assert cli.main(["extract", str(source), *network, "-o", str(out)]) == 0
        with store.read(str(out)) as opened:
            made[out] = opened.digests()
    first, second = made.values()
    assert {path for path in first if first[path] != second.get(path)} <= {"/"}
    inside, unpacked = made
    words = ["saliency", str(unpacked), *network, "--images", tar, "-o"]
    assert cli.main([*words, str(tmp_path / "maps.h5")]) == 0
    words = ["saliency", str(inside), *network, "-o"]
    assert cli.main([*words, str(tmp_path / "again.h5")]) == 0
    with (
        store.read(str(tmp_path / "maps.h5")) as a,
        store.read(str(tmp_path / "again.h5")) as b,
    ):
        assert a.n_samples == 3
        path = paths.maps("gradcam@body")
        np.testing.assert_array_equal(a.needed(path), b.needed(path))


def test_an_image_that_changed_in_its_tar_is_named(tmp_path, network, capsys):
    tar = packed(tmp_path / "photos.tar", FOLDERS)
    assert cli.main(["extract", tar, *network, "-o", str(tmp_path / "a.h5")]) == 0
    packed(tar, FOLDERS | {"./bee/2.png": png(7)})
    ended = call(capsys, "saliency", tmp_path / "a.h5", *network, "-o", tmp_path / "b.h5")
    assert ended.status == 1 and "bee/2.png is not the image" in ended.line
