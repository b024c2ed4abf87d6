"""model + generator -> link: pairs (w, r), the affine map from r to w, how well it does, and whether the spaces are alike.

Design. Entries 0..N-1 of the job are pairs, `pairs.draw`: entry e belongs to a class by its place alone, and its k-th
draw has the seed of entry e + k N, so blocks are computed in any order, resume, and no seed stands twice. Entries that
no draw of is recognised are marked as unreadable images are: they keep their place until the store is assembled. Entries
N.. are held-out pairs again, `cycle.compute`: their pictures beside those that each kind of link gives back. The links
are fitted between the two from the pairs that are there (`fit.links`), anew in every process, which is exact and cheap.
What a store has: /samples (one a pair, its id is CLASS/SEED), /outputs/embedding is r, /link/w, /link/coef, tables.
`tune` and `counterfactual` read it by `selection.links`, draw nothing, and render w~ = coef r + intercept.
"""

import dataclasses
import functools
import resource
from typing import TYPE_CHECKING

import numpy as np

from gradtools import __version__, store
from gradtools.network import passes
from gradtools.selection.results import Result
from gradtools.stages import run
from gradtools.stages.link import cycle, fit, pairs, spaces
from gradtools.stages.link.plan import Options, Plan, make_plan
from gradtools.store import paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Options", "Plan", "link", "make_plan"]

BLOCK = 128  # pairs kept at once


def link(plan: Plan, output: str, **how: "Unpack[run.How]") -> list[Result]:
    """Draw the pairs, fit and measure the links, and write all of it.

    Parameters
    ----------
    plan : Plan
    output : str
        Path of the store, or '-'.
    how
        Fields of `run.Run`.

    Returns
    -------
    list of Result

    Raises
    ------
    GradtoolsError, UsageError
    """
    this = run.begin(output, **how)
    passes.use_threads(this.threads)
    growth = store.Growth(
        "link",
        pairs.columns(plan) + cycle.columns(plan),
        store.cut(BLOCK, plan.entries, int(plan.held.sum())),
        _command(plan),
        lambda sink: _begin(sink, plan),
        compress=plan.options.compress,
        units="pairs",
    )
    clock = {"sampling": 0.0, "encoding": 0.0, "fitting": 0.0, "pairs": 0}
    with this.grown(growth) as part:

        @functools.cache
        def links() -> fit.Links:
            pairs.check(plan, part)
            return fit.links(plan, part, clock, this.say)

        def compute(block: store.Block) -> dict[str, np.ndarray]:
            if block.start < plan.entries:
                return pairs.draw(plan, block, clock)
            return cycle.compute(plan, part, links(), block)

        this.compute(part, compute, "pairs")
        kept = ~part.unreadable[: plan.entries]
        pairs.print_recognised(plan, part, this.say)
        fitted = links()
        results = [*fit.results(plan, part, fitted), *spaces.results(plan, part)]
        with part.finish(this.progress) as sink:
            _finish(sink, plan, part, fitted, kept)
            for result in results:
                result.write(sink)
            counts = pairs.counted(plan, part)
            this.note(sink, seed=plan.options.seed, **counts, **_costs(clock))
    _say_costs(clock, this.say)
    return results


def _command(plan: Plan) -> dict:
    """Return options and inputs that must match for a job to resume."""
    model, made = plan.classifier.model, plan.generator
    return {
        **dataclasses.asdict(plan.options),
        "version": __version__,
        "model": model.spec,
        "weights": model.weights_sha256,
        "preprocess": repr(model.preprocess),
        "head": model.classifier.name,
        "generator": made.sha256,
        "classes": plan.numbers.tolist(),
        "member": plan.member.tolist(),
        "embedder": plan.embedder.model.weights_sha256 if plan.embedder else "",
        "pairs file": passes.schema.sha(plan.given_digest),
    }


def _begin(sink: store.Sink, plan: Plan) -> None:
    """Write what does not grow: classes, model, and where the pairs are from."""
    model, options = plan.classifier.model, plan.options
    sink.attributes("/", source=plan.generator.spec, root="")
    sink.put(paths.CLASS_NAME, plan.names)
    sink.put(paths.MEMBER, plan.member)
    passes.schema.begin_model(sink, model)
    sink.attributes(
        paths.MODEL,
        model=model.spec,
        weights=str(model.weights),
        weights_sha256=model.weights_sha256,
        preprocess=passes.schema.preprocess_text(model),
        device=options.device,
        dtype=options.dtype,
        batch_size=options.batch_size,
    )
    sink.put(paths.LINK_HELD, plan.held.astype("u1"))


def _finish(
    sink: store.Sink, plan: Plan, part: store.Part, links: fit.Links, kept: np.ndarray
) -> None:
    """Write what follows from all pairs: their names, the link, examples."""
    labels, seeds = part.values(paths.LABEL)[kept], part.values(paths.LINK_SEED)[kept]
    sink.put(paths.ID, [f"{plan.names[cls]}/{seed:010d}" for cls, seed in zip(labels, seeds)])
    sink.put(paths.LINK_COEF, links.linear.coef)
    sink.put(paths.LINK_INTERCEPT, links.linear.intercept)
    sink.put(paths.LINK_R2, links.of_dimensions)
    place = np.cumsum(kept) - 1
    sink.put(paths.LINK_CYCLE, place[np.flatnonzero(plan.held & kept)].astype("i4"))
    pictures = cycle.examples(plan, part, links)
    if pictures is not None:
        sink.put(paths.LINK_PICTURE, pictures)
    sink.attributes(
        paths.LINK,
        generator=plan.generator.spec,
        generator_sha256=plan.generator.sha256,
        psi=plan.options.psi,
        latent=plan.options.latent,
        classes=plan.numbers.astype("i4"),
        method=plan.options.method,
        alpha=links.linear.alpha,
        kinds=cycle.kinds_text(),
        shape=np.array(plan.generator.shape, "i4"),
        seed=plan.options.seed,
    )


def _costs(clock: dict[str, float]) -> dict[str, float]:
    """Return seconds of this process, and the most memory it held."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        **{
            f"seconds_{name}": round(clock[name], 2) for name in ("sampling", "encoding", "fitting")
        },
        "memory_mib": round(memory),
    }


def _say_costs(clock: dict[str, float], say: run.Say) -> None:
    """Say what sampling, encoding and fitting took in this process."""
    costs = _costs(clock)
    say(
        f"sampling {costs['seconds_sampling']} s and encoding {costs['seconds_encoding']} s for {clock['pairs']:,} draws, fitting "
        f"{costs['seconds_fitting']} s, at most {costs['memory_mib']:,} MiB"
    )
