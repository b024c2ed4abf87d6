"""The pass over the images against a plain loop in float64, its targets and scores, and its ends: kills, bad images, refusals."""

import copy
import os
import shutil
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
import shell
import torch
from conftest import ROOT
from PIL import Image

from gradtools import images, store
from gradtools.bundled import scenes
from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import models, passes
from gradtools.stages import extract, run

SPEC, WEIGHTS = (
    "gradtools.bundled.scene_resnet:resnet8",
    str(ROOT / "gradtools" / "bundled" / "scene_resnet8.pth"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Forty scenes in ten class folders."""
    path = tmp_path_factory.mktemp("images") / "scenes"
    scenes.write_scenes(path, "heldout", 4, seed=5)
    return path


@pytest.fixture(scope="module")
def model():
    return models.load(SPEC, WEIGHTS)


def write(folder, model, path, **options):
    """Extract quietly, in float64, where no ReLU's input hangs on how a batch rounds; returns the path."""
    pass_options = {
        key: options.pop(key) for key in ("max_skipped", "force", "restart") if key in options
    }
    listed = images.list_images([str(folder)])
    extract.extract(
        listed,
        model,
        str(path),
        extract.Options(**{"dtype": "float64", **options}),
        say=lambda line: None,
        **pass_options,
    )
    return path


def values(path, *names):
    with store.read(str(path)) as source:
        return [source.ids if name == "/samples/id" else source.values(name) for name in names]


def plain(model, folder, score):
    """(activation, gradient) maps of layer2 of every image in float64, one image at a time, by hand."""
    net = copy.deepcopy(model.module).double()
    listed = images.list_images([str(folder)])
    scale, shift = images.normalisation(model.preprocess)
    expected = []
    for index in range(len(listed.ids)):
        pixels = np.asarray(images.read(listed.path(index))[0], dtype="f8").transpose(2, 0, 1)
        x = torch.from_numpy(pixels * scale[:, None, None] + shift[:, None, None])[None]
        with torch.enable_grad():
            middle = (
                net.layer2(net.layer1(net.relu(net.bn1(net.conv1(x))))).detach().requires_grad_()
            )
            logits = net.linear(net.layer3(middle).mean((2, 3)))
            (slope,) = torch.autograd.grad(score(logits[0], int(listed.labels[index])), middle)
        expected.append(
            (
                middle.detach()[0].double().numpy(),
                slope[0].double().numpy(),
                logits[0].detach().numpy(),
            )
        )
    return [np.stack(part) for part in zip(*expected)]


def test_every_column_equals_the_definition(folder, model, tmp_path):
    path = write(
        folder,
        model,
        tmp_path / "a.h5",
        tap=("layer2",),
        batch_size=7,
        maps=("gradient", "activation"),
    )
    activation, gradient, logits = plain(model, folder, lambda row, label: row.max())
    expected = {
        "activation": activation.mean((2, 3)),
        "gradient": gradient.mean((2, 3)),
        "active_share": (activation > 0).mean((2, 3)),
        "contribution": (activation * gradient).sum((2, 3)),
        "activation_map": activation,
        "gradient_map": gradient,
    }
    for name, wanted in expected.items():
        (stored,) = values(path, f"/taps/layer2/{name}")
        np.testing.assert_allclose(
            stored, wanted, rtol=1e-4, atol=2e-5 * np.abs(wanted).max(), err_msg=name
        )
    stored, predicted = values(path, "/outputs/logits", "/outputs/predicted")
    np.testing.assert_allclose(stored, logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(predicted, logits.argmax(1))


@pytest.mark.parametrize(
    "options, score",
    [
        ({"target": "label"}, lambda row, label: row[NAMES[label]]),
        ({"target": "seven"}, lambda row, label: row[7]),
        ({"target": "7"}, lambda row, label: row[7]),
        ({"target": "diff:seven,one"}, lambda row, label: row[7] - row[1]),
        ({"score": "prob"}, lambda row, label: row.softmax(0).max()),
        (
            {"score": "logprob", "target": "label"},
            lambda row, label: row.log_softmax(0)[NAMES[label]],
        ),
        ({"score": "sigmoid"}, lambda row, label: row.max().sigmoid()),
        ({"score": "prob", "temperature": 3.0}, lambda row, label: (row / 3).softmax(0).max()),
    ],
)
def test_targets_and_scores(folder, model, tmp_path, options, score):
    path = write(folder, model, tmp_path / "a.h5", tap=("layer2",), **options)
    _, gradient, _ = plain(model, folder, score)
    wanted = gradient.mean((2, 3))
    np.testing.assert_allclose(
        values(path, "/taps/layer2/gradient")[0],
        wanted,
        rtol=2e-3,
        atol=2e-4 * np.abs(wanted).max(),
    )


NAMES = [
    scenes.CLASSES.index(name) for name in sorted(scenes.CLASSES)
]  # data classes are sorted folders


def test_cosine_score_is_that_of_the_embedding_with_the_class_row(folder, model, tmp_path):
    path = write(folder, model, tmp_path / "a.h5", tap=("layer2",), score="cosine")
    net = copy.deepcopy(model.module).double()
    listed = images.list_images([str(folder)])
    scale, shift = images.normalisation(model.preprocess)
    pixels = np.asarray(images.read(listed.path(0))[0], dtype="f8").transpose(2, 0, 1)
    x = torch.from_numpy(pixels * scale[:, None, None] + shift[:, None, None])[None]
    with torch.enable_grad():
        middle = net.layer2(net.layer1(net.relu(net.bn1(net.conv1(x))))).detach().requires_grad_()
        embedding = net.layer3(middle).mean((2, 3))[0]
        row = net.linear.weight[net.linear(embedding).argmax()]
        (slope,) = torch.autograd.grad(
            torch.nn.functional.cosine_similarity(embedding, row, dim=0), middle
        )
    np.testing.assert_allclose(
        values(path, "/taps/layer2/gradient")[0][0], slope[0].mean((1, 2)), rtol=2e-3, atol=1e-7
    )


def test_label_of_several_model_classes_is_their_log_sum_exp(folder, model, tmp_path):
    label_map = tmp_path / "map.csv"
    label_map.write_text("".join(f"{name},{name}\n" for name in scenes.CLASSES) + "one,seven\n")
    path = write(
        folder, model, tmp_path / "a.h5", tap=("layer2",), target="label", label_map=str(label_map)
    )
    both = torch.tensor([1, 7])
    _, gradient, logits = plain(
        model,
        folder,
        lambda row, label: row[both].logsumexp(0) if NAMES[label] == 1 else row[NAMES[label]],
    )
    np.testing.assert_allclose(
        values(path, "/taps/layer2/gradient")[0], gradient.mean((2, 3)), rtol=2e-3, atol=1e-6
    )
    with store.read(str(path)) as source:
        from gradtools.selection import samples

        argmax, names = logits.argmax(1), [source.class_names[label] for label in source.labels]
        wanted = [
            a in ((1, 7) if name == "one" else (scenes.CLASSES.index(name),))
            for a, name in zip(argmax, names)
        ]
        np.testing.assert_array_equal(samples.correct(source), wanted)


def test_values_do_not_depend_on_batches_workers_or_folding(folder, model, tmp_path):
    tap = ("layer1", "layer2", "layer3.0.conv2", "layer3")
    reference = write(folder, model, tmp_path / "a.h5", tap=tap, batch_size=1, fold=False)
    for name, options in (("b.h5", {"batch_size": 40}), ("c.h5", {"batch_size": 3})):
        other = write(folder, model, tmp_path / name, tap=tap, **options)
        for at in tap:
            a, b = (values(path, f"/taps/{at}/gradient")[0] for path in (reference, other))
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5 * np.abs(a).max())


def test_same_command_gives_the_same_bits(folder, model, tmp_path):
    paths = [write(folder, model, tmp_path / name) for name in ("a.h5", "b.h5")]
    contents = []
    for path in paths:
        with store.read(str(path)) as source:
            contents.append(store.digests(source.file))
    assert contents[0] == contents[1]


def test_defaults_and_verdicts_are_in_the_store(folder, model, tmp_path):
    with store.read(str(write(folder, model, tmp_path / "a.h5"))) as source:
        assert source.taps == ["layer1", "layer2", "layer3.0.conv2", "layer3"]
        assert source.attributes("/taps")["default_gradient"] == "layer3.0.conv2"
        assert source.attributes("/taps/layer3")["input_independent"] == 1
        assert source.attributes("/taps/layer3.0.conv2")["input_independent"] == 0
        gradient = source.values("/taps/layer3/gradient")
        np.testing.assert_allclose(
            gradient, source.class_rows[source.predicted] / 64, rtol=1e-5, atol=1e-8
        )


def test_network_without_classes_stores_its_output(folder, tmp_path):
    bare = models.load(SPEC, WEIGHTS, no_head=True)
    path = write(folder, bare, tmp_path / "a.h5", tap=("layer3",))
    with store.read(str(path)) as source:
        assert source.predicted is None and source.rows("/outputs/embedding").shape == (40, 10)
        assert (
            source.rows("/taps/layer3/gradient") is None
            and source.rows("/taps/layer3/activation") is not None
        )


NETWORKS = """
import torch
from torch import nn

PREPROCESS = "none"

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.act, self.fc = nn.Conv2d(3, 8, 3, 4), nn.ReLU(), nn.Linear(8, 10)

    def forward(self, x):
        return self.fc(self.act(self.body(x)).mean((2, 3)))

class OneRow(Net):
    def forward(self, x):
        return super().forward(x).mean(0, keepdim=True)

def one_row():
    torch.manual_seed(0)
    return OneRow().eval()

class Marked(Net):
    # goes wrong where the first pixel is (1, 2, 3) of 255

    def __init__(self, slope_alone):
        super().__init__()
        self.slope_alone, self.middle = slope_alone, nn.Identity()

    def forward(self, x):
        marked = ((x[:, :, 0, 0] * 255).round() == torch.tensor([1, 2, 3])).all(1).float()[:, None, None, None]
        y = self.middle(self.act(self.body(x)) / (1 - marked * (not self.slope_alone)))
        if self.slope_alone:  # sqrt(0) is finite and its slope is not
            y = y + ((1 - marked) + marked * (y - y.detach())).sqrt() - (1 - marked)
        return self.fc(y.mean((2, 3)))

def infinite():
    torch.manual_seed(0)
    return Marked(False).eval()

def no_slope():
    torch.manual_seed(0)
    return Marked(True).eval()
"""


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A file of small networks, each wrong in its own way."""
    path = tmp_path_factory.mktemp("networks") / "small_networks.py"
    path.write_text(NETWORKS)
    return path


def test_one_row_for_a_whole_batch_is_refused(networks):
    with pytest.raises(GradtoolsError, match="one row an image"):
        models.load(f"{networks}:one_row")


def test_a_value_of_too_few_rows_is_refused_before_it_is_kept(folder, model, tmp_path):
    listed, kept = images.list_images([str(folder)]), []
    job = extract.prepare(
        listed, model, extract.Options(tap=("layer2",), batch_size=8), lambda line: None
    )

    def run(pixels, labels, _):
        return extract.run_batch(job, pixels, labels) | {
            "/taps/layer2/gradient": np.zeros((1, 32), "f4")
        }

    class Part:
        columns, batch_limit = passes.schema.tap_columns(job.taps[0], job), None
        left = blocks = store.cut(8, 40)
        growth = types.SimpleNamespace(own=blocks)
        commit = kept.append

        def turns(self, blocks):
            return [blocks]

    with pytest.raises(GradtoolsError, match="layer2/gradient has 1 rows for a batch of 8"):
        passes.compute(Part(), job, run, Part.blocks)
    assert not kept


def marked_copy(folder, target):
    """The images, one of which begins with the pixel on which `Marked` goes wrong; returns its id."""
    shutil.copytree(folder, target)
    path = sorted(target.glob("*/*.png"))[17]
    with Image.open(path) as image:
        image = image.convert("RGB")
    image.putpixel((0, 0), (1, 2, 3))
    image.save(path)
    return str(path.relative_to(target))


@pytest.mark.parametrize(
    "name, words",
    [
        ("infinite", "/outputs/logits .*is the output of middle"),
        ("no_slope", "/taps/body/gradient is NaN or infinite: "),
    ],
)
def test_values_that_are_not_finite_stop_the_job_and_name_image_and_module(
    folder, networks, tmp_path, name, words
):
    marked = marked_copy(folder, tmp_path / "images")
    model = models.load(f"{networks}:{name}")
    with pytest.raises(GradtoolsError, match=f"^{marked}: {words}"):
        write(tmp_path / "images", model, tmp_path / "a.h5", tap=("body",), batch_size=8)
    assert not (tmp_path / "a.h5").exists()
    write(folder, model, tmp_path / "b.h5", tap=("body",), batch_size=8)


def copy_with_broken(folder, target, broken):
    shutil.copytree(folder, target)
    for number, path in enumerate(sorted(target.rglob("*.png"))):
        if number in broken:
            path.write_bytes(b"not an image")
    return target


def test_unreadable_images_are_left_out_counted_and_judged(folder, model, tmp_path):
    broken = copy_with_broken(folder, tmp_path / "broken", {0, 17, 39})
    path = tmp_path / "a.h5"
    with pytest.raises(extract.TooManySkipped, match="3 of 40") as caught:
        write(broken, model, path, tap=("layer2",), batch_size=8)
    assert caught.value.exit_status == 3 and not path.exists() and os.path.exists(f"{path}.part")
    write(broken, model, path, tap=("layer2",), batch_size=8, max_skipped="3")
    whole = write(folder, model, tmp_path / "whole.h5", tap=("layer2",), batch_size=8)
    kept = np.setdiff1d(np.arange(40), (0, 17, 39))
    for name in (
        "/samples/id",
        "/samples/label",
        "/samples/digest",
        "/taps/layer2/gradient",
        "/outputs/logits",
    ):
        stored, wanted = values(path, name)[0], values(whole, name)[0]
        np.testing.assert_allclose(stored, wanted[kept], atol=1e-5) if not isinstance(
            stored, list
        ) else None
        if isinstance(stored, list):
            assert stored == [wanted[i] for i in kept]


def test_nothing_readable_fails(folder, model, tmp_path):
    broken = copy_with_broken(folder, tmp_path / "broken", range(40))
    with pytest.raises(GradtoolsError, match="none of the 40 images"):
        write(broken, model, tmp_path / "a.h5", max_skipped="100%")


@pytest.mark.parametrize(
    "text, total, allowed",
    [("1%", 10, 1), ("1%", 1000, 10), ("0", 50, 0), ("7", 50, 7), ("50%", 9, 4)],
)
def test_allowance(text, total, allowed):
    assert run.allowance(text, total) == allowed


def test_allowance_in_other_words_is_refused():
    with pytest.raises(UsageError, match="number or a percentage"):
        run.allowance("some", 10)


def test_labels_that_meet_no_class_stop_a_label_target(folder, model, tmp_path):
    renamed = tmp_path / "renamed"
    shutil.copytree(folder, renamed)
    (renamed / "one").rename(renamed / "uno")
    with pytest.raises(UsageError, match="--label-map"):
        write(renamed, model, tmp_path / "a.h5", target="label")
    with store.read(str(write(renamed, model, tmp_path / "a.h5", tap=("layer2",)))) as source:
        assert source.member.sum() == 9


def command(folder, path, *options):
    """The words of a command that reads a folder."""
    network = ["--model", SPEC, "--weights", WEIGHTS, "--batch-size", "4", "--tap", "auto:blocks"]
    return ["extract", str(folder), *network, "-o", str(path), *options]


SLOWED = """
import sys, time
from gradtools import store
commit = store.Part.commit
def slow(part, *values):
    commit(part, *values)
    print(part.committed, flush=True)
    time.sleep(.2)
store.Part.commit = slow
from gradtools.network.passes import loop
loop.BLOCK = 4
from gradtools.cli import main
sys.exit(main(sys.argv[1:]))
"""


def slowed(folder, path, *options):
    """The command in a process that commits every batch, says so, and takes its time."""
    arguments = [sys.executable, "-c", SLOWED, *command(folder, path, *options)]
    return subprocess.Popen(
        arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_blocks(job, blocks):
    """Until so many blocks are committed."""
    for _ in range(blocks):
        job.stdout.readline()


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, status", [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_killed_and_given_again_equals_undisturbed(folder, tmp_path, number, status):
    path, whole = tmp_path / "a.h5", tmp_path / "whole.h5"
    for blocks in (3, 2):
        job = slowed(folder, path)
        wait_for_blocks(job, blocks)
        job.send_signal(number)
        _, said = job.communicate()
        assert job.returncode == status, said
        assert not path.exists() and os.path.exists(f"{path}.part")
    last = slowed(folder, path)
    assert "resuming" in last.communicate()[1] and last.returncode == 0
    undisturbed = slowed(folder, whole)
    assert undisturbed.communicate() and undisturbed.returncode == 0
    with store.read(str(path)) as a, store.read(str(whole)) as b:
        assert store.digests(a.file) == store.digests(b.file)


@pytest.fixture
def signalled(monkeypatch):
    """Blocks of four images, and a signal to this process after every third that is kept while `signalled` holds one."""
    commit, kept, signals = store.Part.commit, [], []

    def commit_and_stop(part, *values):
        commit(part, *values)
        kept.append(part.committed)
        if signals and len(kept) % 3 == 0:
            os.kill(os.getpid(), signals[0])

    monkeypatch.setattr(passes.loop, "BLOCK", 4)
    monkeypatch.setattr(store.Part, "commit", commit_and_stop)
    return signals


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_interrupted_and_given_again_equals_undisturbed(
    folder, tmp_path, signalled, number, status
):
    path, whole = tmp_path / "a.h5", tmp_path / "whole.h5"
    signalled.append(number)
    for kept in (12, 24):
        ended = shell.run(*command(folder, path))
        assert ended.returncode == status, ended.stderr
        assert f"interrupted: {kept} of 40 images are kept in {path}.part" in ended.stderr
        assert not path.exists() and os.path.exists(f"{path}.part")
    signalled.clear()
    last = shell.run(*command(folder, path))
    assert last.returncode == 0 and f"resuming {path}.part: 24 of 40 done" in last.stderr
    assert shell.run(*command(folder, whole)).returncode == 0
    with store.read(str(path)) as a, store.read(str(whole)) as b:
        assert store.digests(a.file) == store.digests(b.file)


def test_another_command_does_not_go_on(folder, tmp_path, signalled):
    path = tmp_path / "a.h5"
    signalled.append(signal.SIGTERM)
    assert shell.run(*command(folder, path)).returncode == 143
    signalled.clear()
    other = shell.run(*command(folder, path, "--target", "label"))
    assert other.returncode == 1 and "target was 'argmax', is 'label'" in other.stderr
    again = shell.run(*command(folder, path, "--target", "label", "--restart"))
    assert again.returncode == 0, again.stderr


def test_an_image_that_changed_between_runs_is_named(folder, tmp_path, signalled):
    changing = shutil.copytree(folder, tmp_path / "images")
    path = tmp_path / "a.h5"
    signalled.append(signal.SIGTERM)
    assert shell.run(*command(changing, path)).returncode == 143
    signalled.clear()
    one, other = sorted(changing.rglob("*.png"))[7:9]
    os.utime(one, ns=(0, 0))
    shutil.copy(other, one)
    again = shell.run(*command(changing, path))
    name = one.relative_to(changing)
    assert again.returncode == 1
    assert f"belongs to another command: {name} changed since;" in again.stderr


def one_line(result):
    lines = [line for line in result.stderr.splitlines() if line.startswith("gradtools extract: ")]
    assert len(lines) == 1 and "Traceback" not in result.stderr, result.stderr
    return lines[0]


@pytest.mark.parametrize(
    "options, status, words",
    [
        (["--tap", "layer9"], 2, "layer"),
        (["--target", "eleven"], 2, "eleven"),
        (["--weights", "nowhere.pth"], 2, "nowhere.pth"),
        (["--weights", str(ROOT / "gradtools" / "bundled" / "scene_resnet14.pth")], 1, "layer1.1"),
        (["--model", "nowhere.py:make"], 2, "nowhere.py"),
        (["--model", "gradtools.bundled.scene_resnet:resnet9"], 2, "resnet8"),
        (["--device", "cuda:99"], 2, "cuda"),
        (["--max-skipped", "x"], 2, "percentage"),
    ],
)
def test_wrong_options_end_with_one_line(folder, tmp_path, options, status, words):
    result = shell.run(*command(folder, tmp_path / "a.h5", *options))
    assert result.returncode == status and words in one_line(result), result.stderr
    assert not os.listdir(tmp_path)


def test_folder_without_images(tmp_path):
    (tmp_path / "empty").mkdir()
    result = shell.run(*command(tmp_path / "empty", tmp_path / "a.h5"))
    assert result.returncode == 1 and "no image" in one_line(result)


def test_list_of_images_on_stdin(folder, tmp_path):
    paths = b"\0".join(os.fsencode(path) for path in sorted(folder.rglob("*.png"))[:5]) + b"\0"
    (tmp_path / "list").write_bytes(paths)
    words = ["extract", "--files-from", "-", "-0", "--model", SPEC, "--weights", WEIGHTS]
    result = shell.run(*words, "-o", tmp_path / "a.h5", stdin=tmp_path / "list")
    assert result.returncode == 0, result.stderr
    with store.read(str(tmp_path / "a.h5")) as source:
        assert source.n_samples == 5


def test_odd_names_survive(folder, tmp_path):
    odd = tmp_path / "odd" / "one"
    odd.mkdir(parents=True)
    picture = sorted(folder.rglob("*.png"))[0]
    names = [b"a b.png", b"quote'\".png", b"line\nbreak.png", b"caf\xe9.png", "ü%s.png".encode()]
    for name in names:
        shutil.copy(picture, os.path.join(os.fsencode(odd), name))
    result = shell.run(*command(tmp_path / "odd", tmp_path / "a.h5"))
    assert result.returncode == 0, result.stderr
    with store.read(str(tmp_path / "a.h5")) as source:
        assert sorted(os.fsencode(name.removeprefix("one/")) for name in source.ids) == sorted(
            names
        )


def test_images_of_several_sizes_need_a_crop(folder, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(folder, mixed)
    Image.new("RGB", (80, 50)).save(mixed / "one" / "zz.png")
    result = shell.run(*command(mixed, tmp_path / "a.h5"))
    assert result.returncode == 1 and "zz.png" in one_line(result)
