"""A small made-up war that exercises every part of the model: its workspace, its priors, a truth, and data drawn from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from small_workspace import FITS, HEADLINE_FITS

from ripeness import names
from ripeness.attribution.futures import Origin, Start
from ripeness.calendar import week_grid
from ripeness.data.events import CLASSES, TIED
from ripeness.data.indicators import read_contracts
from ripeness.data.panel import build_panel
from ripeness.data.vintages import read_store
from ripeness.elicitation.elicited import Priors
from ripeness.elicitation.reference import ReferenceCurve
from ripeness.model.meetings import Announcement, find_announcements, lay_out_meetings
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.terms.conditions import build_inside
from ripeness.reweighting.stored import Base
from ripeness.workspace import read_workspace

Array = NDArray[np.float64]

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
[mixture]
substitutable = 0.3
tempered = 0.4
rationale = "made up"
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
reads = "cumulative"
effects = { north = "+", south = "+" }
[[factor]]
id = "host"
label = "Host"
plus = "a host is busy"
tails = "shocks"
effects = { south = "+" }
pulse = 2024-03-05
[[rung]]
id = "swap"
label = "Swap"
text = "Will prisoners be swapped?"
definition = "Prisoners go both ways."
void = "If either is no more."
kinds = ["prisoner_exchange"]
conditions = ["south"]
searched = [ { from = 2024-01-22, to = 2024-06-30, q05 = 0.5, q95 = 0.7 }, { from = 2024-07-15, q05 = 0.8, q95 = 0.95 } ]
[[rung]]
id = "halt"
label = "Halt"
text = "Will both halt some kind of strikes?"
definition = "Both declare a halt."
void = "If either is no more."
kinds = ["truce_agreed"]
conditions = ["north", "south"]
searched = [ { from = 2024-01-22, q05 = 0.8, q95 = 0.95 } ]
[[rung]]
id = "peace"
label = "Peace"
text = "Will a ceasefire come into force?"
definition = "A ceasefire everywhere."
void = "If either is no more."
kinds = ["ceasefire"]
part_of = "halt"
[[rung]]
id = "leaders"
label = "Leaders"
text = "Will both leaders join a round?"
definition = "A round with both leaders."
void = "If either is no more."
kinds = ["leaders_meeting"]
part_of = "round"
[[rung]]
id = "visit"
label = "Visit"
text = "Will the host travel again?"
definition = "The host travels."
void = "If either is no more."
indicator = "visits"
horizons_weeks = [1, 4]
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
errors = "normal"
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
2024-02-01,,prisoner_exchange,no,2024-02-02,before talks,agency,A
2024-02-20,,prisoner_exchange,no,2024-02-21,one,agency,A
2024-02-22,,prisoner_exchange,no,2024-02-23,two in a week,agency,A
2024-07-09,,prisoner_exchange,no,2024-07-10,where nobody looked,agency,A
2024-09-30,,prisoner_exchange,no,2024-10-01,three,agency,A
2024-03-11,2024-03-13,truce_agreed,no,2024-03-14,some days,agency,A
2024-10-20,,ceasefire,no,2024-10-21,everywhere,agency,A
2024-02-14,,leaders_meeting,no,2024-02-14,both leaders,agency,A
2024-05-14,,leaders_meeting,no,2024-05-15,on another matter,agency,A
"""
COVERAGE = """\
from,to,q05,q95,published_on,note
2024-01-03,2024-06-30,0.9,0.99,2024-06-30,
2024-07-01,2025-02-02,0.7,0.9,2025-02-02,
"""

# location and spread of each prior on its family's own scale, by name or by the first part of it
PRIORS = {
    "half_life": (np.log(10.0), 0.4),
    "factor_scale": (0.0, 0.3),
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
    "interaction": (0.3, 0.4),
    "cause_weight": (0.2, 0.6),
    "best_to_worst": (np.log(np.log(8.0)), 0.3),
    "rhythm.week_1": (np.log(0.4), 0.5),
    "rhythm.week_4": (np.log(0.1), 0.5),
    "war_level": (0.0, 0.7),
    "track_record": (0.3, 0.2),
    "kept": (0.5, 0.6),
    "recorded": (0.8, 0.5),
    "share_announced": (0.6, 0.5),
    "class_split": (0.4, 0.6),
    "lead.median": (np.log(5.0), 0.4),
    "lead.spread": (np.log(0.8), 0.3),
    "rung_rate": (np.log(0.1), 0.6),
    "rung_exponent": (np.log(0.7), 0.4),
    "rung_active": (np.log(1.6), 0.4),
    "rung_dispersion": (np.log(2.0), 0.5),
    "rung_share": (-2.0, 0.8),
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
    ("1", "2-5", "6+"), np.array([6.0, 18.0, 60.0]), np.log([0.05, 0.03, 0.01]), np.array([0.2, 0.3, 0.4]), ("made up",), 0.9
)


class MadeUpPriors:
    """What the model asks of elicited priors."""

    effects: ClassVar = {names.AS_WRITTEN: EFFECTS}
    reference = REFERENCE
    files = SimpleNamespace(
        rhythm_weeks=(1, 4),
        noise_tails=NOISE_TAILS,
        factor_tails=FACTOR_TAILS,
        grades=GRADES,
        named_week_share=0.75,
        entries={"track_record": None},
    )

    def __getitem__(self, name: str) -> SimpleNamespace:
        mu, sigma = PRIORS[name] if name in PRIORS else PRIORS[name.split(".")[0]]
        return SimpleNamespace(mu=float(mu), sigma=float(sigma))

    def __contains__(self, name: str) -> bool:
        return name in PRIORS or name.split(".")[0] in PRIORS

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
            "factor_scale": np.array([0.8, 1.3, 1.1]),
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
    path, level = value["factor_scale"][:, None] * value["path"], value["level_path"][0]
    noise = iter(value["noise"])
    cost = path[1] + level
    seen = [(t, sunday) for t, sunday in enumerate(WEEKS) if sunday < ORIGIN]
    rows: dict[str, list[str]] = {}

    def spread(floor: float, widening: float = 1.0, sampling: float = 0.0) -> float:
        return float(np.hypot((floor + next(noise)) * widening, sampling))

    def line(day: date, number: float, size: str = "", grade: str = "A") -> str:
        return f"{day},{number!r},{day + timedelta(days=2)},agency,{grade},{size}"

    own = spread(0.05)
    rows["ground"] = [line(day, float(10 * (path[0, t] + own * rng.standard_normal()))) for t, day in seen]
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


def make_spec(root: Path, truth: Truth) -> ModelSpec:
    """The war's workspace, written to an empty folder, and laid out for the model."""
    (root / "data").mkdir()
    (root / "ripeness.toml").write_text(RIPENESS)
    (root / "data" / "indicators.toml").write_text(INDICATORS)
    (root / "data" / "events.csv").write_text(EVENTS)
    (root / "data" / "coverage.csv").write_text(COVERAGE)
    write_data(root / "data", truth, np.random.default_rng(21))
    workspace = read_workspace(root)
    contracts = read_contracts(workspace)
    vintage = read_store(workspace).as_of(ORIGIN)
    panel = build_panel(vintage, contracts, workspace.question, GRADES, workspace.rungs)
    meetings = lay_out_meetings(find_announcements(vintage.events), panel.weeks, panel.record.start, 0.75)
    structure = build_inside(EFFECTS, workspace.factors, workspace.condition_ids)
    return ModelSpec(workspace, contracts, panel, cast(Priors, MadeUpPriors()), meetings, structure)


# --- Draws, as if it had been fitted ------------------------------------------------------------------------------------------------------


def make_draws(spec: ModelSpec, rng: np.random.Generator, draws: int) -> dict[str, Array]:
    """What the weeks ahead read of a fit, (draw, …), drawn anyhow."""
    weeks, conditions = len(spec.panel.weeks), len(spec.workspace.conditions)
    knots = len(spec.priors.files.rhythm_weeks) + len(spec.reference.dormancy_weeks)
    return {
        "half_life": rng.lognormal(np.log(10.0), 0.4, (draws, 3)),
        "factor_scale": np.tile([1.5, 0.8, 1.0], (draws, 1)),
        "path": rng.normal(size=(draws, 3, weeks)),
        "weight": rng.normal(0.4, 0.4, (draws, len(spec.structure.effects))),
        "intercept_open": rng.normal(-0.5, 0.7, (draws, conditions)),
        "normaliser": rng.normal(-2.0, 0.3, draws),
        "cause_share": rng.dirichlet(np.full(conditions, 4.0), draws),
        "cause_normaliser": rng.normal(0.3, 0.3, (draws, conditions)),
        "outside_knots": np.linspace(-1.5, -4.0, knots) + rng.normal(0.0, 0.5, (draws, knots)),
        "kept": rng.beta(2.0, 3.0, (draws, len(CLASSES))),
        "recorded": rng.beta(4.0, 2.0, (draws, len(TIED))),
        "share_announced": rng.beta(4.0, 2.0, draws),
        "class_split": rng.beta(3.0, 2.0, (draws, len(TIED) - 1)),
        "lead_median": rng.lognormal(np.log(5.0), 0.4, draws),
        "lead_spread": rng.lognormal(np.log(0.8), 0.3, draws),
        "pulse": rng.lognormal(np.log(3.0), 0.3, (draws, sum(factor.pulse is not None for factor in spec.workspace.factors))),
        "level": np.full((draws, 1), 0.5),
        "level_start": rng.normal(0.3, 0.5, (draws, 1)),
        "level_moves": rng.normal(size=(draws, 1, -(-weeks // 26))),
        "loading": np.ones((draws, 3)),
        "intercept": np.zeros((draws, 3)),
        "noise": np.full((draws, 4), 0.3),
        "dispersion": np.full((draws, 2), 8.0),
        "capture": np.full((draws, 2), 0.8),
        "rung_rate": rng.lognormal(np.log(0.1), 0.4, (draws, 2)),
        "rung_exponent": rng.lognormal(np.log(0.7), 0.3, (draws, 2)),
        "rung_active": rng.lognormal(np.log(1.6), 0.3, (draws, 2)),
        "rung_dispersion": rng.lognormal(np.log(2.0), 0.3, (draws, 2)),
        "rung_searched": rng.beta(8.0, 2.0, (draws, len(spec.panel.events.searches))),
        "rung_normaliser": rng.normal(-0.5, 0.1, (draws, 2)),
        "rung_share": rng.beta(1.0, 8.0, (draws, 2)),
        "track_record": rng.normal(0.3, 0.2, draws),
    }


def make_origin(spec: ModelSpec, draws: int = 60) -> Origin:
    """What scenarios of the made-up war start from, with a meeting announced, a jump of the front, and two horizons, the headline's the shorter."""
    question = spec.workspace.question.model_copy(update={"headline_weeks": 4})
    front, *others = spec.workspace.factors
    factors = (front.model_copy(update={"pulse": date(2025, 1, 15)}), *others)
    spec = replace(spec, workspace=replace(spec.workspace, question=question, factors=factors))
    announced = [Announcement("agreed", date(2025, 3, 18), date(2025, 3, 21), date(2025, 2, 10), None)]  # across the first target
    starts = {}
    for place, (name, variant, _) in enumerate(FITS[: len(HEADLINE_FITS)]):
        rng = np.random.default_rng([5, place])
        state = np.zeros((draws, 24))
        state[:, [8, 15, 23]] = rng.dirichlet([1.0, 2.0, 20.0], draws)
        forward, weight = np.random.SeedSequence([9, place]), spec.workspace.mixture.weights[name]
        starts[name] = Start(cast(Variant, variant), make_draws(spec, rng, draws), state, forward, float(draws), weight)
    return Origin(spec, announced, cast(Base, None), starts, 1)
