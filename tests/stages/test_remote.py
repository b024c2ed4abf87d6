"""Blocks computed by other processes: asked for out of order, by two workers of Dask, with one killed, and what a cluster may lack."""

import contextlib
import io
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from long_jobs import cases, digests, small_blocks
from shell import call

from gradtools import cli, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.stages import remote
from gradtools.stages.remote import client, serving, worker
from gradtools.store import paths


def asked(words, messages, folder, monkeypatch):
    """What the process that serves a command answers to messages (dicts), one after the other."""
    requests, taken = folder / "requests", io.BytesIO()
    requests.write_bytes(b"".join(pickle.dumps(message) for message in messages))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with open(requests, "rb", buffering=0) as given, pytest.raises(SystemExit):
        served = remote.Served(given, taken, 1)
        further = ["--scheduler", "local:1", "-o", str(folder / "nowhere.h5")]
        cli.gradtools.main([*words, *further], standalone_mode=False, obj=served)
    taken.seek(0)
    answers = []
    with contextlib.suppress(EOFError):
        while True:
            answers.append(serving.receive(taken))
    assert not list(folder.glob("nowhere.h5*"))
    return answers


@pytest.mark.parametrize("kind", ["extract", "saliency", "matrix", "faithfulness"])
def test_blocks_asked_for_in_any_order_are_those_of_one_process(
    commands, kind, tmp_path, monkeypatch
):
    small_blocks(monkeypatch)
    words = commands[kind]
    assert cli.main([*words, "-o", str(tmp_path / "whole.h5")]) == 0
    first, *answers = asked(words, [{"block": number} for number in (3, 0)], tmp_path, monkeypatch)
    assert first["command"]["version"] and len(answers) == 2
    with store.read(str(tmp_path / "whole.h5")) as whole:
        for number, answer in zip((3, 0), answers):
            shared = set(answer["arrays"]) - {store.UNREADABLE}
            assert shared
            for path in shared:
                rows = whole.values(path)[4 * number : 4 * number + 4]
                np.testing.assert_array_equal(answer["arrays"][path], rows)


def test_pairs_are_computed_from_the_digests_that_are_sent(commands, tmp_path, monkeypatch):
    small_blocks(monkeypatch)
    words = commands["pairs"]
    assert cli.main([*words, "-o", str(tmp_path / "whole.h5")]) == 0
    with store.read(str(tmp_path / "whole.h5")) as whole:
        known = {
            paths.DIGEST: np.concatenate([whole.needed(paths.DIGEST), np.zeros((1, 32), "u1")])
        }
        name = paths.maps("gradcam@body")
        maps = whole.needed(name)
    messages = [{"block": 1}, {"block": 6, "known": known}, {"block": 7}]
    _, images, *pairs = asked(words, messages, tmp_path, monkeypatch)
    assert paths.LOGITS in images["arrays"] and name not in images["arrays"]
    np.testing.assert_array_equal(np.concatenate([one["arrays"][name] for one in pairs]), maps)
    known[paths.DIGEST][:] = 0  # every image changed since
    with pytest.raises(GradtoolsError, match="is not the image that the store was made from"):
        asked(words, [{"block": 6, "known": known}], tmp_path, monkeypatch)


def test_what_is_no_cluster_is_refused_before_anything_runs(commands, capsys, monkeypatch):
    for text in ("local:0", "local", "host:8786", "tcp://host"):
        with pytest.raises(UsageError, match="--scheduler"):
            remote.parse(text, [])
    features = commands["matrix"][1]
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    for words, reason in (
        (["extract", "--files-from", "-", "--model", "x"], "piped"),
        (["similarity", "--matrix", "-o", "x.h5"], "piped"),
        (["similarity", features, "-o", "x.h5"], "--matrix"),
        ([*commands["extract"], "--shard", "1/2", "-o", "x.h5"], "leave --shard out"),
        ([*commands["faithfulness"], "--audit", "-o", "x.h5"], "--audit"),
    ):
        ended = call(capsys, *words, "--scheduler", "local:2")
        assert ended.status == 2 and reason in ended.line, ended


def test_the_first_difference_of_two_commands_is_named():
    here = serving.comparable({"model": "a", "weights": "1" * 64, "root": "/x", "tap": ("b",)})
    assert serving.difference(here, {**here}) is None
    assert serving.difference(here, {**here, "model": "c"}) == "model ('c', not 'a')"
    assert serving.difference(here, {**here, "weights": "2" * 64}) == "weights"
    assert "root" not in here and here["tap"] == ["b"]


def test_two_workers_write_the_matrix_that_one_process_writes(tmp_path):
    pytest.importorskip("distributed")
    features = tmp_path / "features.npz"
    rng = np.random.default_rng(0)
    np.savez(features, features=rng.standard_normal((600, 8)), label=np.arange(600) % 3)
    assert cli.main(["import", str(features), "-o", str(tmp_path / "a.h5"), "-q"]) == 0
    words = ["similarity", str(tmp_path / "a.h5"), "--matrix", "--no-intervals", "-q", "-o"]
    assert cli.main([*words, str(tmp_path / "one.h5")]) == 0
    assert cli.main([*words, str(tmp_path / "two.h5"), "--scheduler", "local:2"]) == 0
    assert digests(tmp_path / "one.h5") == digests(tmp_path / "two.h5")
    assert not list(tmp_path.glob("*.part"))


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        memory_limit=None,
        dashboard_address=None,
        silence_logs="CRITICAL",
    ) as made:
        yield made


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Commands of several blocks of their own size, their inputs made."""
    folder = tmp_path_factory.mktemp("long")
    before, made = cases(folder, 1100)
    for command in before:
        reads_images = command[0] in ("extract", "saliency")
        allowed = ["--max-skipped", "9"] if reads_images else []
        assert cli.main([*map(str, command), *allowed]) == 0
    made["pairs"][made["pairs"].index("same-class:4")] = "same-class:300"
    link, ellipse = str(folder / "link.h5"), ["--generator", "planted_links:EllipseGenerator"]
    ellipse += ["--model", "planted_links:Moments"]
    words = ["link", *ellipse, "--per-class", "150", "--repeats", "0", "--resamples", "0"]
    assert cli.main([*words, "-q", "-o", link]) == 0
    made["tune"] = ["tune", link, "--samples", "3", "--svd", "9", "-q", "--threads", "1"]
    return {name: [str(word) for word in words] for name, words in made.items()}


def kill_a_worker(cluster, folder, killed):
    """SIGKILL one worker as soon as a block is kept in a folder."""
    while not list(folder.glob("0*[0-9]")):
        time.sleep(0.01)
    killed.append(cluster.workers[0].pid)
    os.kill(killed[0], signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["extract", "saliency", "pairs", "matrix", "faithfulness", "tune"])
def test_a_killed_worker_loses_nothing(long, cluster, kind, tmp_path):
    words = (
        [*long[kind], "--max-skipped", "9"]
        if kind in ("extract", "saliency", "pairs")
        else long[kind]
    )
    assert cli.main([*words, "-o", str(tmp_path / "one.h5")]) == 0
    killed = []
    killer = threading.Thread(
        target=kill_a_worker, args=(cluster, tmp_path / "two.h5.part", killed), daemon=True
    )
    killer.start()
    words = [*words, "--scheduler", cluster.scheduler_address, "-o", str(tmp_path / "two.h5")]
    assert cli.main(words) == 0
    killer.join(5)
    assert killed
    assert digests(tmp_path / "one.h5") == digests(tmp_path / "two.h5")
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.slow
def test_an_interrupted_command_keeps_its_blocks_and_resumes_without_the_cluster(long, tmp_path):
    words = [*long["extract"], "--max-skipped", "9", "-o", str(tmp_path / "a.h5")]
    words.remove("-q")
    process = subprocess.Popen(
        [sys.executable, "-m", "gradtools", *words, "--scheduler", "local:1"],
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(tmp_path.glob("a.h5.part/0*[0-9]")) and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers as well
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in said
    assert "the same command resumes it" in said.splitlines()[-1]
    assert cli.main(words) == 0
    assert cli.main([*words[:-1], str(tmp_path / "one.h5")]) == 0
    assert digests(tmp_path / "a.h5") == digests(tmp_path / "one.h5")


@pytest.mark.slow
def test_a_cluster_that_cannot_compute_the_command_is_refused(
    long, cluster, capsys, monkeypatch, tmp_path
):
    words = [*long["extract"], "-o", str(tmp_path / "a.h5"), "--scheduler"]
    ended = call(capsys, *words, "tcp://127.0.0.1:9")
    assert ended.status == 1 and "no Dask scheduler answers there" in ended.line
    monkeypatch.setattr(client, "__version__", "0.0")
    ended = call(capsys, *words, cluster.scheduler_address)
    assert ended.status == 1 and re.search(
        r"worker .* has gradtools .*, and this is 0.0", ended.line
    )
    assert not list(tmp_path.glob("a.h5.part/0*[0-9]"))


@pytest.fixture
def task(long):
    """The command of `extract` as a worker gets it."""
    words = [*long["extract"], "--scheduler", "local:1", "--max-skipped", "9"]
    task = {
        "key": "a",
        "words": words,
        "folder": os.getcwd(),
        "environment": {"OMP_NUM_THREADS": "1"},
        "threads": 1,
        "command": {},
    }
    yield task
    worker.release("a")
    worker._released.clear()


@pytest.mark.slow
def test_a_worker_without_the_images_the_model_or_the_weights_says_so(task, long, tmp_path):
    words, images, model = task["words"], long["extract"][1], long["extract"][3]
    for changed, reason in (
        ({"words": [word.replace(images, "gone/") for word in words]}, "gone/: no such file"),
        (
            {"words": [word.replace(model, "gone.py:Toy") for word in words]},
            "gone.py: no such file",
        ),
        ({"folder": str(tmp_path / "gone")}, "gone: No such file"),
        ({"command": {"weights": "other"}}, "the command is another one there"),
    ):
        answer = worker.prepare({**task, "key": reason, **changed})
        assert reason in answer["error"], answer
        worker.release(reason)


@pytest.mark.slow
def test_a_process_that_died_is_started_again(task, long, tmp_path, monkeypatch):
    (begun,) = asked([*long["extract"], "--max-skipped", "9"], [], tmp_path, monkeypatch)
    task = {**task, "command": serving.comparable(begun["command"])}
    assert worker.prepare(task) == {}
    first = worker.compute(task, 0)
    process = worker._serving["a"].process
    process.kill()
    process.poll = lambda: None  # as if it died after it was asked
    with pytest.raises(RuntimeError, match="block 1 died"):
        worker.compute(task, 1)
    again = worker.compute(task, 0)
    for path, values in first["arrays"].items():
        np.testing.assert_array_equal(values, again["arrays"][path])
