"""Shards: each command's job divided, merged, and equal to one process; what is refused; torchrun and SLURM."""

import json
import pathlib
import shlex
import shutil
import subprocess
import sys

import h5py
import long_jobs
import numpy as np
import pytest
from long_jobs import COUNT, cases, digests
from shell import run

from gradtools import cli, store
from gradtools.errors import UsageError
from gradtools.store import joining, paths, shards

KINDS = (
    "extract",
    "augmented",
    "maps",
    "saliency",
    "pairs",
    "matrix",
    "matrix-maps",
    "faithfulness",
    "tune",
)
DIVIDED = ("extract", "saliency", "pairs", "faithfulness", "matrix")  # by torchrun in two


def call(*arguments):
    """Run a command in this process; its exit status."""
    return cli.main([str(argument) for argument in arguments])


def attributes(path):
    """Attributes of every group of a store, as text, without those that each store has for itself."""
    with store.read(str(path)) as source:
        names = ["/"]
        source.file.visititems(
            lambda name, item: None if hasattr(item, "shape") else names.append(name)
        )
        groups = {name: source.attributes(name) for name in names}
    return {
        (group, name): repr(value)
        for group, attributes in groups.items()
        for name, value in attributes.items()
        if name not in joining.DIFFER
    }


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    long_jobs.small_blocks(monkeypatch)


@pytest.mark.parametrize("kind", KINDS)
def test_merged_shards_equal_one_process(commands, kind, tmp_path):
    command = commands[kind]
    assert call(*command, "-o", tmp_path / "whole.h5") == 0
    of = 2 if kind == "pairs" else 3  # eight pairs are two blocks
    for number in range(of, 0, -1):
        assert call(*command, "-o", tmp_path / "a.h5", "--shard", f"{number}/{of}") == 0
    parts = sorted(tmp_path.glob(f"a.*-of-{of}.h5"))
    assert len(parts) == of
    assert call("merge", *reversed(parts), "-o", tmp_path / "a.h5", "-q") == 0
    assert digests(tmp_path / "a.h5") == digests(tmp_path / "whole.h5")
    for part in parts:
        digests(part)
    with store.read(str(tmp_path / "a.h5")) as merged, store.read(str(parts[0])) as first:
        facts = json.loads(merged.history_lines()[-1])
        assert facts["shards"] == of
        assert shards.ATTRIBUTE in first.attributes("/")
        assert shards.ATTRIBUTE not in merged.attributes("/")
        if kind in ("extract", "saliency"):
            assert (facts["read"], facts["skipped"]) == (COUNT - 1, 1)
            assert first.n_samples == 8
    assert attributes(tmp_path / "a.h5") == attributes(tmp_path / "whole.h5")


@pytest.mark.parametrize("both", [False, True])
def test_shards_of_masked_pairs_are_merged(commands, tmp_path, both):
    """The tables rest on both images of a pair, which lie in one block."""
    assert call(*commands["pairs"], "-o", tmp_path / "maps.h5") == 0
    words = [*commands["faithfulness"], *(["--both"] if both else [])]
    words[1] = tmp_path / "maps.h5"
    assert call(*words, "-o", tmp_path / "whole.h5") == 0
    for number in (1, 2):
        assert call(*words, "-o", tmp_path / "a.h5", "--shard", f"{number}/2") == 0
    assert call("merge", *tmp_path.glob("a.*-of-2.h5"), "-o", tmp_path / "a.h5", "-q") == 0
    assert digests(tmp_path / "a.h5") == digests(tmp_path / "whole.h5")


def test_shards_of_versions_keep_boxes_and_masks_with_their_images(commands, tmp_path):
    """A share has images, their versions and their boxes; numbers of rows are those of the whole when merged."""
    words = [*commands["augmented"], "--augment-kind", "flip", "--augment-kind", "colour"]
    words[1] = pathlib.Path(words[1]).with_name("boxes.csv")
    assert call(*words, "-o", tmp_path / "whole.h5") == 0
    for number in (1, 2, 3):
        assert call(*words, "-o", tmp_path / "a.h5", "--shard", f"{number}/3") == 0
    parts = sorted(tmp_path.glob("a.*-of-3.h5"))
    for part in parts:
        with store.read(str(part)) as source:
            original, ids = source.values(paths.ORIGINAL), source.ids
            assert [ids[row] for row in original[original >= 0]] == [
                ids[row] for row in np.flatnonzero(original >= 0)
            ]
            assert (original < 0).sum() * 2 == (original >= 0).sum() > 0
    assert call("merge", *parts, "-o", tmp_path / "a.h5", "-q") == 0
    assert digests(tmp_path / "a.h5") == digests(tmp_path / "whole.h5")
    assert call(*words[:-4], "-o", tmp_path / "alone.h5", "--augment", "0") == 0
    with (
        store.read(str(tmp_path / "a.h5")) as merged,
        store.read(str(tmp_path / "alone.h5")) as alone,
    ):
        assert merged.ids[: alone.n_samples] == alone.ids
        for path in (
            paths.LOGITS,
            paths.DIGEST,
        ):  # images are in the batches that they are in alone
            np.testing.assert_array_equal(
                merged.values(path)[: alone.n_samples], alone.values(path)
            )


def test_a_share_of_a_tuning_is_not_read_as_one(commands, tmp_path, capsys):
    assert call(*commands["tune"], "-o", tmp_path / "a.h5", "--shard", "1/2") == 0
    assert call("tune", tmp_path / "a.1-of-2.h5", "--population") == 1
    assert "gradtools merge joins" in capsys.readouterr().err


def test_a_stopped_shard_resumes(commands, tmp_path, monkeypatch, capsys):
    command = [*commands["extract"], "-o", tmp_path / "a.h5"]
    from gradtools.network.passes import loop

    compute, computed = loop._halved_on_need, []

    def once(*arguments):
        if len(computed) == 3:
            raise KeyboardInterrupt
        computed.append(1)
        return compute(*arguments)

    monkeypatch.setattr(loop, "_halved_on_need", once)
    assert call(*command, "--shard", "2/2") == 130
    monkeypatch.setattr(loop, "_halved_on_need", compute)
    command.remove("-q")
    assert call(*command, "--shard", "2/2") == 0
    assert "resuming" in capsys.readouterr().err
    assert call(*command, "--shard", "1/2") == 0
    assert call("merge", *tmp_path.glob("a.*-of-2.h5"), "-o", tmp_path / "a.h5") == 0
    assert call(*command[:-1], tmp_path / "whole.h5") == 0
    assert digests(tmp_path / "a.h5") == digests(tmp_path / "whole.h5")


def test_what_is_no_whole_job_is_refused(commands, tmp_path, capsys):
    extract, saliency = commands["extract"], commands["saliency"]
    for number in (1, 2):
        assert call(*extract, "-o", tmp_path / "a.h5", "--shard", f"{number}/2") == 0
    other = [*extract, "--target", "1", "-o", tmp_path / "b.h5", "--shard", "2/2"]
    assert call(*other) == 0
    assert call(*saliency, "-o", tmp_path / "whole.h5") == 0
    first, second = (tmp_path / f"a.{number}-of-2.h5" for number in (1, 2))
    for given, reason in (
        ([first], "share 2 of 2 is missing"),
        ([first, first, second], "share 1 of 2 is there twice"),
        ([first, tmp_path / "b.2-of-2.h5"], "target"),
        ([first, tmp_path / "whole.h5"], "is not a shard"),
    ):
        capsys.readouterr()
        assert call("merge", *given, "-o", tmp_path / "merged.h5") == 1
        assert reason in capsys.readouterr().err
    assert not (tmp_path / "merged.h5").exists()
    assert call(*extract, "--shard", "1/9", "-o", tmp_path / "c.h5") == 1
    assert "too few blocks" in capsys.readouterr().err
    assert call("merge", first, second, "-o", tmp_path / "d.h5", "--max-skipped", "0") == 1


@pytest.mark.parametrize(
    "change",
    ["value", "label", "attribute", "description", "missing", "infinite", "no digests"],
)
@pytest.mark.parametrize("number", [1, 2])
def test_a_shard_that_was_changed_is_refused(halves, tmp_path, capsys, change, number):
    """The merged store is sealed anew, so that nothing would tell of it."""
    parts = [tmp_path / half.name for half in halves]
    for half, part in zip(halves, parts):
        shutil.copy(half, part)
    with h5py.File(parts[number - 1], "r+") as file:
        if change == "value":
            file["/outputs/logits"][3, 1] += 1
        elif change == "label":
            file["/samples/label"][2] = 1 - file["/samples/label"][2]
        elif change == "attribute":
            file["/model"].attrs["temperature"] = 2.0
        elif change == "description":
            file.attrs[shards.ATTRIBUTE] = "{"
        elif change == "missing":
            del file["/samples/width"]
        elif change == "infinite":
            file["/taps/body/gradient"][0, 0] = np.inf
        else:
            del file["/digests"]
    capsys.readouterr()
    assert call("merge", *parts, "-o", tmp_path / "a.h5", "-q") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert parts[number - 1].name in line and "make" in line and "unexpected" not in line
    assert sorted(tmp_path.iterdir()) == sorted(parts)


@pytest.mark.parametrize("path", ["/outputs/logits", "/model/weight"])
def test_a_shard_whose_values_are_damaged_is_named(halves, tmp_path, capsys, path):
    """Of its own rows, and of what every shard has alike."""
    parts = [tmp_path / half.name for half in halves]
    for half, part in zip(halves, parts):
        shutil.copy(half, part)
    with h5py.File(parts[1]) as file:
        offset = file[path].id.get_chunk_info(0).byte_offset
    content = bytearray(parts[1].read_bytes())
    content[offset + 1] ^= 4
    parts[1].write_bytes(content)
    capsys.readouterr()
    assert call("merge", *parts, "-o", tmp_path / "a.h5", "-q") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{parts[1]}: {path} is damaged" in line
    assert sorted(tmp_path.iterdir()) == sorted(parts)


@pytest.fixture(scope="module")
def halves(commands, tmp_path_factory):
    """Both shards of an extraction."""
    folder = tmp_path_factory.mktemp("halves")
    with pytest.MonkeyPatch.context() as patch:
        long_jobs.small_blocks(patch)
        for number in (1, 2):
            words = [*commands["extract"], "-o", folder / "a.h5", "--shard", f"{number}/2"]
            assert call(*words) == 0
    return [folder / f"a.{number}-of-2.h5" for number in (1, 2)]


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "a/b", "3"])
def test_shares_are_written_as_fractions(text):
    with pytest.raises(UsageError, match="--shard"):
        shards.parse(text)


def test_shares_of_torchrun_and_of_slurm_arrays():
    assert shards.parse("auto", {"RANK": "1", "WORLD_SIZE": "4"}) == shards.Share(2, 4)
    bounds = {"SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_MAX": "16"}
    slurm = {"SLURM_ARRAY_TASK_ID": "14", **bounds, "SLURM_ARRAY_TASK_STEP": "2"}
    assert shards.parse("auto", slurm) == shards.Share(3, 4)
    with pytest.raises(UsageError, match="neither torchrun"):
        shards.parse("auto", {})


def test_shares_are_contiguous_and_whole():
    blocks = store.cut(4, 41)
    for of in range(1, 12):
        shares = [shards.Share(number, of).blocks(blocks) for number in range(1, of + 1)]
        assert sum(shares, []) == blocks
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_slurm_array_of_three_tasks(commands, tmp_path):
    """The variables of a task are set by hand, as `sbatch --array=4-8:2` sets them."""
    words = [*commands["extract"], "-o", tmp_path / "whole.h5"]
    assert call(*words) == 0
    bounds = {
        "SLURM_ARRAY_TASK_MIN": "4",
        "SLURM_ARRAY_TASK_MAX": "8",
        "SLURM_ARRAY_TASK_STEP": "2",
    }
    words[-1] = tmp_path / "a.h5"
    for task in (8, 4, 6):
        variables = {**bounds, "SLURM_ARRAY_TASK_ID": str(task)}
        assert run(*words, "--shard", "auto", env=variables).returncode == 0
    assert call("merge", *tmp_path.glob("a.*-of-3.h5"), "-o", tmp_path / "a.h5", "-q") == 0
    assert digests(tmp_path / "a.h5") == digests(tmp_path / "whole.h5")


def program(*words):
    """Run a command in a process of its own, whose blocks have the size that users get."""
    ended = subprocess.run([sys.executable, "-m", "gradtools", *words], capture_output=True)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Commands of several blocks of their own size, and paths of what one process writes, made when they are asked for."""
    folder = tmp_path_factory.mktemp("long")
    before, made = cases(folder, 520)
    for command in before[:2]:
        program(*map(str, command))
    made["pairs"][made["pairs"].index("same-class:4")] = "same-class:300"
    words = {kind: [*map(str, made[kind])] for kind in DIVIDED}
    written = {}

    def whole(kind):
        if kind not in written:
            written[kind] = folder / f"{kind}.h5"
            program(*words[kind], "-o", str(written[kind]))
        return digests(written[kind])

    return words, whole


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("parallel") is None, reason="GNU parallel is not here")
def test_gnu_parallel_of_three_shares(long, tmp_path):
    words, whole = long
    command = [sys.executable, "-m", "gradtools", *words["extract"], "-o", str(tmp_path / "a.h5")]
    line = shlex.join(command)
    done = subprocess.run(
        ["parallel", "--will-cite", "-j2", f"{line} --shard {{}}/3", ":::", "1", "2", "3"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert call("merge", *tmp_path.glob("a.*-of-3.h5"), "-o", tmp_path / "a.h5", "-q") == 0
    assert digests(tmp_path / "a.h5") == whole("extract")


@pytest.mark.slow
@pytest.mark.parametrize("kind", DIVIDED)
def test_torchrun_of_two_processes(long, kind, tmp_path):
    words, whole = long
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    torchrun += ["--standalone", "-m", "gradtools", *words[kind], "--shard", "auto"]
    done = subprocess.run([*torchrun, "-o", str(tmp_path / "a.h5")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert call("merge", *tmp_path.glob("a.*-of-2.h5"), "-o", tmp_path / "a.h5", "-q") == 0
    assert digests(tmp_path / "a.h5") == whole(kind)
