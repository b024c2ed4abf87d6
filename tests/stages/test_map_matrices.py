"""`similarity --matrix` on maps: every pair against loops, told which maps they are, and gone on with after a kill."""

import numpy as np
import pytest
from planted_maps import COUNT, LOOPS, normalised, quiet, raw_maps, write
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.maps import map_pairs
from gradtools.stages import dendrogram, similarity
from gradtools.stages.similarity import writing

PAIR = [(0, 4), (4, 0), (2, 7), (7, 2), (2, 9), (9, 2)]  # the two maps of a pair stand together


def computed(path, out, say=quiet, carry=False, where=(), metrics=("CC", "KLD"), **options):
    asked = similarity.Options(
        resamples=0,
        permutations=0,
        matrix=True,
        where=where,
        maps=similarity.MapOptions(map_metric=metrics),
        **options,
    )
    with store.read(str(path)) as source:
        similarity.similarity(source, str(out), asked, say=say, carry=carry)
    return str(out)


def by_hand(raw, metric):
    """Every pair of maps; NaN where one of them is constant."""
    read = normalised(raw)
    return np.array(
        [[np.nan if a is None or b is None else LOOPS[metric](a, b) for b in read] for a in read]
    )


@pytest.mark.parametrize("block", [5, 256])
def test_matrices_hold_every_pair(tmp_path, monkeypatch, block):
    """Beside those of vectors, which have another number of rows."""
    monkeypatch.setattr(writing, "MATRIX_BLOCK", block)
    raw = {name: values[[0, 1, 2, 3, 5, 5]] for name, values in raw_maps().items()}
    sample, partner = np.array(PAIR).T
    path = write(tmp_path / "maps.h5", raw, sample=sample, partner=partner)
    out = computed(
        path, tmp_path / "out.h5", feature=("map:gradcam@block2", "map:gam@block1", "logits")
    )
    with store.read(out) as opened:
        for metric in ("CC", "KLD"):
            for name in ("gradcam@block2", "gam@block1"):
                matrix = opened.file[f"/similarity/map:{name}/{metric}/matrix"]
                assert matrix.dtype == np.float32 and store.scales_of(matrix) == [
                    "/map",
                    "/other_map",
                ]
                np.testing.assert_allclose(
                    matrix[:], by_hand(raw[name], metric), rtol=1e-6, atol=1e-6
                )
        logits = (
            opened.values("/outputs/logits")
            if opened.values("/outputs/logits") is not None
            else read(path, "/outputs/logits")
        )
        unit = logits / np.linalg.norm(logits, axis=1, keepdims=True)
        np.testing.assert_allclose(
            opened.values("/similarity/logits/cosine/matrix"), unit @ unit.T, atol=1e-6
        )
        assert (
            opened.values("/maps/sample").tolist() == sample.tolist()
            and opened.values("/maps/partner").tolist() == partner.tolist()
        )
        assert opened.maps == [] and opened.attributes("/maps")["target"] == "argmax"


def read(path, name):
    with store.read(str(path)) as source:
        return source.values(name)


@pytest.mark.parametrize("carry", [False, True])
def test_rows_are_those_of_the_samples_that_are_kept(tmp_path, carry):
    raw = {"gam@block2": raw_maps()["gam@block2"][:6]}
    sample, partner = np.array(PAIR).T
    path = write(
        tmp_path / "maps.h5", raw, sample=sample, partner=partner, label=np.arange(COUNT) // 4
    )
    (tmp_path / "ids.txt").write_text("".join(f"{i:02}.png\n" for i in range(COUNT) if i != 4))
    out = computed(
        path,
        tmp_path / "out.h5",
        carry=carry,
        where=(f"list={tmp_path / 'ids.txt'}",),
        feature=("map:gam",),
    )
    with store.read(out) as opened:
        np.testing.assert_allclose(
            opened.values("/similarity/map:gam@block2/CC/matrix"),
            by_hand(raw["gam@block2"][2:], "CC"),
            atol=1e-6,
        )
        ids = np.array(opened.ids)
        assert ids[opened.values("/maps/sample")].tolist() == [f"{a:02}.png" for a, _ in PAIR[2:]]
        assert ids[opened.values("/maps/partner")].tolist() == [f"{b:02}.png" for _, b in PAIR[2:]]


def test_matrices_go_on_after_a_kill(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "MATRIX_BLOCK", 5)
    path = write(tmp_path / "maps.h5", raw_maps())
    job = {"feature": ("map:gam", "logits")}
    computed(path, tmp_path / "whole.h5", **job)
    made, make = [], map_pairs.matrix_rows

    def dies(*given):
        rows = make(*given)

        def until(start, stop):
            made.append(start)
            if start == 10:
                raise KeyboardInterrupt
            return rows(start, stop)

        return until

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(map_pairs, "matrix_rows", dies)
        computed(path, tmp_path / "out.h5", **job)
    assert made == [0, 5, 10] and not (tmp_path / "out.h5").exists()
    said = []
    computed(path, tmp_path / "out.h5", said.append, **job)
    assert any(f"{COUNT + 10} of {2 * COUNT} done" in line for line in said)
    with (
        store.read(str(tmp_path / "out.h5")) as again,
        store.read(str(tmp_path / "whole.h5")) as whole,
    ):
        assert store.digests(again.file) == store.digests(whole.file)


def grown(path, **options):
    with store.read(path) as source:
        return dendrogram.dendrogram(source, None, dendrogram.Options(**options), say=quiet)


@pytest.mark.parametrize(
    "linkage, metric",
    [("ward", "jensenshannon"), ("average", lambda a, b: pdist([a, b], "jensenshannon")[0] ** 2)],
)
def test_a_divergence_is_a_distance_to_the_tree_of_maps(tmp_path, linkage, metric):
    """Its root is scipy's jensenshannon, and Euclidean."""
    raw = {"gam@block2": raw_maps()["gam@block2"]}
    out = computed(write(tmp_path / "maps.h5", raw), tmp_path / "out.h5", metrics=("JSD", "KLD"))
    flat = np.array(normalised(raw["gam@block2"])).reshape(COUNT, -1)
    expected = hierarchy.linkage(pdist(flat, metric), linkage)
    tree = grown(out, metric="JSD", linkage=linkage, resamples=2)
    np.testing.assert_allclose(tree.merges[:, 2], expected[:, 2], atol=1e-6)
    assert {frozenset(np.flatnonzero(tree.labels == k)) for k in range(tree.facts["k"])} == {
        frozenset(np.flatnonzero(labels == k))
        for labels in [hierarchy.cut_tree(expected, tree.facts["k"])[:, 0]]
        for k in range(tree.facts["k"])
    }
    assert tree.facts["height"] == {"ward": "sqrt(JSD)", "average": "JSD"}[linkage]
    assert grown(out, metric="KLD", linkage="average", resamples=0).merges[0, 2] > 0
    with pytest.raises(UsageError, match="KLD is not one: take --linkage average"):
        grown(out, metric="KLD")


def test_maps_that_are_not_the_samples_make_no_tree(tmp_path):
    sample, partner = np.array(PAIR).T
    path = write(
        tmp_path / "maps.h5",
        {"gam@block2": raw_maps()["gam@block2"][:6]},
        sample=sample,
        partner=partner,
    )
    with pytest.raises(GradtoolsError, match="6 maps of 12 samples"):
        grown(computed(path, tmp_path / "out.h5", metrics=("CC",)), linkage="average")
