"""A made-up run of a made-up war: the structure of forecast.json and posterior.nc, with text in it that means harm."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from small_workspace import FITS, HEADLINE_FITS

from ripeness import names

Array = NDArray[np.float64]

ORIGIN = date(2031, 3, 30)
WEEKS = [ORIGIN - timedelta(days=7 * back) for back in range(59, -1, -1)]
HOSTILE = '<script>alert("x")</script><img src="https://evil.example/x.png">'
HORIZONS = (4, 13, 26, 52)


def quantiles(median: float, spread: float) -> dict[str, float]:
    return {"lower": median - spread, "median": median, "upper": median + spread}


def interval(mean: float, spread: float) -> dict[str, float]:
    return {"mean": mean, "lower": mean - spread, "upper": mean + spread}


def forecast(question: str, source: str, weeks: int, probability: float) -> dict[str, Any]:
    inside = question == "round" and source != "outside"
    return {
        "question": question,
        "source": source,
        "horizon_weeks": weeks,
        "target_end_date": (ORIGIN + timedelta(days=7 * weeks)).isoformat(),
        "probability": probability,
        "lower": probability / 3,
        "upper": min(2 * probability, 0.99),
        "mc_error": 0.002,
        "outside_view": 0.234,
        "level_only": 0.212 if inside else None,
        "inside_multiplier": probability / 0.212 if inside else None,
        "usual_multiplier": 0.8 if inside else None,
        "now_multiplier": probability / 0.212 / 0.8 if inside else None,
    }


def bridge(name: str, probability: float, price: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": name,
        "label": f"A meeting, as the {name} asks",
        "text": f"Will they meet? {HOSTILE}",
        "venue": name.capitalize(),
        "market": f"{name}:meet",
        "rung": "round",
        "by": "2031-06-30",
        "rules": f"A call counts too. {HOSTILE}",
        "outside_view": 0.345,
        "forecasts": [
            {"source": source, "probability": p, "lower": p / 3, "upper": 2 * p, "mc_error": 0.002}
            for source, p in (("mixture", probability), ("conjunctive_as_written", probability / 2))
        ],
        "price": price,
    }


def gate(passed: bool) -> dict[str, Any]:
    criteria = [
        {
            "name": "rhat",
            "words": "largest R-hat",
            "value": 1.004 if passed else 1.37,
            "limit": 1.01,
            "sense": "at most",
            "passed": passed,
            "worst": "weight[supply → east]",
        },
        {
            "name": "ess_bulk",
            "words": "smallest bulk effective sample size",
            "value": 812.0,
            "limit": 400.0,
            "sense": "at least",
            "passed": True,
            "worst": "",
        },
    ]
    fits = [{"fit": name, "passed": passed, "attempts": 1, "criteria": criteria} for name, _, _ in FITS]
    return {"passed": passed, "fits": fits}


def path_of(middle: Array) -> dict[str, Any]:
    return {
        "weeks": [week.isoformat() for week in WEEKS],
        "lower": (middle - 0.5).tolist(),
        "median": middle.tolist(),
        "upper": (middle + 0.5).tolist(),
    }


def made_up_summary() -> dict[str, Any]:
    chances = {4: 0.061, 13: 0.174, 26: 0.301, 52: 0.487}
    sources = {"mixture": 1.0, "conjunctive": 1.0, "substitutable": 1.2} | dict(
        zip((name for name, _, _ in FITS), (1.1, 0.9, 1.3, 1.1, 1.34), strict=True)
    )
    rows = [forecast("round", source, weeks, factor * chances[weeks]) for source, factor in sources.items() for weeks in HORIZONS]
    rows += [
        forecast("sustained", source, weeks, 0.2 * factor * chances[weeks]) for source, factor in sources.items() for weeks in HORIZONS
    ]
    past = np.linspace(0.01, 0.05, len(WEEKS) - 1)
    ahead = np.linspace(0.012, 0.02, 52)
    curve = 1 - np.exp(-np.cumsum(ahead))
    curves = {
        f"{what}_{part}": (values * factor).tolist()
        for what, values in (("hazard", ahead), ("by_week", curve), ("multiplier", ahead * 50))
        for part, factor in (("mean", 1.0), ("lower", 0.4), ("upper", 1.5))
    }
    reading = {"prior": interval(0.4, 0.5) | {"p_claimed": 0.82}, "posterior": interval(0.31, 0.4) | {"p_claimed": 0.77}}
    return {
        "schema": 1,
        "title": "Will East and West talk?",
        "question": {
            "id": "round",
            "text": "Will delegations of East and West meet?",
            "definition": "A round is a meeting of delegations.",
            "void": "The question is void if nobody is left.",
            "parties": ["East", "West"],
            "active_weeks": 8,
            "sustained_rounds": 3,
            "sustained_weeks": 13,
        },
        "origin": ORIGIN.isoformat(),
        "run_id": "0123456789abcdef",
        "code_version": "0.1.0+abc",
        "seed": 7,
        "data_hash": "d" * 64,
        "priors_hash": "p" * 64,
        "versions": {"pymc": "6.0.0", "arviz": "1.3.0"},
        "command": "ripeness report --as-of 2031-03-30 --seed 7",
        "essay": {"title": "On talking", "author": "A. Nobody", "date": "2030-01-02"},
        "dormancy": {"last_round": "2030-11-20", "weeks": 18, "active": False, "missed_round_probability": 0.012},
        "headline_weeks": 13,
        "mixture": {
            "weights": dict(zip(HEADLINE_FITS, (0.375, 0.375, 0.125, 0.125), strict=True)),
            "rationale": "Even, as nobody knows. " + HOSTILE,
        },
        "forecasts": rows,
        "hazard_past": {
            "weeks": [w.isoformat() for w in WEEKS[1:]],
            "mean": past.tolist(),
            "lower": (past / 3).tolist(),
            "upper": (past * 3).tolist(),
            "outside_mean": (past * 1.2).tolist(),
        },
        "rounds": ["2030-04-02", "2030-04-20", "2030-11-20"],
        "ahead": {
            "weeks": [(ORIGIN + timedelta(days=7 * k)).isoformat() for k in range(1, 53)],
            "mixture": curves,
            "outside": {k: [1.3 * x for x in v] for k, v in curves.items()},
        },
        "bridges": [
            bridge("fair", 0.123, {"date": "2031-03-28", "probability": 0.27, "note": f"day inferred {HOSTILE}"}),
            bridge("bazaar", 0.456, None),
        ],
        "announcements": [
            {
                "class": "one_side",
                "class_label": "proposed by one side",
                "first": "2031-04-10",
                "last": "2031-04-12",
                "known": "2031-03-20",
                "kept": interval(0.31, 0.2),
            },
        ],
        "conditions": [
            {
                "id": name,
                "label": f"{name.capitalize()} is willing",
                "open_now": interval(0.2, 0.1),
                "usual_prior": interval(0.4, 0.25),
                "usual_posterior": interval(0.35, 0.2),
                "by_reading": {"as_written": interval(0.22, 0.1), "tempered": interval(0.19, 0.1)},
            }
            for name in ("east", "west")
        ],
        "factors": [
            {
                "id": "supply",
                "label": "Supply",
                "plus": "the East has plenty",
                "observed": True,
                "level": True,
                "reads": "departure",
                "read_ratio": 1.0,
                "now": interval(0.7, 0.4),
                "path": path_of(np.linspace(-1, 1, len(WEEKS))),
                "half_life": {"prior": quantiles(20, 10), "posterior": quantiles(15, 6)},
                "indicators": ["bread", "coal"],
                "effects": ["supply → east"],
            },
            {
                "id": "trust",
                "label": "Trust",
                "plus": "old friends write letters",
                "observed": False,
                "level": False,
                "reads": "departure",
                "read_ratio": 1.0,
                "now": interval(0.0, 1.6),
                "path": path_of(np.where(np.arange(len(WEEKS)) < 30, 0.0, 2.0 * 0.9 ** np.arange(-30, len(WEEKS) - 30))),
                "half_life": {"prior": quantiles(50, 30), "posterior": quantiles(50, 30)},
                "indicators": [],
                "effects": ["trust losing"],
            },
        ],
        "effects": [
            {
                "id": "supply → east",
                "factor": "supply",
                "condition": "east",
                "role": None,
                "direction": "-",
                "readings": {"as_written": reading, "tempered": reading},
                "claims": ["plenty-hardens"],
                "citations": ["smith2001"],
                "rationale": "Plenty hardens hearts.",
                "analogue": {
                    "mechanism": "harvests",
                    "measure": "tons of grain",
                    "per": "one standard deviation",
                    "outcome": "any trace of talks",
                    "ratio": 0.8,
                    "lower": 0.7,
                    "upper": 0.91,
                    "wars": 40,
                    "onsets": 120,
                    "p_claimed": 0.97,
                    "claims": ["plenty-hardens"],
                    "citations": ["smith2001"],
                },
                "moved": False,
            },
            {
                "id": "trust losing",
                "factor": "trust",
                "condition": None,
                "role": "losing",
                "direction": "+",
                "readings": {"as_written": reading, "tempered": reading},
                "claims": [],
                "citations": [],
                "rationale": "",
                "analogue": None,
                "moved": True,
            },
        ],
        "drivers": [
            {
                "name": f"driver_{n}",
                "label": f"driver number {n}",
                "unit": "weeks",
                "reading": ("as_written", None)[n % 2],
                "prior": quantiles(5, 3),
                "posterior": quantiles(4, 1 + n / 4),
                "moved": n == 0,
                "shift": 0.5 / (1 + n),
                "claims": ["plenty-hardens"] if n == 1 else [],
                "citations": ["smith2001"],
                "rationale": "A round number.",
            }
            for n in range(4)
        ],
        "indicators": [
            {
                "id": name,
                "title": title,
                "unit": "loaves",
                "family": family,
                "factor": "supply",
                "reference": name == "bread",
                "source": HOSTILE,
                "newest_observed_on": "2031-03-23",
                "newest_published_on": "2031-03-24",
                "newest_value": 12345.0,
                "days_old": 7,
                "expected_lag_days": 2,
                "overdue": name == "coal",
                "ended": None,
                "weeks_seen": 40,
            }
            for name, title, family in (("bread", "Bread baked", "economy"), ("coal", f"Coal {HOSTILE}", "public"))
        ],
        "claims": [
            {
                "id": "plenty-hardens",
                "paragraph": 3,
                "locator": f"plenty {HOSTILE}",
                "paraphrase": "Plenty makes the East stubborn.",
                "mechanism": "economic",
                "direction": "-",
                "strength": "may",
                "about": "effect",
                "factor": "supply",
                "condition": "east",
                "role": None,
                "state": None,
            }
        ],
        "paragraphs": 12,
        "citations": {"smith2001": "Smith, J. (2001). On bread. https://doi.org/10.0/x"},
        "gate": gate(True),
        "coverage": {
            "searched_to": "2031-03-30",
            "stretches": [{"first": "2030-01-01", "last": "2031-03-30", "lower": 0.97, "upper": 0.999}],
        },
        "graph": {
            "nodes": [
                {"id": "half_life", "kind": "free", "plate": "factor"},
                {"id": "path", "kind": "deterministic", "plate": "factor x week"},
                {"id": "log_war_level", "kind": "free", "plate": ""},
                {"id": "hazard", "kind": "deterministic", "plate": "week"},
                {"id": "rounds_density", "kind": "potential", "plate": None},
            ],
            "edges": [["half_life", "path"], ["path", "hazard"], ["log_war_level", "hazard"], ["hazard", "rounds_density"]],
        },
        "previous": None,
        "reweighted": None,
    }


def made_up_tree() -> xr.DataTree:
    rng = np.random.default_rng(11)
    chains, draws, weeks = 4, 50, np.array([str(week) for week in WEEKS], dtype="datetime64[ns]")
    sampled = (names.CHAIN, names.DRAW)
    groups: dict[str, xr.Dataset] = {}
    kept = {fit: draws - 10 * place for place, fit in enumerate(HEADLINE_FITS)}  # by its weight
    for fit, draws in kept.items():
        groups[f"{fit}/posterior"] = xr.Dataset(
            {
                "level_path": ((*sampled, names.LEVEL, names.WEEK), np.full((chains, draws, 1, len(weeks)), 0.5)),
                "loading": ((*sampled, names.RELATIVE), np.full((chains, draws, 1), 2.0)),
                "intercept": ((*sampled, names.RELATIVE), np.full((chains, draws, 1), 1.0)),
                "log_war_level": (sampled, rng.normal(size=(chains, draws))),
                "log_best_to_worst": (sampled, rng.normal(size=(chains, draws))),
            },
            coords={names.WEEK: weeks, names.LEVEL: ["supply"], names.RELATIVE: ["coal"]},
        )
    for fit, draws in kept.items():
        groups[f"{fit}/{names.PREDICTIONS}"] = xr.Dataset(
            {"within": ((*sampled, names.HORIZON), rng.uniform(size=(chains, draws, 4)))}, coords={names.HORIZON: list(HORIZONS)}
        )
    groups["data"] = xr.Dataset(
        {
            "indicator": (names.OBSERVATION, ["bread"] * 3 + ["coal"] * 2),
            "observed_on": (names.OBSERVATION, weeks[[3, 10, 20, 5, 30]]),
            "scaled": (names.OBSERVATION, [0.5, 1.0, 1.5, 4.0, 3.0]),
        }
    )
    return xr.DataTree.from_dict(groups)


def made_up_record() -> dict[str, Any]:
    """Two years of forecasts, one every four weeks: some resolved, one void, the last still open, the first in hindsight."""
    history: list[dict[str, Any]] = []
    resolved: list[dict[str, Any]] = []
    for number in range(26):
        origin = ORIGIN - timedelta(days=28 * (25 - number))
        outcome = "open" if number > 21 else "void" if number == 12 else ("no", "no", "yes")[number % 3]
        issued = "hindsight" if number < 4 else "ahead"
        probability = 0.12 + 0.02 * (number % 9)
        about = {
            "run_id": f"{number:012x}",
            "question": "round",
            "origin": origin.isoformat(),
            "horizon_weeks": 13,
            "target_end_date": (origin + timedelta(days=91)).isoformat(),
            "probability": probability,
            "outside_view": 0.2,
            "outcome": outcome,
            "issued": issued,
        }
        history.append(about | {"lower": probability / 3, "upper": 2 * probability})
        if outcome != "open":
            y = outcome == "yes"
            scores = {
                "brier": (probability - y) ** 2,
                "outside_brier": (0.2 - y) ** 2,
                "log_score": float(-np.log(probability if y else 1 - probability)),
                "outside_log_score": float(-np.log(0.2 if y else 0.8)),
            }
            searched = {"sensitivity_q05": 0.8, "sensitivity_q95": 0.92}
            reason = {"yes": "round on 2030-04-02", "no": "no round on record", "void": f"nobody is left {HOSTILE}"}[outcome]
            if outcome == "void":
                scores, searched = dict.fromkeys(scores), dict.fromkeys(searched)  # type: ignore[assignment]
            resolved.insert(0, about | scores | searched | {"reason": reason, "as_of": ORIGIN.isoformat()})
    means = {"brier": 0.187, "outside_brier": 0.203, "log_score": 0.551, "outside_log_score": 0.578}
    return {
        "as_of": ORIGIN.isoformat(),
        "headline_weeks": 13,
        "counts": {
            "ahead": {"issued": 22, "open": 4, "resolved": 17, "void": 1, "due": 1},
            "late": dict.fromkeys(("issued", "open", "resolved", "void", "due"), 0),
            "hindsight": {"issued": 4, "open": 0, "resolved": 4, "void": 0, "due": 0},
        },
        "scores": [
            {"issued": issued, "question": "round", "horizon_weeks": 13, "resolved": number, "yes": yes, **means}
            for issued, number, yes in (("ahead", 17, 6), ("hindsight", 4, 1))
        ],
        "resolved": resolved,
        "history": history,
        "versions": [
            history[n] | {"run_id": f"{n}" * 12, "probability": p, "issued_on": day, "differs": differs, "issued": issued}
            for n, p, day, differs, issued in (
                (5, 0.41, "2029-06-04", "", "ahead"),
                (5, 0.43, "2029-06-05", "code; run", "late"),
                (6, 0.47, None, "", "hindsight"),
            )
        ],
        "heads": [
            {"name": "ledger.csv", "rows": 29, "digest": "a1" * 32},
            {"name": "resolutions.csv", "rows": 1, "digest": "b2" * 32},
            {"name": "bridges.csv", "rows": 3, "digest": None},
        ],
        "bridges": made_up_bridges(),
    }


def made_up_bridges() -> list[dict[str, Any]]:
    """Four forecasts of what markets asked: one open, one without a price, one in hindsight."""
    settled = (("ahead", 0.2, 0.4, "no"), ("ahead", 0.3, None, "yes"), ("hindsight", 0.9, 0.5, "yes"), ("ahead", 0.1, 0.2, "open"))
    return [
        {
            "bridge": f"bridge_{n}",
            "label": f"Question {n} {HOSTILE}",
            "market": "fair:meet",
            "run_id": "0" * 12,
            "origin": "2030-01-06",
            "by": f"2030-0{4 - n}-01",
            "issued": issued,
            "probability": p,
            "price": price,
            "price_on": None if price is None else "2030-01-05",
            "outcome": outcome,
            "reason": f"settled by its market {HOSTILE}",
            "brier": None if outcome == "open" else (p - (outcome == "yes")) ** 2,
            "market_brier": None if outcome == "open" or price is None else (price - (outcome == "yes")) ** 2,
        }
        for n, (issued, p, price, outcome) in enumerate(settled)
    ]


def made_up_contrasts(*changes: float, error: float = 0.2) -> list[dict[str, Any]]:
    """One for each horizon, by changes in points."""
    before = (0.061, 0.174, 0.301, 0.487)
    return [
        {
            "weeks": weeks,
            "forecast": p,
            "scenario": p + change / 100,
            "change": change,
            "lower": change - 8,
            "upper": change + 9,
            "mcse": error,
        }
        for weeks, p, change in zip(HORIZONS, before, changes, strict=True)
    ]


def made_up_attribution() -> dict[str, Any]:
    """News, scenarios and a watch list as they are stored, with text in them that means harm."""
    row = {"kind": "rows", "mcse": 0.11}
    lines = [
        {"label": "2 weeks in which nothing was found", "kind": "time", "points": -1.62, "mcse": 0.12},
        {"label": "Bread baked", "points": 3.41, "factors": 3.22, "parameters": 0.19} | row,
        {"label": f"Coal {HOSTILE}, revised", "points": -0.43, "factors": -0.4, "parameters": -0.03} | row | {"kind": "revision"},
        {"label": "Letters", "points": 0.13, "factors": 0.1, "parameters": 0.03} | row,
    ]
    news = {
        "question": "round",
        "horizon_weeks": 13,
        "from": {"origin": "2031-03-16", "probability": 0.1592, "run_id": "a" * 12},
        "to": {"origin": ORIGIN.isoformat(), "probability": 0.1740, "run_id": "0123456789abcdef"},
        "total_points": 1.48,
        "lines": lines,
        "residual_points": -0.01,
        "made_from": "f" * 64,
    }
    about = {"by_week": [[0.1] * 52, [0.2] * 52], "conditions": {"east": {"forecast": 0.21, "scenario": 0.33}}}
    path = {"factor": "supply", "units": 2.0, "from_week": 1, "to_week": 8}
    scenarios = [
        {"id": name, "title": title, "claims": ["plenty-hardens"], "includes": includes, "rationale": f"Judged. {HOSTILE}", "paths": [path]}
        | {"contrasts": made_up_contrasts(*changes), "plausible": plausible}
        | about
        for name, title, includes, changes, plausible in (
            ("famine", "A famine", [], (1.1, 4.2, 5.3, 6.4), 0.0021),
            ("letters", "Old friends write", [], (5.5, 12.6, 15.7, 13.8), 0.0),
            ("plenty", "Plenty", [], (-1.9, -16.1, -18.2, -19.3), 0.213),
            ("both", "A famine while old friends write", ["famine", "letters"], (9.5, 22.6, 23.7, 21.8), 0.0),
        )
    ]
    inverse = [
        {"condition": "east", "odds": 3.74, "now": 0.334, "then": 0.582, "reached": 0.5},
        {"condition": "west", "odds": None, "now": 0.461, "then": 1.0, "reached": 0.421},
    ]
    head = {"origin": ORIGIN.isoformat(), "run_id": "0123456789abcdef", "question": "round", "headline_weeks": 13, "verb": "do"}
    release = {
        "unit": "loaves",
        "newest": "2031-02-28",
        "scheduled": True,
        "period_end": "2031-03-31",
        "expected": "2031-04-02",
        "bits": 0.0021,
        "probability_if_silent": 0.1653,
    }
    release |= {"median": 412.0, "lower": 303.0, "upper": 527.0, "at_lower": 2.14, "at_upper": -1.83}
    wire = {"direction": "up", "beyond": "below", "value": 212.0, "chance": 0.024}
    watch = {
        "origin": ORIGIN.isoformat(),
        "run_id": "0123456789abcdef",
        "headline_weeks": 13,
        "target_end_date": "2031-06-29",
        "probability": 0.1743,
        "tripwire_points": 5.0,
        "made_from": "f" * 64,
        "releases": [
            {"indicator": "bread", "title": "Bread baked", "expected_points": 1.34, "tripwires": [wire]} | release,
            {"indicator": "coal", "title": f"Coal {HOSTILE}", "expected_points": 0.42, "tripwires": []}
            | release
            | {"expected": "2031-05-09"},
        ],
        "announcements": [
            {
                "class": "agreed",
                "class_label": f"accepted by both {HOSTILE}",
                "lead_days": 3,
                "chance": 0.031,
                "probability": 0.867,
                "points": 69.3,
            },
            {
                "class": "leaders",
                "class_label": "a meeting of leaders",
                "lead_days": 4,
                "chance": None,
                "probability": 0.214,
                "points": 4.0,
            },
        ],
        "since": "2031-03-16",
        "crossed": [f"Bread baked: 200 is below 212 {HOSTILE}"],
    }
    return {
        "news": news,
        "scenarios": head
        | {"scenarios": scenarios, "inverse": {"probability": 0.5, "weeks": 26, "conditions": inverse}, "made_from": "f" * 64},
        "watch": watch,
    }
