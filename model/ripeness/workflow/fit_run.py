"""A run from new fits: fit every variant, hold it against the gate, forecast from it.

The order is that of the method: spec, fits, forecasts, gate, mixture. A fit that fails is sampled once more with twice the draws, which
is recorded; a fit that fails again says nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import arviz as az
import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicited import Priors
from ripeness.forecast.ahead import Ahead, build_ahead
from ripeness.forecast.bridges import bridge_probabilities
from ripeness.forecast.horizons import (
    Probabilities,
    forecast_probabilities,
    ladder_probabilities,
    sustained_probabilities,
    usual_multiplier,
    without_path_noise,
)
from ripeness.forecast.mixture import kept_draws, thin
from ripeness.forecast.prior_predictive import sample_prior
from ripeness.inference.gate import judge_fit
from ripeness.inference.inference_data import build_groups
from ripeness.inference.sample import CORES, flatten_draws, sample_posterior
from ripeness.model.build import build_model
from ripeness.model.meetings import Announcement
from ripeness.model.spec import ModelSpec, build_spec
from ripeness.reweighting.reweighted import StoredFit, store_fit
from ripeness.reweighting.weights import Anchor
from ripeness.workflow.new_run import BridgeAnswer, Fitted, NewRun, answer_of
from ripeness.workspace import Workspace

if TYPE_CHECKING:
    from ripeness.names import Sampler
    from ripeness.workflow.run import Progress

Array = NDArray[np.float64]
PRIOR_DRAWS = 1000
ATTEMPTS = 2


def fit_run(workspace: Workspace, vintage: Vintage, priors: Priors, seed: int, sampler: Sampler, progress: Progress) -> NewRun:
    """Fit, judge and forecast.

    Parameters
    ----------
    workspace : Workspace
    vintage : Vintage
        What was known on the origin.
    priors : Priors
    seed : int
    sampler : Sampler
    progress : callable
        Called with a few words on what begins.
    """
    spec, announcements = build_spec(workspace, vintage, priors)
    sequences = np.random.SeedSequence(seed).spawn(len(workspace.fits))
    with ThreadPoolExecutor(CORES) as pool:
        # the sampler lets go of Python's lock: while one fit is judged and forecast from, another is sampled
        waiting = [
            pool.submit(_fit, spec, which, vintage, announcements, sequence, sampler, progress)
            for which, sequence in zip(workspace.fits, sequences, strict=True)
        ]
        fits = {name: one.result() for (name, _, _), one in zip(workspace.fits, waiting, strict=True)}
    log_probability = float(fits[workspace.headline_fits[0]].groups["sample_stats"]["logp"][0, -1])
    graph = describe_graph(build_model(spec, names.CONJUNCTIVE, form="whitened"))
    return NewRun(spec, vintage, announcements, fits, graph, log_probability)


def _fit(
    spec: ModelSpec,
    which: tuple[str, str, str],
    vintage: Vintage,
    announcements: list[Announcement],
    sequence: np.random.SeedSequence,
    sampler: Sampler,
    progress: Progress,
) -> Fitted:
    name, variant, reading = which
    progress(f"sampling {name.replace('_', ' ')}")
    settings = spec.workspace.fit
    sampling, forward, events, predictive, prior_seed = sequence.spawn(5)
    horizon = spec.workspace.question.horizons_weeks.index(spec.workspace.question.headline_weeks)
    for attempt in range(1, ATTEMPTS + 1):
        seed = int(sampling.generate_state(ATTEMPTS)[attempt - 1])
        sampled = sample_posterior(spec, variant, reading, settings, seed, draws_factor=attempt, sampler=sampler)  # type: ignore[arg-type]
        ahead, probabilities = _look_ahead(spec, variant, sampled, announcements, forward)
        posterior = sampled["posterior"].to_dataset()
        shape = (posterior.sizes[names.CHAIN], posterior.sizes[names.DRAW])
        headline = xr.DataArray(probabilities.within[:, horizon].reshape(shape), dims=(names.CHAIN, names.DRAW))
        verdict = judge_fit(name, posterior, sampled["sample_stats"].to_dataset(), headline)
        if verdict.passed or attempt == ATTEMPTS:
            break
        progress(f"{name.replace('_', ' ')} failed its gate ({'; '.join(map(str, verdict.failures))}); once more with twice the draws")
    kept = kept_draws(spec.workspace.mixture, settings.draws).get(name) or settings.draws  # the verdict is on all draws
    if kept < shape[1]:
        sampled = sampled.isel({names.DRAW: thin(kept, shape[1])})
        ahead, probabilities = _look_ahead(spec, variant, sampled, announcements, forward)
        shape = (shape[0], sampled["posterior"].sizes[names.DRAW])
    within = without_path_noise(probabilities.within, probabilities.path_variance).reshape(*shape, -1)
    question = spec.workspace.question
    counted, sustained = (values.reshape(*shape, -1) for values in sustained_probabilities(ahead, question, events, settings.future_paths))
    prior = sample_prior(spec, reading, variant, PRIOR_DRAWS, prior_seed)  # type: ignore[arg-type]
    groups = build_groups(spec, variant, reading, sampled, prior, predictive)  # type: ignore[arg-type]
    base = _for_updates(spec, vintage, (name, variant, reading), sampled, probabilities.within.reshape(within.shape), horizon)
    usual = (
        None if variant == names.OUTSIDE else usual_multiplier(spec, flatten_draws(sampled["posterior"].to_dataset()[["inside"]])["inside"])
    )
    rungs, levels = ({}, {}) if ahead.rungs is None else _look_at_rungs(spec, ahead, shape, events)
    bridges = {} if variant == names.OUTSIDE else _look_at_bridges(spec, ahead, shape, events)
    return Fitted(
        name,
        variant,
        reading,
        groups,
        verdict,
        attempt,
        ahead,
        probabilities,
        within,
        sustained,
        counted,
        usual,
        base,
        rungs,
        levels,
        bridges,
    )


def _look_at_rungs(
    spec: ModelSpec, ahead: Ahead, shape: tuple[int, int], seed: np.random.SeedSequence
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Of each rung its probability within each time, path noise taken out, and the same at base rates: (chain, draw, time)."""
    ids, (within, variance, base) = spec.workspace.rung_ids, ladder_probabilities(spec, ahead, seed)
    found = {rung: without_path_noise(within[:, r], variance[:, r]).reshape(*shape, -1) for r, rung in enumerate(ids)}
    return found, {rung: base[:, r].reshape(*shape, -1) for r, rung in enumerate(ids)}


def _look_at_bridges(spec: ModelSpec, ahead: Ahead, shape: tuple[int, int], seed: np.random.SeedSequence) -> dict[str, BridgeAnswer]:
    found = bridge_probabilities(spec, ahead, seed)
    within = without_path_noise(found.within, found.variance).reshape(*shape, -1)
    answers = [answer_of(within[..., [b]], within[..., [b]]) for b in range(len(found.ids))]
    return {bridge: BridgeAnswer(answers[b], found.base[:, b]) for b, bridge in enumerate(found.ids)}


def _for_updates(
    spec: ModelSpec, vintage: Vintage, which: tuple[str, str, str], sampled: xr.DataTree, within: Array, headline: int
) -> StoredFit:
    """What is kept of a fit for updates, from all its draws and the probability that each gives (chain, draw, horizon)."""
    by_chain = xr.Dataset({"within": ((names.CHAIN, names.DRAW, names.HORIZON), within)})
    errors, effective = az.mcse(by_chain)["within"].values, az.ess(by_chain)["within"].values
    anchors = tuple(Anchor(float(mean), float(error)) for mean, error in zip(within.mean(axis=(0, 1)), errors, strict=True))
    draws = flatten_draws(sampled["posterior"].to_dataset())
    flat = within.reshape(-1, within.shape[-1])
    return store_fit(spec, vintage, which[1], which[2], draws, flat, anchors, float(effective[headline]), headline)  # type: ignore[arg-type]


def _look_ahead(
    spec: ModelSpec, variant: str, sampled: xr.DataTree, announcements: list[Announcement], seed: np.random.SeedSequence
) -> tuple[Ahead, Probabilities]:
    draws = flatten_draws(sampled["posterior"].to_dataset())
    ahead = build_ahead(spec, variant, draws, announcements, spec.workspace.fit.future_paths, seed)  # type: ignore[arg-type]
    return ahead, forecast_probabilities(ahead)


def describe_graph(model: pm.Model) -> dict[str, Any]:
    """The model's graph as plain data: nodes with kind and plate, edges from parent to child."""
    from pymc.model_graph import ModelGraph

    graph = ModelGraph(model)
    nodes = []
    for plate in graph.get_plates():
        for node in plate.variables:
            dims = " × ".join(str(dim) for dim in plate.dim_info.names if dim)
            nodes.append({"id": str(node.var.name), "kind": str(node.node_type.value).lower().replace(" ", "_"), "plate": dims})
    known = {node["id"] for node in nodes}
    edges = sorted((parent, child) for child, parent in graph.edges() if parent in known and child in known)
    return {"nodes": sorted(nodes, key=lambda node: node["id"]), "edges": [list(edge) for edge in edges]}
