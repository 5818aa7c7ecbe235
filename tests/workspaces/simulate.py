"""Data of a made-up war, drawn from a known truth by formulas written here alone: nothing of the engine is used, so that the two can be compared.

    python tests/workspaces/simulate.py tests/workspaces/simulated/truth.toml tests/workspaces/simulated
    python tests/workspaces/simulate.py tests/workspaces/template_truth.toml model/ripeness/cli/template

writes data/<indicator>.csv, data/events.csv and data/coverage.csv of a workspace, from its ripeness.toml and data/indicators.toml, and beside
the truth the factors' true paths. The same truth gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import sys
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

Array = NDArray[np.float64]
Toml = Mapping[str, Any]
STATIONARY_POINTS = 200_000
WEEK = timedelta(days=7)
SOURCE = "simulated"
GRADE = "A"


def read(path: Path) -> Toml:
    """A TOML file."""
    return tomllib.loads(path.read_text("utf-8"))


def simulate(workspace: Path, truth: Toml) -> tuple[dict[str, str], str]:
    """The CSVs of a workspace's data folder by name; and the factors' true paths, with the inside view that follows, as a CSV."""
    document, contracts = read(workspace / "ripeness.toml"), read(workspace / "data" / "indicators.toml")
    began = document["question"]["war_began"]
    first = began + timedelta(days=6 - began.weekday())
    sundays = [first + t * WEEK for t in range(truth["weeks"])]
    # a stream for each part, so that one more indicator leaves the others as they are
    seeds = iter(np.random.SeedSequence(truth["seed"]).spawn(3 + len(contracts) + len(truth.get("rung", {}))))
    factors = document["factor"]
    paths = draw_paths(factors, truth, np.random.default_rng(next(seeds)))
    log_multiplier = inside(paths, document, truth, np.random.default_rng(next(seeds)))
    rounds = draw_rounds(sundays, log_multiplier, truth, np.random.default_rng(next(seeds)))
    files = {"coverage.csv": write_coverage(truth)}
    places = {factor["id"]: k for k, factor in enumerate(factors)}
    for name, contract in ((name, table) for name, table in contracts.items() if isinstance(table, dict)):
        rng = np.random.default_rng(next(seeds))
        departures = truth.get("factor_scale", {}).get(contract["factor"], 1.0) * paths[places[contract["factor"]]]
        files[f"{name}.csv"] = write_rows(contract, truth["indicator"][name], departures, sundays, rng)
    happened = [
        (day, own["kind"])
        for name, own in truth.get("rung", {}).items()
        for day in draw_events(name, own, paths, sundays, rounds, document, truth, np.random.default_rng(next(seeds)))
    ]
    files["events.csv"] = write_events(rounds, happened, truth)
    shown = [[day, *(f"{value:.4f}" for value in (*paths[:, t], log_multiplier[t]))] for t, day in enumerate(sundays)]
    return files, as_csv(["week", *places, "inside"], shown)


def draw_paths(factors: Sequence[Toml], truth: Toml, rng: np.random.Generator) -> Array:
    """Stationary paths of unit variance: (factor, week)."""
    df, weeks = truth["tails_df"], truth["weeks"]
    paths = np.zeros((len(factors), weeks))
    for k, factor in enumerate(factors):
        keep = 2.0 ** (-1.0 / truth["half_life"][factor["id"]])
        heavy = factor.get("tails") == "shocks"
        shock = rng.standard_t(df, weeks) * np.sqrt((df - 2) / df) if heavy else rng.standard_normal(weeks)
        paths[k, 0] = rng.standard_normal()
        for t in range(1, weeks):
            paths[k, t] = keep * paths[k, t - 1] + np.sqrt(1 - keep**2) * shock[t]
    return paths


def inside(paths: Array, document: Toml, truth: Toml, rng: np.random.Generator) -> Array:
    """Log multiplier of the hazard that each week's factors give the week after: sum of log P(condition open), less its stationary mean."""
    usual = np.log(np.mean(np.exp(log_open(rng.standard_normal((len(paths), STATIONARY_POINTS)), document, truth).sum(axis=0))))
    return log_open(paths, document, truth).sum(axis=0) - usual


def log_open(z: Array, document: Toml, truth: Toml) -> Array:
    """Log of the chance that each condition is open: (condition, week)."""
    found = []
    for condition in document["condition"]:
        share = truth["share_open"][condition["id"]]
        odds = np.full(z.shape[1], np.log(share / (1 - share)))
        for k, factor in enumerate(document["factor"]):
            weight = truth["weight"][factor["id"]]
            for side, signed in (("losing_when_plus", z[k]), ("losing_when_minus", -z[k])):
                if factor.get(side) == condition["id"]:
                    odds += weight["losing"] * bent(signed) + weight["winning"] * bent(-signed)
            if condition["id"] in factor.get("effects", {}):
                odds += weight[condition["id"]] * z[k]
        found.append(-np.log1p(np.exp(-odds)))
    return np.stack(found)


def draw_events(
    name: str,
    own: Toml,
    paths: Array,
    sundays: Sequence[date],
    rounds: Sequence[date],
    document: Toml,
    truth: Toml,
    rng: np.random.Generator,
) -> list[date]:
    """Days of the events of a rung that are found: a negative binomial of each week after the first round's."""
    needed = [
        condition["id"] in next(rung for rung in document["rung"] if rung["id"] == name)["conditions"]
        for condition in document["condition"]
    ]

    def score(z: Array) -> Array:
        return own["exponent"] * log_open(z, document, truth)[needed].sum(axis=0)

    usual = np.log(np.mean(np.exp(score(rng.standard_normal((len(paths), STATIONARY_POINTS))))))
    by_week, days = score(paths), []
    for t, sunday in enumerate(sundays):
        since = [(sunday - day).days // 7 for day in rounds if day < sunday - timedelta(days=6)]
        level, number, found, weekdays = rng.standard_gamma(own["dispersion"]), rng.random(), rng.random(7), rng.permutation(7)
        if not since:
            continue
        mean = own["rate"] * (own["active"] if min(since) <= document["question"]["active_weeks"] else 1.0) * np.exp(by_week[t - 1] - usual)
        events = int(poisson.ppf(number, level * mean / own["dispersion"]))
        days += [
            sunday - timedelta(days=int(weekday)) for weekday, seen in zip(weekdays[:events], found, strict=False) if seen < own["searched"]
        ]
    return sorted(days)


def bent(x: Array) -> Array:
    """What a side feels of ground lost: near x above zero, near nothing below."""
    return (np.logaddexp(0.0, 4.0 * x) - np.log(2.0)) / 4.0


def draw_rounds(sundays: Sequence[date], log_multiplier: Array, truth: Toml, rng: np.random.Generator) -> list[date]:
    """Days of the rounds that are found; a missed one ends the silence too, and leaves no line."""
    outside, first = truth["outside"], truth["first_round"]
    start = next(t for t, sunday in enumerate(sundays) if first <= sunday)
    days, silent = [first], 1
    for t in range(start + 1, len(sundays)):
        log_rate = np.interp(np.log(silent), np.log(outside["weeks"]), np.log(outside["rate"]))
        held, found, weekday = rng.random(), rng.random(), int(rng.integers(0, 5))
        silent += 1
        if held < 1 - np.exp(-np.exp(log_rate + log_multiplier[t - 1])):
            silent = 1
            day = sundays[t] - timedelta(days=6 - weekday)
            if found < next(stretch["sensitivity"] for stretch in truth["searched"] if stretch["from"] <= sundays[t] <= stretch["to"]):
                days.append(day)
    return days


def write_events(rounds: Sequence[date], happened: Sequence[tuple[date, str]], truth: Toml) -> str:
    rows = [[day, day, "round", "yes", day, "Delegations of both governments meet on a ceasefire", SOURCE, GRADE] for day in rounds]
    rows += [[day, day, kind, "no", day, "Both governments say so", SOURCE, GRADE] for day, kind in happened]
    for event in truth.get("event", []):
        description = event["description"]
        rows.append([event["date"], event["end_date"], event["kind"], "no", event["published_on"], description, SOURCE, GRADE])
    header = ["date", "end_date", "kind", "round", "published_on", "description", "source", "grade"]
    return as_csv(header, sorted(rows, key=lambda row: (row[0], row[2])))


def write_coverage(truth: Toml) -> str:
    rows = [[one["from"], one["to"], one["q05"], one["q95"], one["to"], one["note"]] for one in truth["searched"]]
    return as_csv(["from", "to", "q05", "q95", "published_on", "note"], rows)


def write_rows(contract: Toml, truth: Toml, path: Array, sundays: Sequence[date], rng: np.random.Generator) -> str:
    """The CSV of one indicator."""
    poll, counted = contract["likelihood"] == "poll", contract["likelihood"] == "negative_binomial"
    lag = timedelta(days=truth.get("lag_days", contract["expected_lag_days"]))
    rows = []
    for last, weeks in periods(contract, truth, sundays):
        strength = truth.get("intercept", 0.0) + truth.get("loading", 1.0) * path[weeks].mean()
        sign = 1.0 if contract["sign"] == "+" else -1.0
        if counted:
            mean = contract["centre"] * captured(contract, truth, last) * np.exp(contract["scale"] * sign * strength)
            value = float(rng.negative_binomial(truth["dispersion"], truth["dispersion"] / (truth["dispersion"] + mean)))
        else:
            noise = (contract["noise_floor"] + truth["noise"]) * rng.standard_t(truth["noise_df"])
            value = untransformed(contract, contract["scale"] * sign * (strength + noise))
        size = [str(truth["respondents"])] if poll else []
        if poll:
            whole = 100.0 if contract["unit"] == "%" else 1.0
            value = whole * rng.binomial(truth["respondents"], value / whole) / truth["respondents"]
        if last + lag <= sundays[-1]:
            rows.append([last, f"{value:.{truth.get('decimals', 0)}f}", last + lag, SOURCE, GRADE, *size])
    return as_csv(["observed_on", "value", "published_on", "source", "grade", *(["sample_size"] if poll else [])], rows)


def periods(contract: Toml, truth: Toml, sundays: Sequence[date]) -> list[tuple[date, list[int]]]:
    """Last day of each period and the weeks that it describes."""
    if contract["window"] == "month":
        months: dict[tuple[int, int], list[int]] = {}
        for t, sunday in enumerate(sundays):
            months.setdefault((sunday.year, sunday.month), []).append(t)
        ends = {(year, month): date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1) for year, month in months}
        return [(ends[key], weeks) for key, weeks in months.items() if ends[key] <= sundays[-1]]
    every = truth.get("every_weeks", 1)
    return [(sunday, [t]) for t, sunday in enumerate(sundays) if t % every == truth.get("first_week", 0) % every]


def captured(contract: Toml, truth: Toml, day: date) -> float:
    """Share of the real items that a count has on a day."""
    return next((float(truth["capture"][era["id"]]) for era in contract.get("eras", []) if era["from"] <= day <= era["to"]), 1.0)


def untransformed(contract: Toml, moved: float) -> float:
    """The natural value that lies so far from the centre on the transformed scale."""
    centre = contract["centre"]
    match contract["transform"]:
        case "log":
            return float(centre * np.exp(moved))
        case "logit":
            whole = 100.0 if contract["unit"] == "%" else 1.0
            return float(whole / (1 + np.exp(-(np.log(centre / (whole - centre)) + moved))))
        case "asinh":
            return float(contract["asinh_unit"] * np.sinh(np.arcsinh(centre / contract["asinh_unit"]) + moved))
        case _:
            return float(centre + moved)


def as_csv(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def write(truth_file: Path, workspace: Path) -> None:
    """Write the data of a workspace, and the true paths beside the truth."""
    files, paths = simulate(workspace, read(truth_file))
    for name, text in files.items():
        (workspace / "data" / name).write_text(text, "utf-8", newline="\n")
    truth_file.with_name(f"{truth_file.stem}_paths.csv").write_text(paths, "utf-8", newline="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
