"""Stores of maps: rows, resumption, unreadable images, pairs, stores as input; the network is one whose gradients are known."""

import copy
import dataclasses

import numpy as np
import pytest
import stopping
import torch
from networks import TOY_SOURCE, Toy

from gradtools import images, interrupt, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import models
from gradtools.network.passes import loop
from gradtools.stages import saliency

RULES = 'PREPROCESS = {"resize": None, "crop": None, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}\nCLASSES = ("ant", "bee")\n'
COUNT, SIDE = 11, 8


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "toy.py"
    path.write_text(TOY_SOURCE + RULES)
    return models.load(f"{path}:Toy")


@pytest.fixture
def folder(tmp_path):
    """Eleven images of noise, six of ants and five of bees."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for number in range(COUNT):
        path = tmp_path / "photos" / ("ant" if number < 6 else "bee") / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype="u1")).save(path)
    return tmp_path / "photos"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(loop, "BLOCK", 4)


def make(
    listed,
    model,
    path,
    say=lambda line: None,
    progress=interrupt.unwatched,
    batch_size=2,
    max_skipped="1%",
    source=None,
    where=(),
    carry=False,
    force=True,
    **options,
):
    """Write a store, in float64 for any order of rounding; images come from a folder, a manifest, or a store."""
    options = saliency.Options(
        layers=options.pop("layers", None if "tap" in options else 1),
        batch_size=batch_size,
        **{"dtype": "float64", **options},
    )
    listed = images.list_images([str(listed)]) if source is None else None
    saliency.saliency(
        listed,
        model,
        str(path),
        options,
        say=say,
        progress=progress,
        max_skipped=max_skipped,
        source=source,
        where=where,
        carry=carry,
        force=force,
    )
    return path


def read(path, *names):
    """Datasets of a store by name, and its digests."""
    with store.read(str(path)) as source:
        values = [source.values(name) for name in names]
        return values if len(names) != 1 else values[0]


def digests(path):
    with store.read(str(path)) as source:
        return store.digests(source.file)


def by_hand(model, folder):
    """(activations of the tap `body` (N, 3, H, W), logits) of all images, in float64, without any of our machinery."""
    from PIL import Image

    paths = sorted(folder.rglob("*.png"))
    x = (
        torch.from_numpy(
            np.stack([np.asarray(Image.open(path)) for path in paths]).transpose(0, 3, 1, 2)
        )
        / 255.0
    )
    network = copy.deepcopy(model.module).double()
    x = x.double()
    A = network.body(network.stem((x - 0.5) / 0.25).relu())
    return A.detach().numpy(), network((x - 0.5) / 0.25).detach().numpy()


def test_maps_of_the_highest_classes(model, folder, tmp_path):
    """Rows are image by image, class by class; Grad-CAM is sum W_ck A_k / HW, GAM the same of what is positive."""
    path = make(folder, model, tmp_path / "a.h5", method=("gradcam", "gam"), target="top:2")
    A, logits = by_hand(model, folder)
    sample, target, score, partner = read(
        path, "/maps/sample", "/maps/target", "/maps/score", "/maps/partner"
    )
    order = np.argsort(-logits, axis=1)
    assert sample.tolist() == np.repeat(np.arange(COUNT), 2).tolist() and (partner == -1).all()
    assert target.tolist() == order.reshape(-1).tolist()
    np.testing.assert_allclose(
        score, np.take_along_axis(logits, order, 1).reshape(-1), rtol=1e-4, atol=1e-5
    )
    rows = np.array(Toy.ROWS)[target][:, :, None, None]
    gradcam, gam = read(path, "/maps/gradcam@body/map", "/maps/gam@body/map")
    np.testing.assert_allclose(gradcam, (rows * A[sample]).sum(1) / SIDE**2, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        gam, (np.maximum(rows, 0) * np.maximum(A[sample], 0)).sum(1) / SIDE**2, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("options", [{}, {"target": "cosine", "pairs": "all"}, {"target": "top:2"}])
def test_any_batch_size_gives_the_same(model, folder, tmp_path, options):
    options |= {"method": saliency.NAMES[:7], "channels": ("all", "positive", "top2")}
    one = make(folder, model, tmp_path / "one.h5", batch_size=1, **options)
    for batch_size in (3, 64):
        other = make(folder, model, tmp_path / "other.h5", batch_size=batch_size, **options)
        with store.read(str(one)) as a, store.read(str(other)) as b:
            assert a.maps == b.maps and len(a.maps) == 19
            for name in a.maps:
                first, second = (source.values(f"/maps/{name}/map") for source in (a, b))
                np.testing.assert_allclose(
                    first, second, rtol=1e-4, atol=1e-5 * max(np.abs(first).max(), 1e-9)
                )


def test_one_image(model, folder, tmp_path):
    path = make(folder / "ant" / "00.png", model, tmp_path / "a.h5", target="bee")
    assert read(path, "/maps/gradcam@body/map").shape == (1, SIDE, SIDE)
    assert read(path, "/maps/target").tolist() == [1]


def test_one_forward_and_one_backward_pass_for_all(model, folder, tmp_path, monkeypatch):
    """All methods, taps and channels from the same two; the Toy has no ReLU module, and guided backpropagation takes two more."""
    from gradtools.network import taps

    passes = []
    forward, gradients = taps.forward, taps.gradients
    monkeypatch.setattr(
        taps, "forward", lambda *arguments: passes.append("forward") or forward(*arguments)
    )
    monkeypatch.setattr(
        taps, "gradients", lambda *arguments: passes.append("backward") or gradients(*arguments)
    )
    for methods, expected in (
        (saliency.NAMES[:7], ["forward", "backward"]),
        (saliency.NAMES, 2 * ["forward", "backward"]),
    ):
        passes.clear()
        make(
            folder,
            model,
            tmp_path / "a.h5",
            method=methods,
            tap=("stem", "body"),
            channels=("all", "negative"),
            batch_size=64,
            fold=False,
        )
        assert passes == expected


@pytest.mark.parametrize(
    "options",
    [
        {"target": "top:2"},
        {"target": "cosine", "pairs": "all"},
        {"target": "labels", "score": "sigmoid"},
    ],
)
def test_stopped_anywhere_and_resumed_equals_uninterrupted(
    model, folder, tmp_path, options, monkeypatch
):
    monkeypatch.setattr(loop, "BLOCK", 4)
    options |= {"method": ("gradcam", "gradcam++"), "channels": ("all", "top2")}
    whole = make(folder, model, tmp_path / "whole.h5", **options)
    stopped, stops = tmp_path / "stopped.h5", 0

    for _ in range(60):
        try:
            make(folder, model, stopped, progress=stopping.after(5), **options)  # more than a block
            break
        except stopping.Stop:
            stops += 1
            assert not stopped.exists()
    assert stops and digests(whole) == digests(stopped)


def test_unreadable_images_take_their_maps_with_them(model, folder, tmp_path):
    (folder / "ant" / "03.png").write_bytes(b"no image")
    path = make(folder, model, tmp_path / "a.h5", target="top:2", max_skipped="3")
    (folder / "ant" / "03.png").unlink()
    clean = make(folder, model, tmp_path / "b.h5", target="top:2")
    with store.read(str(path)) as a, store.read(str(clean)) as b:
        assert a.ids == b.ids and len(a.ids) == COUNT - 1
        assert a.values("/maps/sample").tolist() == b.values("/maps/sample").tolist()
        for name in ("/maps/gradcam@body/map", "/maps/score"):
            np.testing.assert_allclose(a.values(name), b.values(name), rtol=1e-5, atol=1e-7)


def test_pairs_of_unreadable_images_are_left_out(model, folder, tmp_path):
    (folder / "ant" / "03.png").write_bytes(b"no image")
    said = []
    path = make(
        folder,
        model,
        tmp_path / "a.h5",
        target="dot",
        pairs="all",
        max_skipped="3",
        say=said.append,
    )
    (folder / "ant" / "03.png").unlink()
    clean = make(folder, model, tmp_path / "b.h5", target="dot", pairs="all")
    for name in ("/pairs/a", "/pairs/b", "/maps/sample", "/maps/partner"):
        assert read(path, name).tolist() == read(clean, name).tolist()
    np.testing.assert_allclose(
        read(path, "/maps/gradcam@body/map"),
        read(clean, "/maps/gradcam@body/map"),
        rtol=1e-4,
        atol=1e-7,
    )
    assert sum("03.png" in line for line in said) == 1


@pytest.mark.parametrize("kind", ["cosine", "dot"])
def test_pairs(model, folder, tmp_path, kind):
    """Both images' maps and the score from the embeddings (mathematics#gradients-of-pairs): ds/dv = w/(|v||w|) - (v.w) v/(|v|^3 |w|), or w."""
    path = make(folder, model, tmp_path / "a.h5", target=kind, pairs="all", batch_size=5)
    A, _ = by_hand(model, folder)
    a, b, score, sample, partner = read(
        path, "/pairs/a", "/pairs/b", "/pairs/score", "/maps/sample", "/maps/partner"
    )
    assert list(zip(a, b)) == [(i, j) for i in range(COUNT) for j in range(i + 1, COUNT)]
    assert (
        sample.tolist() == np.stack([a, b], 1).reshape(-1).tolist()
        and partner.tolist() == np.stack([b, a], 1).reshape(-1).tolist()
    )
    maps, vectors = read(path, "/maps/gradcam@body/map"), A.mean((2, 3))
    for row, (i, j) in enumerate(zip(sample, partner)):
        v, w = vectors[i], vectors[j]
        size = np.linalg.norm(v) * np.linalg.norm(w)
        slope = w if kind == "dot" else w / size - (v @ w) * v / (np.linalg.norm(v) ** 2 * size)
        np.testing.assert_allclose(
            maps[row], np.tensordot(slope, A[i], 1) / SIDE**2, rtol=1e-3, atol=1e-6
        )
        assert score[row // 2] == pytest.approx(v @ w / (1 if kind == "dot" else size), rel=1e-4)


def test_embeddings_that_are_asked_for(model, folder, tmp_path):
    """The output, or any layer by name."""
    _, logits = by_hand(model, folder)
    a, b = logits[0], logits[1]
    for embedding in ("output", "classifier"):
        path = make(
            folder, model, tmp_path / "a.h5", target="dot", pairs="all", embedding=embedding
        )
        assert read(path, "/pairs/score")[0] == pytest.approx(float(a @ b), rel=1e-4)


def test_drawn_pairs_are_of_one_class_and_of_the_seed(model, folder, tmp_path):
    said, how = [], {"target": "cosine", "pairs": "same-class:7"}
    drawn = [
        make(folder, model, tmp_path / f"{seed}.h5", said.append, seed=seed, **how)
        for seed in (0, 0, 1)
    ]
    assert any(
        line.startswith("14 pairs of images, two maps each, drawn of 2 classes") for line in said
    )
    lists = [list(zip(*read(path, "/pairs/a", "/pairs/b"))) for path in drawn]
    label = read(drawn[0], "/samples/label")
    assert lists[0] == lists[1] != lists[2]
    for pairs in lists:
        assert len(set(pairs)) == 14 and all(label[i] == label[j] and i < j for i, j in pairs)


def test_pairs_of_a_file(model, folder, tmp_path):
    listed = tmp_path / "pairs.csv"
    listed.write_text("a,b\nant/02.png,bee/07.png\nbee/08.png,ant/02.png\n")
    path = make(folder, model, tmp_path / "a.h5", target="cosine", pairs=str(listed))
    assert read(path, "/pairs/a").tolist() == [2, 8] and read(path, "/pairs/b").tolist() == [7, 2]
    for line, words in (
        ("ant/02.png,bee/77.png", "line 2.*no bee/77.png"),
        ("ant/02.png,ant/02.png", "line 2.*paired with itself"),
    ):
        listed.write_text(f"a,b\n{line}\n")
        with pytest.raises(UsageError, match=words):
            make(folder, model, tmp_path / "a.h5", target="cosine", pairs=str(listed))


def test_a_network_without_classes(folder, tmp_path, model):
    """Its output is the embedding; pairs need no more."""
    bare = dataclasses.replace(model, head=None, has_classes=False)
    path = make(folder, bare, tmp_path / "a.h5", target="dot", pairs="same-class:2")
    assert (
        read(path, "/outputs/embedding").shape == (COUNT, 2)
        and read(path, "/outputs/logits") is None
    )
    with pytest.raises(UsageError, match="--pairs"):
        make(folder, bare, tmp_path / "b.h5")


def test_all_labels_of_an_image(model, folder, tmp_path):
    """A row for each label, by the sigmoid of its logit; images without labels have none."""
    manifest = folder / "list.csv"
    manifest.write_text(
        "path,label\nant/00.png,ant;bee\nant/01.png,bee\nant/02.png,\nbee/07.png,ant\n"
    )
    path = make(
        manifest, model, tmp_path / "a.h5", target="labels", score="sigmoid", max_skipped="0"
    )
    sample, target, score = read(path, "/maps/sample", "/maps/target", "/maps/score")
    assert sample.tolist() == [0, 0, 1, 3] and target.tolist() == [0, 1, 1, 0]
    _, logits = by_hand(model, folder)
    np.testing.assert_allclose(score, 1 / (1 + np.exp(-logits[[0, 0, 1, 7], target])), rtol=1e-4)


def test_a_store_s_images_are_found_again(model, folder, tmp_path):
    from gradtools.stages import extract

    features = tmp_path / "features.h5"
    extract.extract(
        images.list_images([str(folder)]),
        model,
        str(features),
        extract.Options(tap=("body",)),
        say=lambda line: None,
    )
    plain = make(folder, model, tmp_path / "plain.h5")
    with store.read(str(features)) as source:
        again = make(None, model, tmp_path / "found.h5", source=source)
        bees = make(
            None, model, tmp_path / "bees.h5", source=source, where=("class=bee",), carry=True
        )
    assert {
        name: digest
        for name, digest in digests(plain).items()
        if name.startswith(("/maps", "/samples", "/outputs"))
    } == {
        name: digest
        for name, digest in digests(again).items()
        if name.startswith(("/maps", "/samples", "/outputs"))
    }
    with store.read(str(bees)) as source:
        assert [name[:3] for name in source.ids] == ["bee"] * 5 and len(source.history_lines()) == 2
        np.testing.assert_allclose(
            source.values("/maps/gradcam@body/map"),
            read(plain, "/maps/gradcam@body/map")[6:],
            rtol=1e-5,
            atol=1e-7,
        )
        np.testing.assert_array_equal(
            source.values("/taps/body/gradient"), read(features, "/taps/body/gradient")[6:]
        )
    (folder / "bee" / "09.png").write_bytes((folder / "bee" / "08.png").read_bytes())
    with store.read(str(features)) as source, pytest.raises(GradtoolsError, match="09.png"):
        make(None, model, tmp_path / "changed.h5", source=source)


def test_rows_of_maps_follow_their_samples_into_another_store(model, folder, tmp_path):
    path = make(folder, model, tmp_path / "a.h5", target="cosine", pairs="all")
    keep = np.arange(COUNT) % 2 == 0
    with store.read(str(path)) as source, store.create(str(tmp_path / "b.h5"), "maps") as sink:
        sink.carry(source, keep, whole=True)
        sink.history([source], {})
        inside = [
            keep[a] and keep[b]
            for a, b in zip(source.values("/maps/sample"), source.values("/maps/partner"))
        ]
        kept, ids = (
            source.values("/maps/gradcam@body/map")[inside],
            np.array(source.ids)[source.values("/maps/sample")][inside],
        )
    with store.read(str(tmp_path / "b.h5")) as source:
        np.testing.assert_array_equal(source.values("/maps/gradcam@body/map"), kept)
        assert [source.ids[row] for row in source.values("/maps/sample")] == list(ids) and len(
            source.values("/pairs/a")
        ) == len(kept) // 2


def test_maps_of_half_precision_and_in_xarray(model, folder, tmp_path):
    xarray = pytest.importorskip("xarray")
    path = make(folder, model, tmp_path / "a.h5", map_dtype="float16")
    assert read(path, "/maps/gradcam@body/map").dtype == np.float16
    with xarray.open_dataset(path, engine="h5netcdf", group="/maps/gradcam@body") as opened:
        assert opened["map"].dims == ("map", "y", "x")


@pytest.mark.parametrize(
    "options, words",
    [
        ({"method": ("gradcamm",)}, "there are gradcam"),
        ({"target": "cosine"}, "need --pairs"),
        ({"pairs": "all"}, "cosine or dot"),
        ({"target": "top:3"}, "from 1 to 2"),
        ({"channels": ("top4",)}, "has 3 channels"),
        ({"channels": ("1", "2")}, "one list"),
        ({"target": "dot", "pairs": "same-class:x"}, "same-class:5"),
        ({"literal_exp": True}, "gradcam\\+\\+"),
        ({"target": "dot", "pairs": "all", "score": "prob"}, "--score prob"),
        ({"target": "dot", "pairs": "all", "embedding": "stem"}, "body comes after it"),
        ({"target": "dot", "pairs": "missing.csv"}, "missing.csv"),
    ],
)
def test_what_does_not_go_together(model, folder, tmp_path, options, words):
    with pytest.raises(UsageError, match=words):
        make(folder, model, tmp_path / "a.h5", **options)


@pytest.mark.parametrize(
    "name, side", [pytest.param("vit_b_16", 14, marks=pytest.mark.slow), ("swin_t", 2)]
)
def test_transformers(name, side, folder, tmp_path):
    """Through the same taps, the class token apart; a random head, since torchvision's is zero."""
    pytest.importorskip("torchvision")
    model = models.load(
        name,
        "random",
        preprocess=f"resize={64 if side == 2 else 224},mean=0.5/0.5/0.5,std=0.5/0.5/0.5",
    )
    head = model.module.get_submodule(model.head.name)
    with torch.no_grad():
        head.weight.normal_(generator=torch.Generator().manual_seed(0))
    path = make(
        folder / "ant" / "00.png",
        model,
        tmp_path / "a.h5",
        method=("gradcam", "gam"),
        layers=1,
        dtype="float32",
    )
    with store.read(str(path)) as source:
        for name in source.maps:
            stored = source.values(f"/maps/{name}/map")
            assert (
                stored.shape == (1, side, side) and np.isfinite(stored).all() and stored.std() > 0
            )
