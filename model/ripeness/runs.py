"""One run: fit every variant, hold it against the gate, forecast from it, and gather what is stored.

The order is that of the method: spec, fits, forecasts, gate, mixture. A fit that fails is sampled once more with twice the draws, which
is recorded; a fit that fails again says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.panel import build_panel
from ripeness.data.vintages import Vintage
from ripeness.fit.gate import Verdict, judge_fit
from ripeness.fit.groups import build_groups
from ripeness.fit.sample import flatten_draws, sample_posterior
from ripeness.forecast.ahead import Ahead, build_ahead
from ripeness.forecast.prior import sample_prior
from ripeness.forecast.probability import Probabilities, forecast_probabilities, without_path_noise
from ripeness.forecast.simulate import simulate_rounds, sustained_process
from ripeness.hazard.announced import CLASSES, Announcement, announced_weeks, find_announcements
from ripeness.hazard.inside import build_inside
from ripeness.model import build_model
from ripeness.priors.elicit import Priors
from ripeness.spec import ModelSpec
from ripeness.weeks import to_datetime64
from ripeness.workspace import Workspace

Array = NDArray[np.float64]
Progress = Callable[[str], None]
PRIOR_DRAWS = 1000
ATTEMPTS = 2


@dataclass(frozen=True)
class Fitted:
    """One fit with its forecast.

    Parameters
    ----------
    name, variant, reading : str
    groups : dict of Dataset
        ArviZ groups.
    verdict : Verdict
    attempts : int
    ahead : Ahead
    probabilities : Probabilities
    within, sustained : ndarray (chain, draw, horizon)
        P of a round with path noise taken out, and P of a sustained process.
    """

    name: str
    variant: str
    reading: str
    groups: Mapping[str, xr.Dataset]
    verdict: Verdict
    attempts: int
    ahead: Ahead
    probabilities: Probabilities
    within: Array
    sustained: Array


@dataclass(frozen=True)
class MadeRun:
    """Everything that a run has made, before anything is written."""

    spec: ModelSpec
    vintage: Vintage
    announcements: list[Announcement]
    fits: dict[str, Fitted]
    graph: dict[str, Any]
    reference_log_probability: float

    @property
    def passed(self) -> bool:
        """Whether the fits behind the headline and the outside view passed the gate."""
        return all(self.fits[name].verdict.passed for name in (*names.HEADLINE_FITS, names.OUTSIDE))


def build_spec(workspace: Workspace, vintage: Vintage, priors: Priors) -> tuple[ModelSpec, list[Announcement]]:
    """Lay out a vintage and its announcements for the model."""
    panel = build_panel(vintage, vintage.contracts, workspace.question, priors.files.grades)
    announcements = find_announcements(vintage.events)
    weeks = list(panel.weeks)
    # a week may use the news of the Sunday before it
    announced = announced_weeks(announcements, weeks, [sunday - timedelta(days=7) for sunday in weeks], priors.files.named_week_share)
    structure = build_inside(priors.effects[names.AS_WRITTEN], workspace.factors, workspace.condition_ids)
    return ModelSpec(workspace, vintage.contracts, panel, priors, announced, tuple(CLASSES), structure), announcements


def make_run(workspace: Workspace, vintage: Vintage, priors: Priors, seed: int, progress: Progress) -> MadeRun:
    """Fit, judge and forecast.

    Parameters
    ----------
    workspace : Workspace
    vintage : Vintage
        What was known on the origin.
    priors : Priors
    seed : int
    progress : callable
        Told in a few words what begins.
    """
    spec, announcements = build_spec(workspace, vintage, priors)
    sequences = np.random.SeedSequence(seed).spawn(len(names.FITS))
    fits: dict[str, Fitted] = {}
    log_probability = float("nan")
    for (name, variant, reading), sequence in zip(names.FITS, sequences, strict=True):
        progress(f"sampling {name.replace('_', ' ')}")
        fits[name] = _fit(spec, (name, variant, reading), announcements, sequence, progress)
        if name == names.HEADLINE_FITS[0]:
            log_probability = float(fits[name].groups["sample_stats"]["logp"][0, -1])
    graph = describe_graph(build_model(spec, names.CONJUNCTIVE, form="whitened"))
    return MadeRun(spec, vintage, announcements, fits, graph, log_probability)


def _fit(
    spec: ModelSpec,
    which: tuple[str, str, str],
    announcements: list[Announcement],
    sequence: np.random.SeedSequence,
    progress: Progress,
) -> Fitted:
    name, variant, reading = which
    settings = spec.workspace.fit
    sampling, forward, events, predictive, prior_seed = sequence.spawn(5)
    horizon = spec.workspace.question.horizons_weeks.index(spec.workspace.question.headline_weeks)
    for attempt in range(1, ATTEMPTS + 1):
        seed = int(sampling.generate_state(ATTEMPTS)[attempt - 1])
        sampled = sample_posterior(spec, variant, reading, settings, seed, draws_factor=attempt)  # type: ignore[arg-type]
        ahead, probabilities = _look_ahead(spec, variant, sampled, announcements, forward)
        posterior = sampled["posterior"].to_dataset()
        shape = (posterior.sizes[names.CHAIN], posterior.sizes[names.DRAW])
        headline = xr.DataArray(probabilities.within[:, horizon].reshape(shape), dims=(names.CHAIN, names.DRAW))
        verdict = judge_fit(name, posterior.drop_vars(names.NOT_STORED, errors="ignore"), sampled["sample_stats"].to_dataset(), headline)
        if verdict.passed or attempt == ATTEMPTS:
            break
        progress(f"{name.replace('_', ' ')} failed its gate ({'; '.join(map(str, verdict.failures))}); once more with twice the draws")
    if attempt > 1:
        # the verdict is on all draws; an even share of them is kept, so that every fit has as many and weighs as much
        sampled = sampled.isel({names.DRAW: slice(None, None, attempt)})
        ahead, probabilities = _look_ahead(spec, variant, sampled, announcements, forward)
        shape = (shape[0], sampled["posterior"].sizes[names.DRAW])
    within = without_path_noise(probabilities.within, probabilities.path_variance).reshape(*shape, -1)
    question = spec.workspace.question
    rounds = simulate_rounds(ahead, events, settings.future_paths)
    counted = sustained_process(rounds, ahead.reach, question.sustained_rounds, question.sustained_weeks)
    # a share of few simulated futures: its binomial noise is taken out like that of the paths
    sustained = without_path_noise(counted, counted * (1.0 - counted) / (rounds.shape[1] - 1)).reshape(*shape, -1)
    prior = sample_prior(spec, reading, variant, PRIOR_DRAWS, prior_seed)  # type: ignore[arg-type]
    groups = build_groups(spec, sampled, prior, predictive)
    return Fitted(name, variant, reading, groups, verdict, attempt, ahead, probabilities, within, sustained)


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


def build_tree(made: MadeRun, attributes: Mapping[str, Any]) -> xr.DataTree:
    """All draws of a run as one tree: a group for each fit, the forecasts, and the indicators in the units of their factors."""
    content: dict[str, xr.Dataset] = {"/": xr.Dataset(attrs=dict(attributes))}
    for name, fitted in made.fits.items():
        for group, dataset in fitted.groups.items():
            content[f"/{name}/{group}"] = dataset
    for name, fitted in made.fits.items():
        content[f"/{names.FORECAST_GROUP}/{name}"] = _forecast_dataset(made, fitted)
    content[f"/{names.DATA_GROUP}"] = data_table(made.spec, made.vintage)
    return xr.DataTree.from_dict(content)


def _forecast_dataset(made: MadeRun, fitted: Fitted) -> xr.Dataset:
    found = fitted.probabilities
    shape = fitted.within.shape[:2]

    def by_week(values: Array) -> tuple[tuple[str, ...], Array]:
        return (names.CHAIN, names.DRAW, names.AHEAD), values.reshape(*shape, -1).astype("float32")

    return xr.Dataset(
        {
            "within": ((names.CHAIN, names.DRAW, names.HORIZON), fitted.within),
            "sustained": ((names.CHAIN, names.DRAW, names.HORIZON), fitted.sustained),
            "hazard_ahead": by_week(found.hazard),
            "by_week": by_week(found.by_week),
            "multiplier_ahead": by_week(found.multiplier),
        },
        coords={names.HORIZON: made.spec.workspace.question.horizons_weeks, names.AHEAD: to_datetime64(fitted.ahead.weeks)},
    )


def data_table(spec: ModelSpec, vintage: Vintage) -> xr.Dataset:
    """Every visible value of every indicator, in natural units and in units of its factor: (observation,)."""
    indicator: list[str] = []
    columns: dict[str, list[Array]] = {"observed_on": [], "published_on": [], "value": [], "scaled": []}
    for name in spec.panel.indicators:
        rows = vintage.values[name]
        indicator += [name] * len(rows)
        columns["observed_on"].append(rows["observed_on"].to_numpy("datetime64[ns]"))
        columns["published_on"].append(rows["published_on"].to_numpy("datetime64[ns]"))
        columns["value"].append(rows["value"].to_numpy(float))
        columns["scaled"].append(spec.contracts[name].transformed(rows["value"].to_numpy(float)))
    table = {key: ((names.OBSERVATION,), np.concatenate(parts)) for key, parts in columns.items()}
    return xr.Dataset({names.INDICATOR: ((names.OBSERVATION,), np.array(indicator, dtype=object)), **table})
