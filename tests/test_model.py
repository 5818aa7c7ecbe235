"""The model on a small made-up war: its density against NumPy and SciPy, its dims, and one real fit that finds the truth again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, log_expit, logsumexp

from ripeness import names
from ripeness.data.contracts import read_contracts
from ripeness.data.panel import UNSEARCHED, build_panel
from ripeness.data.vintages import read_store
from ripeness.fit.coordinates import LOG, LOG_ODDS, PARTS, PLAIN, Coordinates, build_coordinates
from ripeness.fit.expand import expand_draws
from ripeness.fit.pointers import Density, open_problem, table_of
from ripeness.fit.problem import build_problem
from ripeness.fit.sample import sample_posterior
from ripeness.hazard.announced import CLASSES, announced_weeks, find_announcements
from ripeness.hazard.inside import build_inside
from ripeness.model import Form, build_model
from ripeness.priors.elicit import Priors, elicit_quantiles
from ripeness.priors.reference import ReferenceCurve
from ripeness.spec import ModelSpec, Variant, outside_basis, reading_data
from ripeness.weeks import week_grid, week_of
from ripeness.workspace import FitSettings, read_workspace

Array = NDArray[np.float64]
Point = dict[str, Array]

ORIGIN = date(2025, 2, 19)  # a Wednesday: the last week is partial, as is the first
BEGAN = date(2024, 1, 3)
WEEKS = week_grid(BEGAN, ORIGIN)
RIPENESS = """\
schema = 1
title = "Will North and South talk?"
[question]
id = "round"
text = "Will North and South hold a round?"
definition = "A meeting of delegations."
void = "If either is no more."
parties = ["North", "South"]
war_began = 2024-01-03
horizons_weeks = [4, 13]
headline_weeks = 13
[[condition]]
id = "north"
label = "North is willing"
[[condition]]
id = "south"
label = "South is willing"
[[factor]]
id = "front"
label = "The front"
plus = "North advances"
tails = "shocks"
losing_when_plus = "south"
losing_when_minus = "north"
[[factor]]
id = "cost"
label = "Cost"
plus = "war costs more"
level = true
effects = { north = "+", south = "+" }
[[factor]]
id = "host"
label = "Host"
plus = "a host is busy"
tails = "shocks"
effects = { south = "+" }
pulse = 2024-03-05
"""
COMMON = 'unit = "units"\nfamily = "military"\nexpected_lag_days = 3\nsource = "an agency"\n'
STUDENT = 'likelihood = "student"\nwindow = "week"\nfrequency = "weekly"\nnoise_floor = 0.05\n'
COUNT = 'likelihood = "negative_binomial"\nwindow = "week"\nfrequency = "weekly"\ntransform = "log"\nplausible = [0, 5000]\n'
INDICATORS = f"""\
[ground]
title = "Ground taken"
factor = "front"
reference = true
sign = "+"
transform = "none"
centre = 0.0
scale = 10.0
plausible = [-1000, 1000]
{COMMON}{STUDENT}
[losses]
title = "Losses"
factor = "cost"
reference = true
sign = "+"
transform = "log"
centre = 1000.0
scale = 0.3
plausible = [1, 1e6]
{COMMON}{STUDENT}
[prices]
title = "Prices, by month"
factor = "cost"
sign = "-"
transform = "log"
centre = 100.0
scale = 0.1
plausible = [1, 1e6]
likelihood = "student"
window = "month"
frequency = "monthly"
noise_floor = 0.02
{COMMON}
[mood]
title = "For talks"
factor = "cost"
sign = "+"
transform = "logit"
centre = 0.5
scale = 0.5
plausible = [0, 1]
likelihood = "poll"
window = "day"
frequency = "irregular"
noise_floor = 0.05
sample_size = 800
{COMMON}
[visits]
title = "Visits of the host"
factor = "host"
reference = true
sign = "+"
centre = 12.0
scale = 0.5
eras = [ {{ id = "early", from = 2024-01-01, to = 2024-06-30 }}, {{ id = "late", from = 2024-07-01, to = 2025-12-31 }} ]
{COMMON}{COUNT}
[items]
title = "News of the host"
factor = "host"
sign = "+"
centre = 30.0
scale = 0.5
exposure = true
exposure_unit = 100.0
{COMMON}{COUNT}
"""
EVENTS = """\
date,end_date,kind,round,published_on,description,source,grade
2024-01-20,,round,yes,2024-01-20,first,agency,A
2024-02-14,,round,yes,2024-02-14,second,agency,A
2024-02-15,,round,yes,2024-02-16,again,agency,A
2024-09-12,2024-09-14,meeting_one_side,no,2024-09-01,offer,agency,A
2024-09-13,,round,yes,2024-09-13,third,agency,A
2024-11-20,,meeting_agreed,no,2024-11-10,agreed,agency,A
2025-02-11,,round,yes,2025-02-12,where nobody had searched,agency,A
"""
COVERAGE = """\
from,to,q05,q95,published_on,note
2024-01-03,2024-06-30,0.9,0.99,2024-06-30,
2024-07-01,2025-02-02,0.7,0.9,2025-02-02,
"""

# location and spread of each prior on its family's own scale, by name or by the first part of it
PRIORS = {
    "half_life": (np.log(10.0), 0.4),
    "loading": (0.0, 0.4),
    "intercept": (0.0, 0.7),
    "noise": (np.log(0.3), 0.4),
    "dispersion": (np.log(8.0), 0.5),
    "capture.visits.early": (0.0, 0.7),
    "capture.visits.late": (1.5, 0.4),
    "level": (np.log(0.5), 0.3),
    "level_start": (0.0, 0.5),
    "pulse": (np.log(1.5), 0.4),
    "share_open": (-0.7, 0.6),
    "best_to_worst": (np.log(np.log(8.0)), 0.3),
    "rhythm.week_1": (np.log(0.4), 0.5),
    "rhythm.week_4": (np.log(0.1), 0.5),
    "war_level": (0.0, 0.7),
    "kept": (0.5, 0.6),
}
EFFECTS = [
    SimpleNamespace(factor="front", condition=None, role="losing", mean=0.4, sd=0.3),
    SimpleNamespace(factor="front", condition=None, role="winning", mean=-0.2, sd=0.15),
    SimpleNamespace(factor="cost", condition="north", role=None, mean=0.3, sd=0.3),
    SimpleNamespace(factor="cost", condition="south", role=None, mean=0.2, sd=0.3),
    SimpleNamespace(factor="host", condition="south", role=None, mean=0.5, sd=0.3),
]
GRADES = {"A": 1.0, "B": 1.3, "C": 2.0}
NOISE_TAILS, FACTOR_TAILS = 4.0, 5.0
REFERENCE = ReferenceCurve(
    ("1", "2-5", "6+"), np.array([6.0, 18.0, 60.0]), np.log([0.05, 0.03, 0.01]), np.array([0.2, 0.3, 0.4]), ("made up",)
)


class MadeUpPriors:
    """What the model asks of elicited priors."""

    effects: ClassVar = {names.AS_WRITTEN: EFFECTS}
    reference = REFERENCE
    files = SimpleNamespace(rhythm_weeks=(1, 4), noise_tails=NOISE_TAILS, factor_tails=FACTOR_TAILS, grades=GRADES, named_week_share=0.75)

    def __getitem__(self, name: str) -> SimpleNamespace:
        mu, sigma = PRIORS[name] if name in PRIORS else PRIORS[name.split(".")[0]]
        return SimpleNamespace(mu=float(mu), sigma=float(sigma))

    def __contains__(self, name: str) -> bool:
        return True

    def for_reading(self, reading: str) -> MadeUpPriors:
        return self


# --- A truth, and the files that it gives -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """What the made-up data were drawn from, by the names of the posterior."""

    values: Mapping[str, Array]


def draw_truth(rng: np.random.Generator) -> Truth:
    half_life = np.array([6.0, 12.0, 9.0])
    phi = 2 ** (-1 / half_life)
    path = np.zeros((3, len(WEEKS)))
    path[:, 0] = rng.normal(size=3)
    for t in range(1, len(WEEKS)):
        shock = np.array([rng.standard_t(FACTOR_TAILS) * np.sqrt(0.6), rng.normal(), rng.standard_t(FACTOR_TAILS) * np.sqrt(0.6)])
        path[:, t] = phi * path[:, t - 1] + np.sqrt(1 - phi**2) * shock
    return Truth(
        {
            "half_life": half_life,
            "path": path,
            "loading": np.array([1.6, 0.6, 1.3]),
            "intercept": np.array([0.5, -0.6, 0.4]),
            "noise": np.array([0.2, 0.3, 0.3, 0.25]),
            "dispersion": np.array([15.0, 10.0]),
            "capture": np.array([0.4, 0.85]),
            "level_path": np.interp(np.arange(len(WEEKS)), [0, 26, 52, len(WEEKS)], [0.0, 0.8, 0.4, 0.4])[None],
        }
    )


def write_data(folder: Path, truth: Truth, rng: np.random.Generator) -> None:
    value = truth.values
    path, level = value["path"], value["level_path"][0]
    noise = iter(value["noise"])
    cost = path[1] + level
    seen = [(t, sunday) for t, sunday in enumerate(WEEKS) if sunday < ORIGIN]
    rows: dict[str, list[str]] = {}

    def spread(floor: float, widening: float = 1.0, sampling: float = 0.0) -> float:
        return float(np.hypot((floor + next(noise)) * widening, sampling))

    def line(day: date, number: float, size: str = "", grade: str = "A") -> str:
        return f"{day},{number!r},{day + timedelta(days=2)},agency,{grade},{size}"

    own = spread(0.05)
    rows["ground"] = [line(day, float(10 * (path[0, t] + own * rng.standard_t(NOISE_TAILS)))) for t, day in seen]
    own = spread(0.05)
    rows["losses"] = [line(day, float(1000 * np.exp(0.3 * (cost[t] + own * rng.standard_t(NOISE_TAILS))))) for t, day in seen]
    own = spread(0.02)
    rows["prices"] = []
    for last in (date(2024 + m // 12, m % 12 + 1, 1) - timedelta(days=1) for m in range(1, 14)):
        inside = [t for t, day in seen if (day.year, day.month) == (last.year, last.month)]
        strength = value["intercept"][0] + value["loading"][0] * (path[1, inside].mean() + level[inside[-1]])
        rows["prices"].append(line(last, float(100 * np.exp(-0.1 * (strength + own * rng.standard_t(NOISE_TAILS))))))
    own = spread(0.05, GRADES["B"])
    rows["mood"] = []
    for t, day in seen[3::6]:
        strength = value["intercept"][1] + value["loading"][1] * cost[t] + own * rng.standard_t(NOISE_TAILS)
        share = rng.binomial(800, expit(0.5 * strength)) / 800
        rows["mood"].append(line(day - timedelta(days=2), float(share), "800" if t % 2 else "", "B"))
    for name, centre, which in (("visits", 12.0, 0), ("items", 30.0, 1)):
        rows[name] = []
        for t, day in seen:
            captured = value["capture"][0 if day <= date(2024, 6, 30) else 1] if which == 0 else 1.0
            exposure = 80 + 10 * (t % 5) if which else 100
            strength = (value["loading"][2] * path[2, t] + value["intercept"][2]) if which else path[2, t]
            mean = centre * captured * np.exp(0.5 * strength) * exposure / 100
            alpha = value["dispersion"][which]
            count = rng.negative_binomial(alpha, alpha / (alpha + mean))
            rows[name].append(line(day, int(count), str(exposure) if which else ""))
    for name, lines in rows.items():
        (folder / f"{name}.csv").write_text("observed_on,value,published_on,source,grade,sample_size\n" + "\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def truth() -> Truth:
    return draw_truth(np.random.default_rng(20))


@pytest.fixture(scope="session")
def spec(truth: Truth, tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    root = tmp_path_factory.mktemp("war")
    (root / "data").mkdir()
    (root / "ripeness.toml").write_text(RIPENESS)
    (root / "data" / "indicators.toml").write_text(INDICATORS)
    (root / "data" / "events.csv").write_text(EVENTS)
    (root / "data" / "coverage.csv").write_text(COVERAGE)
    write_data(root / "data", truth, np.random.default_rng(21))
    workspace = read_workspace(root)
    contracts = read_contracts(workspace)
    vintage = read_store(workspace).as_of(ORIGIN)
    panel = build_panel(vintage, contracts, workspace.question, GRADES)
    known_by = [sunday - timedelta(days=7) for sunday in panel.weeks]
    announced = announced_weeks(find_announcements(vintage.events), panel.weeks, known_by, 0.75)
    structure = build_inside(EFFECTS, workspace.factors, workspace.condition_ids)
    return ModelSpec(workspace, contracts, panel, cast(Priors, MadeUpPriors()), announced, tuple(CLASSES), structure)


# --- The same density, written again without PyTensor -------------------------------------------------------------------------------------


def normal(value: Array, mu: Any, sigma: Any) -> float:
    return float(stats.norm.logpdf(value, mu, sigma).sum())


def scales(*full_names: str) -> tuple[Array, Array]:
    priors = MadeUpPriors()
    return np.array([priors[name].mu for name in full_names]), np.array([priors[name].sigma for name in full_names])


def factors_by_hand(spec: ModelSpec, point: Point) -> tuple[float, Array, Array, float]:
    """Log density of priors, path and indicators; the path that the hazard reads; the path; log volume of the map to it from the white noise."""
    panel, n = spec.panel, len(WEEKS)
    total = normal(point["half_life_log__"], *scales(*["half_life"] * 3))
    total += normal(point["loading_log__"], *scales(*["loading"] * 3)) + normal(point["intercept"], *scales(*["intercept"] * 3))
    total += normal(point["noise_log__"], *scales(*["noise"] * 4)) + normal(point["dispersion_log__"], *scales(*["dispersion"] * 2))
    total += normal(point["logit_capture"], *scales("capture.visits.early", "capture.visits.late"))
    total += normal(point["level_log__"], *scales("level")) + normal(point["level_start"], *scales("level_start"))
    total += normal(point["level_moves"], 0, 1) + normal(point["pulse_log__"], *scales("pulse"))
    phi = 0.5 ** (1 / np.exp(point["half_life_log__"]))
    steps = np.exp(point["level_log__"][0]) * point["level_moves"][0]
    knots = point["level_start"][0] + np.array([0, steps[1], steps[1] + steps[2]])
    level = np.zeros((3, n))
    level[1] = np.interp(np.arange(n), [0, 26, 52], knots)

    # indicators: prices, mood and items are relative to the reference of their factor
    loading, intercept = np.ones(6), np.zeros(6)
    loading[[2, 3, 5]], intercept[[2, 3, 5]] = np.exp(point["loading_log__"]), point["intercept"]
    assert panel.indicators == ("ground", "losses", "prices", "mood", "visits", "items")
    factor = [0, 1, 1, 1, 2, 2]
    noise = np.array([0.05, 0.05, 0.02, 0.05]) + np.exp(point["noise_log__"])
    captured = np.array([*expit(point["logit_capture"]), 1.0])
    dispersion = np.exp(point["dispersion_log__"])
    precision, information = np.zeros((3, n)), np.zeros((3, n))
    rows, counts = panel.measured, panel.counted
    spreads = np.sqrt((noise[rows.indicator] * rows.widening) ** 2 + rows.sampling**2)
    for i, first, last, value, spread in zip(rows.indicator, rows.first, rows.last, rows.value, spreads, strict=True):
        weight = (NOISE_TAILS + 1) / (NOISE_TAILS + 3) / spread**2
        k, t = factor[i], (first + last) // 2
        precision[k, t] += loading[i] ** 2 * weight
        information[k, t] += loading[i] * weight * (value - intercept[i] - loading[i] * level[k, last])
    log_mean_at_zero = []
    for i, week, count, exposure, era in zip(counts.indicator, counts.week, counts.count, counts.log_exposure, counts.era, strict=True):
        slope, weight = 0.5 * loading[4 + i], 1 / (1 / (count + 0.5) + 1 / dispersion[i])
        log_mean_at_zero.append(np.log([12.0, 30.0][i]) + 0.5 * intercept[4 + i] + exposure + np.log(captured[era]))
        precision[2, week] += slope**2 * weight
        information[2, week] += slope * weight * (np.log(count + 0.5) - log_mean_at_zero[-1])

    white = point["white_noise"]
    path, log_volume = np.zeros((3, n)), 0.0
    for k in range(3):
        covariance = phi[k] ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
        posterior = np.linalg.inv(covariance) + np.diag(precision[k])
        root = np.linalg.cholesky(posterior)
        path[k] = np.linalg.solve(posterior, information[k]) + np.linalg.solve(root.T, white[k])
        spread = np.sqrt(1 - phi[k] ** 2)
        shocks = stats.norm(scale=spread) if k == 1 else stats.t(FACTOR_TAILS, scale=spread * np.sqrt((FACTOR_TAILS - 2) / FACTOR_TAILS))
        total += stats.norm.logpdf(path[k, 0]) + shocks.logpdf(path[k, 1:] - phi[k] * path[k, :-1]).sum()
        log_volume -= float(np.log(np.diag(root)).sum())
    for i, first, last, value, spread in zip(rows.indicator, rows.first, rows.last, rows.value, spreads, strict=True):
        k = factor[i]
        mean = intercept[i] + loading[i] * (path[k, first : last + 1].mean() + level[k, last])
        total += stats.t.logpdf(value, NOISE_TAILS, mean, spread)
    for i, week, count, at_zero in zip(counts.indicator, counts.week, counts.count, log_mean_at_zero, strict=True):
        mean = np.exp(at_zero + 0.5 * loading[4 + i] * path[2, week])
        total += stats.nbinom.logpmf(count, dispersion[i], dispersion[i] / (dispersion[i] + mean))

    pulsed = path.copy()
    for t, sunday in enumerate(WEEKS):
        since = (sunday - week_of(date(2024, 3, 5))).days // 7
        if since >= 0:
            pulsed[2, t] += np.exp(point["pulse_log__"][0]) * phi[2] ** since
    return float(total), pulsed, path, log_volume


def inside_by_hand(spec: ModelSpec, point: Point, variant: Variant, path: Array) -> tuple[float, Array]:
    data = reading_data(spec, names.AS_WRITTEN, variant)
    total = normal(point["intercept_open"], *scales("share_open", "share_open"))
    total += normal(point["log_best_to_worst_log__"], *PRIORS["best_to_worst"])
    total += normal(point["effect_size"], [effect.mean for effect in EFFECTS], [effect.sd for effect in EFFECTS])
    lose, win, north, south, host = point["effect_size"] * np.exp(point["log_best_to_worst_log__"]) * data["leverage"]
    a = point["intercept_open"]

    def s(x: Array) -> Array:
        return (np.logaddexp(0, 4 * x) - np.log(2)) / 4

    def score(z: Array) -> Array:
        u = np.stack(
            [lose * s(-z[0]) + win * s(z[0]) + north * z[1], lose * s(z[0]) + win * s(-z[0]) + south * z[1] + host * z[2]],
        )
        both = log_expit(a[:, None] + u) if variant == names.CONJUNCTIVE else expit(-a)[:, None] * u
        return np.asarray(both.sum(axis=0))

    fixed = score(spec.structure.points[:3])
    return total, score(path) - (logsumexp(fixed) - np.log(len(fixed)))


def hazard_by_hand(spec: ModelSpec, point: Point, inside: Array) -> float:
    record = spec.panel.record
    total = normal(point["log_rhythm"], *scales("rhythm.week_1", "rhythm.week_4"))
    total += normal(point["log_war_level"], *PRIORS["war_level"]) + normal(point["deviation"], 0, REFERENCE.sd[1:])
    total += normal(point["logit_kept"], *scales(*["kept"] * 4))
    fitted = [elicit_quantiles(*pair, "logitnormal", "found", Path("coverage.csv"), None) for pair in ((0.9, 0.99), (0.7, 0.9))]
    total += normal(point["logit_sensitivity"], [one.mu for one in fitted], [one.sigma for one in fitted])
    # classes at or below the active weeks give way to the rhythm
    knots = np.concatenate([point["log_rhythm"], REFERENCE.log_rate[1:] + point["log_war_level"] + point["deviation"]])
    places = np.log([1.0, 4.0, 18.0, 60.0])
    sensitivity = expit(point["logit_sensitivity"])
    added = -np.log1p(-expit(point["logit_kept"])) @ spec.announced
    alpha = {1: 1.0}  # dormancy to probability, in the week after that of the first round
    for t in range(record.start, len(WEEKS)):
        days = 3 / 7 if t == len(WEEKS) - 1 else 1.0
        held = {d: 1 - np.exp(-np.exp(np.interp(np.log(d), places, knots) + inside[t - 1]) * days - added[t]) for d in alpha}
        searched = record.stretch[t]
        if record.found[t]:
            q = sensitivity[searched] if searched != UNSEARCHED else 1.0
            total += np.log(q * sum(alpha[d] * held[d] for d in alpha))
            alpha = {1: 1.0}
            continue
        q = sensitivity[searched] if searched != UNSEARCHED else 0.0
        following = {d + 1: alpha[d] * (1 - held[d]) for d in alpha}
        following[1] = sum(alpha[d] * held[d] for d in alpha) * (1 - q)
        weight = sum(following.values())
        total += np.log(weight)
        alpha = {d: share / weight for d, share in following.items()}
    return float(total)


def by_hand(spec: ModelSpec, point: Point, variant: Variant, form: Form = "whitened") -> float:
    """Log density of a point, whose paths are given by their white noise, in the measure of a form's own coordinates."""
    if variant == names.OUTSIDE:
        return hazard_by_hand(spec, point, np.zeros(len(WEEKS)))
    factors, seen, _, log_volume = factors_by_hand(spec, point)
    prior, inside = inside_by_hand(spec, point, variant, seen)
    phi = 0.5 ** (1 / np.exp(point["half_life_log__"]))
    of_form = {"whitened": log_volume, "centred": 0.0, "non-centred": 0.5 * (len(WEEKS) - 1) * np.log(1 - phi**2).sum()}
    return factors + of_form[form] + prior + hazard_by_hand(spec, point, inside)


# --- Structure --------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=names.VARIANTS)
def variant(request: pytest.FixtureRequest) -> Variant:
    return cast(Variant, request.param)


def test_the_made_up_war_exercises_every_part(spec: ModelSpec) -> None:
    panel = spec.panel
    assert panel.origin_inside_week
    assert panel.record.found.sum() == 4
    assert set(panel.record.stretch.tolist()) == {0, 1, UNSEARCHED}
    assert panel.record.stretch[panel.record.last_round] == UNSEARCHED
    assert (panel.measured.last > panel.measured.first).any()
    assert (panel.measured.sampling > 0).any()
    assert set(panel.counted.era.tolist()) == {0, 1, 2}
    assert (spec.announced > 0).any(axis=1).sum() == 2


def random_points(spec: ModelSpec, variant: Variant) -> list[Point]:
    """Points of the whitened form."""
    start = build_model(spec, variant, form="whitened").initial_point()
    rng = np.random.default_rng(30)
    return [{name: np.asarray(value + rng.normal(0, 0.4, np.shape(value))) for name, value in start.items()} for _ in range(3)]


@pytest.mark.parametrize("form", ["whitened", "centred", "non-centred"])
def test_the_density_is_the_one_written_by_hand(spec: ModelSpec, variant: Variant, form: Form) -> None:
    density = build_model(spec, variant, form=form).compile_logp(mode="FAST_COMPILE")
    for point in random_points(spec, variant):
        own = dict(point)
        if variant != names.OUTSIDE and form != "whitened":
            own.pop("white_noise")
            path = factors_by_hand(spec, point)[2]
            phi = 0.5 ** (1 / np.exp(point["half_life_log__"]))[:, None]
            innovation = np.concatenate([path[:, :1], (path[:, 1:] - phi * path[:, :-1]) / np.sqrt(1 - phi**2)], axis=1)
            own |= {"path": path} if form == "centred" else {"innovation": innovation}
        assert float(density(own)) == pytest.approx(by_hand(spec, point, variant, form), rel=1e-8)


def test_dims_and_coords(spec: ModelSpec, variant: Variant) -> None:
    model = build_model(spec, variant, form="whitened")
    dims = {name: tuple(given) for name, given in model.named_vars_to_dims.items()}
    assert dims["hazard"] == (names.RISK,)
    assert dims["outside_knots"] == (names.KNOT,)
    assert dims["kept"] == (names.KEPT,)
    assert dims["sensitivity"] == (names.STRETCH,)
    assert len(model.coords[names.RISK]) == len(WEEKS) - spec.panel.record.start
    assert list(model.coords[names.KNOT]) == [1, 4, 18, 60]
    if variant == names.OUTSIDE:
        assert "path" not in dims
        assert "inside" not in dims
        return
    assert dims["path"] == dims["white_noise"] == (names.FACTOR, names.WEEK)
    assert dims["weight"] == (names.EFFECT,)
    assert dims["log_odds_open"] == (names.CONDITION, names.WEEK)
    assert dims["capture"] == (names.ERA,)
    assert dims["level_path"] == (names.LEVEL, names.WEEK)
    assert list(model.coords[names.FACTOR]) == ["front", "cost", "host"]
    assert list(model.coords[names.RELATIVE]) == ["prices", "mood", "items"]
    assert list(model.coords[names.ERA]) == ["visits early", "visits late"]
    assert list(model.coords[names.PULSE]) == ["host"]
    assert len(model.coords[names.EFFECT]) == len(set(model.coords[names.EFFECT])) == 5
    for name, variable in model.named_vars.items():
        if name in dims:
            sizes = tuple(len(model.coords[dim]) for dim in dims[name])
            assert tuple(variable.shape.eval(mode="FAST_COMPILE")) == sizes, name


def test_one_model_serves_both_forms(spec: ModelSpec) -> None:
    """The additive form is the conjunctive model with other data."""
    model = build_model(spec, "conjunctive", form="whitened")
    point = model.initial_point()
    point["effect_size"] = point["effect_size"] + 0.3
    own = float(model.compile_logp(mode="FAST_COMPILE")(point))
    for name, value in reading_data(spec, names.AS_WRITTEN, "additive").items():
        model[name].set_value(value)
    found = float(model.compile_logp(mode="FAST_COMPILE")(point))
    assert found == pytest.approx(by_hand(spec, point, "additive"), rel=1e-8)
    assert found != pytest.approx(own, rel=1e-8)


def test_the_curve_beyond_the_active_weeks_is_the_reference_class(spec: ModelSpec) -> None:
    basis = outside_basis(spec, 60)
    np.testing.assert_allclose(basis.sum(axis=1), 1)
    assert spec.reference.labels == ("2-5", "6+")


# --- The engine's density ---------------------------------------------------------------------------------------------------------------


def as_vector(coordinates: Coordinates, point: Point) -> Array:
    """A point of the whitened form in the engine's coordinates."""
    logs = {LOG: "{}_log__", LOG_ODDS: "logit_{}", PLAIN: "{}"}
    parts = [
        point[logs[part.stands_by].format(part.name)] for part, shape in zip(PARTS, coordinates.shapes, strict=True) if shape is not None
    ]
    return np.concatenate([np.ravel(part) for part in parts])


def test_the_engine_has_the_density_of_the_model(spec: ModelSpec, variant: Variant) -> None:
    """Equal up to a constant: the normalisation of the priors in x, and the white noise's own density."""
    coordinates = build_coordinates(spec, variant, names.AS_WRITTEN)
    problem = build_problem(spec, variant, names.AS_WRITTEN, coordinates)
    points = random_points(spec, variant)
    constants = []
    for point in points:
        x = as_vector(coordinates, point)
        constants.append(Density(problem)(x)[0] - by_hand(spec, point, variant))
    assert np.ptp(constants) < 1e-8 * abs(by_hand(spec, points[0], variant))
    assert np.ptp([by_hand(spec, point, variant) for point in points]) > 1


def test_the_engines_gradient_in_every_coordinate(spec: ModelSpec, variant: Variant) -> None:
    coordinates = build_coordinates(spec, variant, names.AS_WRITTEN)
    problem = build_problem(spec, variant, names.AS_WRITTEN, coordinates)
    x = as_vector(coordinates, random_points(spec, variant)[0])
    density = Density(problem)
    gradient = density(x)[1]
    step = 1e-5
    for i in range(len(x)):
        moved = np.eye(1, len(x), i)[0] * step
        difference = density(x + moved)[0] - density(x - moved)[0]
        assert gradient[i] == pytest.approx(difference / (2 * step), rel=1e-5, abs=1e-5), i


def test_what_follows_from_x_is_what_the_model_says(spec: ModelSpec, variant: Variant) -> None:
    """Names, dims and values of everything that is stored."""
    model = build_model(spec, variant, form="whitened")
    wanted = [variable for variable in model.unobserved_RVs if variable.name not in names.NOT_STORED]
    evaluate = model.compile_fn(model.replace_rvs_by_values(wanted), mode="FAST_COMPILE", point_fn=True)
    coordinates = build_coordinates(spec, variant, names.AS_WRITTEN)
    problem = build_problem(spec, variant, names.AS_WRITTEN, coordinates)
    points = random_points(spec, variant)
    found = expand_draws(spec, variant, coordinates, problem, np.stack([as_vector(coordinates, point) for point in points])[None])
    by_name = {variable.name: variable for variable in wanted if not str(variable.name).startswith("logit_")}
    assert set(found.data_vars) == set(by_name)
    for draw, point in enumerate(points):
        for variable, value in zip(wanted, evaluate(point), strict=True):
            if variable.name in by_name:
                own = found[variable.name]
                assert own.dims[2:] == tuple(model.named_vars_to_dims.get(variable.name, ()))
                np.testing.assert_allclose(own.values[0, draw], value, rtol=1e-9, atol=1e-11, err_msg=str(variable.name))
    for dim in found.dims:
        if dim not in (names.CHAIN, names.DRAW):
            assert list(found.coords[dim].values) == list(model.coords[dim])


def test_a_problem_travels_whole(spec: ModelSpec) -> None:
    coordinates = build_coordinates(spec, "conjunctive", names.AS_WRITTEN)
    problem = build_problem(spec, "conjunctive", names.AS_WRITTEN, coordinates)
    for ours, theirs in zip(open_problem(table_of(problem)), problem, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_a_density_that_is_no_number_is_told(spec: ModelSpec) -> None:
    coordinates = build_coordinates(spec, "outside", names.AS_WRITTEN)
    density = Density(build_problem(spec, "outside", names.AS_WRITTEN, coordinates))
    value, gradient, known = density.evaluate(coordinates.mean)
    assert known and np.isfinite(value) and np.isfinite(gradient).all()
    value, _, known = density.evaluate(np.full(len(coordinates.mean), np.nan))
    assert not known and np.isnan(value)


# --- One real fit -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def posterior(spec: ModelSpec) -> xr.Dataset:
    tree = sample_posterior(spec, "conjunctive", names.AS_WRITTEN, FitSettings(chains=4, tune=300, draws=250, seed=1), seed=1)
    assert int(tree["sample_stats"]["diverging"].sum()) == 0
    return tree["posterior"].to_dataset()


def ranks(posterior: xr.Dataset, truth: Truth, name: str) -> Array:
    """Share of draws below the truth, for each element."""
    return np.asarray((posterior[name] < truth.values[name]).mean(("chain", "draw")).values.ravel())


def test_the_fit_finds_the_parameters_again(posterior: xr.Dataset, truth: Truth) -> None:
    known = ("half_life", "loading", "intercept", "noise", "dispersion", "capture")
    found = np.concatenate([ranks(posterior, truth, name) for name in known])
    assert len(found) == 3 + 3 + 3 + 4 + 2 + 2
    outside = (found < 0.005) | (found > 0.995)
    assert outside.sum() <= 1, dict(zip(known, [ranks(posterior, truth, name).round(3) for name in known], strict=True))
    # ranks of a right posterior are uniform: their mean is 0.5 with standard deviation 0.07
    assert found.mean() == pytest.approx(0.5, abs=0.25)


def test_the_fit_finds_the_paths_again(posterior: xr.Dataset, truth: Truth) -> None:
    found = ranks(posterior, truth, "path")
    assert ((found > 0.005) & (found < 0.995)).mean() > 0.93
    assert 0.35 < ((found > 0.25) & (found < 0.75)).mean() < 0.7
    means = posterior["path"].mean(("chain", "draw")).values
    for own, true in zip(means, truth.values["path"], strict=True):
        assert np.corrcoef(own, true)[0, 1] > 0.8


def test_the_data_taught_the_fit_something(posterior: xr.Dataset) -> None:
    """A posterior as wide as the prior would cover every truth: weekly series are to narrow theirs by half."""
    for name in ("loading", "noise"):
        spread = np.log(posterior[name]).std(("chain", "draw")).values
        assert spread.min() < 0.6 * PRIORS[name][1], name
    early = np.log(posterior["capture"]).isel({names.ERA: 0}).std().item()
    assert early < 0.8 * np.std(log_expit(np.random.default_rng(1).normal(0, 0.7, 10_000)))


def test_the_chains_agree(posterior: xr.Dataset) -> None:
    between = posterior["path"].isel({names.WEEK: -1}).mean("draw").std("chain")
    within = posterior["path"].isel({names.WEEK: -1}).std(("chain", "draw"))
    assert float((between / within).max()) < 0.3


def test_the_same_seed_gives_the_same_draws_and_another_gives_others(spec: ModelSpec) -> None:
    """Chains run at the same time, in other places of memory each time: to the last bit nothing of that may show."""
    short = FitSettings(chains=4, tune=100, draws=100, seed=1)
    first, second, other = (
        sample_posterior(spec, "conjunctive", names.AS_WRITTEN, short, seed=seed)["posterior"]["path"].values for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
