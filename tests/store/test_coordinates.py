"""Every group with rows of samples names them, for xarray and pandas; nothing is stored twice and no digest changes."""

import os

import h5py
import numpy as np
import pytest
from planted import plant, write

from gradtools import store
from gradtools.store import layout

DATA = plant(n=20)


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "a.h5", DATA)


def test_a_group_is_a_line_an_image_with_its_name(path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("pandas")
    with xarray.open_dataset(path, engine="h5netcdf", group="/outputs") as opened:
        table = opened[["predicted"]].to_dataframe()
    assert list(table["id"]) == DATA.ids and list(table["predicted"]) == list(DATA.predicted)
    with xarray.open_dataset(path, engine="h5netcdf", group="/taps/conv") as opened:
        named = opened.set_index(sample="id")
        np.testing.assert_array_equal(
            named["gradient"].sel(sample="003.png"), DATA.taps["gradient@conv"][3]
        )


def test_all_groups_open_as_one_tree(path):
    xarray = pytest.importorskip("xarray")
    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        assert list(tree["/taps/conv"].ds["id"].values) == DATA.ids


def test_names_are_links_and_change_no_digest(path):
    with h5py.File(path) as file:
        assert file["/taps/conv/id"] == file["/samples/id"]
        assert not [name for name, _ in layout.datasets(file) if layout.is_names(name)]
    with store.read(path) as source:
        source.check()
        before = source.digests()
    with h5py.File(path, "r+") as file:  # as a gradtools without such names wrote it
        for group in layout.groups(file):
            group.attrs.pop("coordinates", None)
            if "id" in group and group.name != "/samples":
                del group["id"]
        for _, dataset in layout.datasets(file):
            dataset.attrs.pop(layout.ENCODING, None)
    with store.read(path) as source:
        source.check()
        assert source.digests() == before


def test_a_copy_of_some_samples_has_their_names(path, tmp_path):
    keep = np.arange(20) % 3 == 0
    part = str(tmp_path / "b.h5")
    with store.read(path) as source, store.create(part, "features") as sink:
        sink.carry(source, keep, whole=True)
    with h5py.File(part) as file:
        names = layout.decoded(file["/taps/conv/id"][:])
        assert names == [name for name, stays in zip(DATA.ids, keep) if stays]
        assert file["/taps/conv/id"] == file["/samples/id"]
    with store.read(part) as source:
        source.check()


def test_another_object_at_the_place_of_names_is_refused(path):
    with h5py.File(path, "r+") as file:
        del file["/taps/conv/id"]
        file["/taps/conv/id"] = file["/samples/label"]
    with pytest.raises(store.reading.GradtoolsError, match="once more|not"), store.read(path):
        pass


def test_names_that_are_no_utf8_stay_bytes(tmp_path):
    path, odd = str(tmp_path / "a.h5"), os.fsdecode(b"\xff.png")
    with store.create(path, "features") as sink:
        sink.put("/samples/id", ["ü.png", odd])
        sink.put("/samples/label", np.zeros(2, "i4"))
    with h5py.File(path) as file:
        assert layout.ENCODING not in file["/samples/id"].attrs
        assert file["/samples/id"][0] == "ü.png".encode()
