"""gradtools claim: the grammar, what is looked up, verdicts and exit status."""

import dataclasses
import json

import numpy as np
import pytest
from planted import plant, write
from shell import call

from gradtools import store
from gradtools.errors import UsageError
from gradtools.selection import joining
from gradtools.selection.results import Result
from gradtools.stages import claim, cluster, compare, evaluate, similarity
from gradtools.stages.claim import grammar

MODELS = ("one", "two")


def quiet(line):
    """Nobody reads the lines of the stages here."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder, paths = tmp_path_factory.mktemp("claims"), []
    names = ("gradient", "activation", "logits", "gradient@block")
    for number, name in enumerate(MODELS):
        model = {"model": f"net.py:{name}", "weights_sha256": f"{number:064}", "target": "argmax"}
        data = dataclasses.replace(plant(60, seed=number), model=model)
        with store.read(write(folder / f"{name}.h5", data)) as source:
            paths += [str(folder / f"{name}{part}.h5") for part in ("", "-s", "-c")]
            options = similarity.Options(resamples=400, permutations=20, feature=names)
            similarity.similarity(source, paths[-2], options, say=quiet)
            few = cluster.Options(
                ("gradient@block", "weight"), ("kmeans",), repeats=2, n_init=2, resamples=20
            )
            cluster.cluster(source, paths[-1], few, say=quiet)
    return paths


def judged(stores, *lines):
    subjects = evaluate.gather(stores)
    return claim.judge(grammar.read(list(lines), "f"), subjects, "f")


def test_a_sentence_has_its_parts():
    (sentence,) = grammar.read(
        [
            "",
            "n = iou[fill=black] where smallest=10% and correct: gam@2 > gradcam@1 by .05 in 2 of n # x",
        ],
        "f",
    )
    assert sentence.line == 2 and sentence.name == "n" and sentence.statistic == "iou"
    assert sentence.options == {"fill": "black"} and sentence.where == ("smallest=10%", "correct")
    assert (sentence.left.subject, sentence.right.subject) == ("gam@2", "gradcam@1")
    assert (sentence.relation, sentence.bound, sentence.quantifier) == (">", 0.05, "2 of n")


def test_less_is_more_turned_round_and_names_may_have_spaces_and_models():
    (a, b) = grammar.read(
        ['ari: a of m1 < "map of another image" of m2', "map-cc: gam@tap:layer3#1 == .5 within .1"],
        "f",
    )
    assert a.left.subject == "map of another image" and (a.left.model, a.right.model) == (
        "m2",
        "m1",
    )
    assert a.relation == ">" and a.bound == 0.0
    assert b.left.subject == "gam@tap:layer3#1" and b.right.number == 0.5 and b.bound == 0.1


@pytest.mark.parametrize(
    "line, words",
    [
        ("pair-auc gradient > activation", "is not a sentence"),
        ("pair-auc: gradient >= activation", "is not a sentence"),
        ("pair-auc: 1 > 2", "two numbers"),
        ("pair-auc: a > b within .1", "within with =="),
        ("pair-auc[gmm]: a > b", "is not an option"),
        ("ari[method=gmm, method=kmeans]: a > b", "method stands there twice"),
        ("pair-auc: a > nan", "a value that a statistic can have"),
        ("pair-auc: -inf < a", "a value that a statistic can have"),
        ("pair-auc: a > -1e400", "a value that a statistic can have"),
        ("pair-auc: a == b within 1e300", "a value that a statistic can have"),
        ("pair-auc: a > b by -.1", "not a bound"),
        ("pair-auc where" + " " * 20_000 + "x", "20,015 characters"),
    ],
)
def test_what_is_no_sentence_is_named_with_its_line(line, words):
    with pytest.raises(UsageError, match=f"f:2: .*{words}"):
        grammar.read(["# first", line], "f")


def test_numbers_are_written_as_everywhere():
    sentence, other = grammar.read(
        ["pair-auc: a > -2.5e-1 by 1e-3", "pair-auc: 1_0 < a by .5"], "f"
    )
    assert (sentence.right.number, sentence.bound) == (-0.25, 0.001)
    assert (other.right.subject, other.right.number, other.bound) == ("1_0", None, 0.5)


def test_differences_that_are_rounding_are_none(stores):
    """Equal clusters whose values differ in the last digits, alike in every resample: no space is better, nor undecided."""
    sentences = [f"{name}: {a} > {b}" for name in ("ari", "nmi") for a, b in BOTH_WAYS]
    subjects = evaluate.gather(stores)
    for subject in subjects:
        for key, result in subject.clusters.items():
            if key[0].startswith("gradient"):
                rows = {name: result.columns[name] + 3e-16 for name in ("ari", "nmi")}
                nudged = result.replicates + 3e-16 + 1e-17 * np.arange(20)[:, None]
                subject.clusters[key] = dataclasses.replace(
                    result, columns=result.columns | rows, replicates=nudged
                )
    for verdict in claim.judge(grammar.read(sentences, "f"), subjects, "f"):
        assert verdict.verdict == "contradicted", verdict
        assert all(model.difference == model.low == model.high == 0 for model in verdict.models)


BOTH_WAYS = (("gradient@block", "weight"), ("weight", "gradient@block"))


def test_models_that_no_store_measured_are_said(capsys, stores, tmp_path):
    """Both models have clusters, one of them similarities: a sentence about all is about one, and says so."""
    file = tmp_path / "a.claims"
    file.write_text(
        "pair-auc: logits > .1\nfirst = pair-auc: logits > .2 in any\nari: weight == weight\n"
    )
    ended = call(capsys, "claim", file, *stores[:3], stores[5])
    assert ended.status == 0, ended.err
    (note,) = [line for line in ended.out.splitlines() if "judged without" in line]
    assert "without two, " in note and "line 1, first" in note and "line 3" not in note
    assert "judged without" not in call(capsys, "claim", file, *stores).out


def test_a_name_that_means_two_maps_is_refused(stores):
    """gam@2 is at the tap named 2, and over two taps."""
    maps = {
        (f"map:gam@{taps}", "CC"): Result("/similarity", f"map:gam@{taps}")
        for taps in ("1", "2", "1+2")
    }
    subject = dataclasses.replace(evaluate.gather(stores)[0], maps=maps)
    named = claim.statistics.candidates(subject, claim.statistics.find("map-cc", "f"), {})
    assert "gam@2" not in named and {"gam@tap:2", "gam@1+2", "gam@tap:1"} <= set(named)


def test_verdicts_are_those_of_the_stored_resamples(stores):
    """The p of a sentence by a loop over the stored replicates."""
    (one,) = judged(stores[:3], "pair-auc: activation > gradient")
    values = {}
    with store.read(stores[1]) as source:
        for name in ("activation@block", "gradient@conv"):
            columns, _ = source.table(f"/similarity/{name}/cosine")
            at = columns["statistic"].index("auc")
            values[name] = (
                columns["value"][at],
                source.values(f"/similarity/{name}/cosine/replicate")[:, at],
            )
    replicates = values["activation@block"][1] - values["gradient@conv"][1]
    supported = (1 + sum(value <= 0 for value in replicates)) / (len(replicates) + 1)
    contradicted = (1 + sum(value > 0 for value in replicates)) / (len(replicates) + 1)
    expected = (
        "supported"
        if supported <= 0.025
        else "contradicted"
        if contradicted <= 0.025
        else "undecided"
    )
    assert one.verdict == expected
    assert one.models[0].difference == pytest.approx(
        values["activation@block"][0] - values["gradient@conv"][0]
    )


def test_the_gradient_at_the_block_is_the_class_row(stores):
    equal, larger, clusters = judged(
        stores,
        "pair-auc: gradient@block == weight",
        "pair-auc: gradient@block > class-row",
        "ari: gradient@block == argmax",
    )
    assert (equal.verdict, larger.verdict) == ("supported", "contradicted")
    assert clusters.verdict == "supported" and len(clusters.models) == 2


def test_models_are_compared_and_counted(stores):
    between, same, some = judged(
        stores,
        "accuracy: argmax of one == argmax of two within 90",
        "pair-auc: gradient of one == gradient of one",
        "pair-auc: logits > .1 in any",
    )
    assert len(between.models) == 1 and between.verdict == same.verdict == "supported"
    assert some.verdict == "supported"


@pytest.mark.parametrize(
    "line, words",
    [
        ("pair-ac: gradient > logits", "pair-auc"),
        ("pair-auc: gradiant > logits", "gradient"),
        ("map-cc: gam > gradcam", "gradtools saliency"),
        ("pair-auc: gradient of three > gradient of one", "no model 'three'"),
        ("pair-auc: gradient > logits in 3 of n", "2 models"),
        ("pair-auc where correct: gradient > logits", "--where"),
        ("pair-auc[metric=cosin]: gradient > logits", "gradtools similarity"),
        ("accuracy: gradient > 50", "write argmax"),
        ("accuracy: argmax > argmax", "of two models"),
    ],
)
def test_what_cannot_be_looked_up_ends_with_2_and_near_names(capsys, stores, tmp_path, line, words):
    file = tmp_path / "a.claims"
    file.write_text(f"\n{line}\n")
    ended = call(capsys, "claim", file, *stores)
    assert ended.status == 2 and words in ended.line and f"{file}:2" in ended.line


@pytest.mark.parametrize(
    "lines, status",
    [
        (["pair-auc: gradient@block == weight"], 0),
        (["pair-auc: gradient@block == weight", "pair-auc: gradient@block > weight"], 1),
        (["pair-auc: gradient@block == weight", "label-effect: logits == logits within 0"], 4),
    ],
)
def test_the_exit_status_is_for_make(capsys, stores, tmp_path, lines, status):
    file = tmp_path / "a.claims"
    file.write_text("\n".join(lines))
    ended = call(capsys, "claim", file, *stores[:3], "--json")
    assert ended.status == status, ended.out
    table = json.loads(ended.out)["tables"][0]
    assert table["id"] == "claims" and len({row["row"] for row in table["rows"]}) == len(lines)


def test_a_sentence_without_a_value_is_undecided_and_the_others_are_judged(
    capsys, stores, tmp_path
):
    """Every image has an answer of its own: nothing is known given the same prediction."""
    n, path = 24, str(tmp_path / "apart.h5")
    data = plant(n, n_classes=n, accuracy=1.0)
    apart = dataclasses.replace(
        data, labels=(np.arange(n) // 4).astype("i4"), predicted=np.arange(n).astype("i4")
    )
    with store.read(write(tmp_path / "data.h5", apart, n)) as source:
        options = similarity.Options(resamples=400, permutations=20)
        similarity.similarity(source, path, options, say=quiet)
    file = tmp_path / "a.claims"
    file.write_text(
        "pair-auc[given=prediction]: gradient > activation\npair-auc: logits > .99 by .5\n"
    )
    ended = call(capsys, "claim", file, path)
    assert ended.status == 1 and "0 pairs share a prediction" in ended.out
    given, plain = claim.judge(claim.read(str(file)), evaluate.gather([path]), "f")
    assert (given.verdict, plain.verdict) == ("undecided", "contradicted")
    assert np.isnan(given.models[0].difference) and "prediction" in given.models[0].lacks


def test_a_file_that_the_resamples_cannot_carry_is_refused(capsys, stores, tmp_path, monkeypatch):
    file = tmp_path / "a.claims"
    file.write_text("pair-auc: gradient > logits\n" * 11)
    ended = call(capsys, "claim", file, *stores)
    assert ended.status == 2 and "--resamples 440" in ended.line
    subjects = evaluate.gather(stores)
    looked_up = []
    monkeypatch.setattr(
        claim,
        "_value",
        lambda *arguments, real=claim._value: looked_up.append(1) or real(*arguments),
    )
    many = grammar.read(["pair-auc: gradient > logits"] * 100_000, "f")
    with pytest.raises(UsageError, match="--resamples 4000000"):
        claim.judge(many, subjects, "f")
    assert len(looked_up) == 4  # of the first sentence


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_files_of_other_editors_are_read(tmp_path, end):
    file = tmp_path / "a.claims"
    file.write_bytes(b"\xef\xbb\xbfpair-auc: gradient > logits" + end + b"# end" + end)
    (sentence,) = claim.read(str(file))
    assert sentence.text == "pair-auc: gradient > logits"


@pytest.mark.parametrize("name", sorted(claim.bundled()))
def test_claims_that_ship_are_read_and_their_statistics_known(name):
    for sentence in claim.read(name):
        statistic = claim.statistics.find(sentence.statistic, name)
        assert claim.statistics.row_of(statistic, sentence.options, sentence.where, name)
    assert np.all([len(line) < 120 for line in claim.bundled().values()])


def test_two_spaces_are_judged_under_the_resamples_of_their_comparison(stores, tmp_path):
    """Value, replicates and interval of rsa and cka are those of the stored comparison, in either order of the names."""
    path = str(tmp_path / "compared.h5")
    options = compare.Options(
        resamples=300, permutations=20, feature=("activation", "logits", "gradient")
    )
    compared = compare.compare([stores[0]], path, options, say=quiet)
    subjects = evaluate.gather([path])
    for comparison in compared.comparisons:
        for name, key in (
            ("rsa", "rsa_pearson"),
            ("rsa-ranks", "rsa_spearman"),
            ("cka", "cka_debiased"),
        ):
            statistic = comparison.measured.statistics[key]
            lines = [f'{name}: "{comparison.b}~{comparison.a}" > {statistic.value - 0.2}']
            (verdict,) = claim.judge(grammar.read(lines, "f"), subjects, "f")
            (model,) = verdict.models
            assert model.difference == pytest.approx(0.2)
            low, high = np.quantile(statistic.replicates, [0.025, 0.975]) - statistic.value + 0.2
            assert (model.low, model.high) == pytest.approx((low, high), abs=1e-9)
    a, b, c = compared.comparisons
    (paired,) = judged([path], f'rsa: "{a.a}~{a.b}" > "{b.a}~{b.b}"')
    drawn = (
        a.measured.statistics["rsa_pearson"].replicates
        - b.measured.statistics["rsa_pearson"].replicates
    )
    assert paired.models[0].high == pytest.approx(np.quantile(drawn, 0.975))
    with pytest.raises(UsageError, match="activation"):
        judged([path], "rsa: activation > .5")


def test_rankings_of_channels_and_links_are_judged(stores):
    """Two taps of two stores joined; a ranking is named with its tap where there are several."""
    rng = np.random.default_rng(0)

    def rankings(tap):
        names = ["contribution", "abs"]
        values = np.array([0.8, 0.1])
        columns = {
            "tap": [tap] * 2,
            "fill": ["zero"] * 2,
            "ranking": names,
            "images": np.array([40, 40]),
        }
        columns |= {"value": values, "low": values - 0.1, "high": values + 0.1}
        drawn = values + 0.02 * rng.standard_normal((400, 2))
        return Result(
            "/tables/channel_ablation", columns=columns, replicates=drawn, facts={"seed": 0}
        )

    subject = evaluate.gather(stores[:1])[0]
    joining.join_by_tap(subject.channels, {("channels", "channel_ablation"): rankings("low")})
    alone = claim.judge(grammar.read(["ablation: contribution > abs by .5"], "f"), [subject], "f")
    joining.join_by_tap(subject.channels, {("channels", "channel_ablation"): rankings("high")})
    r2 = {
        "statistic": ["r2"],
        "value": np.array([0.4]),
        "low": np.array([0.3]),
        "high": np.array([0.5]),
    }
    r2["pairs"] = np.array([90])
    for kind, value in (("linear", 0.4), ("null", 0.0)):
        drawn = value + 0.02 * rng.standard_normal((400, 1))
        columns = r2 | {"value": np.array([value])}
        subject.link["link", kind] = Result(
            "", "link", "", kind, columns, {"seed": 0}, replicates=drawn
        )
    lines = [
        "ablation: contribution@high > abs@low by .5",
        "link-r2: linear > null by .2",
        "link-r2: linear > .5",
    ]
    both = claim.judge(grammar.read(lines, "f"), [subject], "f")
    assert [verdict.verdict for verdict in (*alone, *both)] == ["supported"] * 3 + ["contradicted"]
    assert [one.models[0].difference for one in both[:2]] == pytest.approx([0.7, 0.4])
    with pytest.raises(UsageError, match="contribution@high"):
        claim.judge(grammar.read(["ablation: contribution > 0"], "f"), [subject], "f")


def test_verdicts_that_ship_stand_in_one_table_of_80_columns(capsys, stores, tmp_path, monkeypatch):
    """Sentences go on in further lines; programs have their line numbers too."""
    file = tmp_path / "long.claims"
    file.write_text("beyond-the-prediction = pair-auc[given=prediction]: gradient > activation\n")
    monkeypatch.chdir(tmp_path)
    terminal = {"terminal": ["out"], "columns": 80, "monkeypatch": monkeypatch}
    shown = call(capsys, "claim", file.name, *stores[:3], **terminal).out
    lines = shown.splitlines()
    assert (
        max(map(len, lines)) <= 80 and sum("verdict" in line for line in lines) == 2
    )  # and a note
    heads = shown.split("contradicted  beyond")[0].split("undecided     beyond")[0]
    assert all(word in heads for word in ("verdict", "claim", "left - right", "p", "decide"))
    table = json.loads(call(capsys, "claim", file, *stores[:3], "--json").out)["tables"][0]
    assert any(row["column"] == "line" for row in table["rows"])
