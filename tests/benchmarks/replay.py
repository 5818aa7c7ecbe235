"""Updates against new fits: real weeks replayed one by one, from what was known on each Sunday.

    nice python tests/benchmarks/replay.py --scratch FOLDER --date 2026-11-23

Each week's headline is computed twice: by a new fit, and from the draws of fits that are 1, 4 and 13 weeks old, reweighted for all rows that
came in since. Every fit is a base of later weeks. The two answers know nothing of each other's random numbers, so that their difference
over the root of both squared Monte Carlo errors should be about 1. An update that must not be made (a round, a change before the window, k-hat too
large) has a row with the reason, and its numbers where there are any.

What the fits leave is kept in the scratch folder, some 20 MB for each, and rows are written as they come, the newest weeks first: begun
anew, the command goes on where it was stopped. Draws are those of the shipped settings.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicit import elicit_priors
from ripeness.forecast.ahead import build_ahead
from ripeness.forecast.horizons import forecast_probabilities
from ripeness.inference.sample import sample_posterior
from ripeness.model.build import without_weeks
from ripeness.model.meetings import Announcement
from ripeness.model.spec import ModelSpec, build_spec
from ripeness.reweighting.refusals import beyond_window, imprecise, untrustworthy
from ripeness.reweighting.reweighted import StoredFit, look_ahead, store_fit, update_fit
from ripeness.reweighting.weights import Anchor, weighted_mean
from ripeness.reweighting.window import LONGEST, PERIODS
from ripeness.workflow.request import open_workspace

Array = NDArray[np.float64]
ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "tests" / "benchmarks" / "results" / "replay.csv"
AGES = (1, 4, 13)  # weeks
KEPT_WEEKS = LONGEST + max(PERIODS.values()) + 1  # of the paths: no window reads more
LIBRARIES = ("numpy", "numba", "nutpie", "arviz-stats")
COLUMNS = (
    *("origin", "base", "age_weeks", "horizon_weeks", "changed_rows", "reason", "khat", "effective_draws"),
    *("updated", "updated_error", "refitted", "refitted_error", "difference", "standardised"),
    *("date", "seed", "versions", "command"),
)


class Replay:
    """A workspace, its vintages, and the fits made so far.

    Parameters
    ----------
    root, scratch : Path
    seed : int
    """

    def __init__(self, root: Path, scratch: Path, seed: int) -> None:
        self.checked = open_workspace(root)
        self.priors = elicit_priors(self.checked.priors)
        self.scratch, self.seed = scratch, seed
        scratch.mkdir(parents=True, exist_ok=True)

    def known(self, origin: date) -> tuple[ModelSpec, list[Announcement], Vintage]:
        """What was known on a day, laid out."""
        vintage = self.checked.vintage(origin)
        return *build_spec(self.checked.workspace, vintage, self.priors), vintage

    def fit(self, origin: date, reading: str) -> dict[str, Array]:
        """What a fit leaves: the draws that updates read, and `within`, `errors` and `effective` of its own forecast."""
        path = self.scratch / f"{origin}_{reading}_{self.seed}.npz"
        if not path.is_file():
            spec, announcements, _ = self.known(origin)
            seeds = np.random.SeedSequence([self.seed, origin.toordinal(), names.READINGS.index(reading)]).spawn(2)
            settings = spec.workspace.fit
            sampled = sample_posterior(spec, names.CONJUNCTIVE, reading, settings, int(seeds[0].generate_state(1)[0]))
            posterior = sampled["posterior"].to_dataset()
            shape = posterior.sizes[names.CHAIN], posterior.sizes[names.DRAW]
            draws = {
                str(name): np.asarray(values, dtype=float).reshape(-1, *values.shape[2:])
                for name, values in posterior.data_vars.items()
                if name in (*without_weeks(names.CONJUNCTIVE), "path", "inside")
            }
            ahead = build_ahead(spec, names.CONJUNCTIVE, draws, announcements, settings.future_paths, seeds[1])
            within = forecast_probabilities(ahead).within
            by_chain = xr.Dataset({"within": ((names.CHAIN, names.DRAW, names.HORIZON), within.reshape(*shape, -1))})
            kept = {name: values.astype("float32") if name in ("path", "inside") else values for name, values in draws.items()}
            kept["path"] = kept["path"][:, :, -KEPT_WEEKS:]
            kept |= {"within": within, "errors": az.mcse(by_chain)["within"].values, "effective": az.ess(by_chain)["within"].values}
            temporary = path.with_suffix(".new.npz")
            np.savez(temporary, **kept)  # type: ignore[arg-type]
            temporary.replace(path)
        with np.load(path) as stored:
            return dict(stored)

    def base(self, origin: date, reading: str) -> StoredFit:
        """A fit as it is stored for updates."""
        spec, _, vintage = self.known(origin)
        found = self.fit(origin, reading)
        within, errors, effective = (found.pop(name) for name in ("within", "errors", "effective"))
        path = np.zeros((len(within), len(spec.workspace.factors), len(spec.panel.weeks)))
        path[:, :, -found["path"].shape[2] :] = found["path"]
        anchors = tuple(Anchor(float(mean), float(error)) for mean, error in zip(within.mean(axis=0), errors, strict=True))
        headline = spec.workspace.question.horizons_weeks.index(spec.workspace.question.headline_weeks)
        draws = {**found, "path": path}
        effective_draws = float(effective[headline])
        return store_fit(spec, vintage, names.CONJUNCTIVE, reading, draws, within, anchors, effective_draws, headline)

    def refitted(self, origin: date) -> tuple[Array, Array]:
        """Probabilities of the mixture by a new fit, and their Monte Carlo errors: (horizon,) each."""
        found = [self.fit(origin, reading) for reading in self.checked.workspace.readings]
        mean = np.mean([one["within"].mean(axis=0) for one in found], axis=0)
        return mean, np.sqrt(np.sum([one["errors"] ** 2 for one in found], axis=0)) / len(found)

    def updated(self, base: date, origin: date) -> dict[str, Any]:
        """Probabilities of the mixture from the draws of an older fit, their errors, k-hat, effective draws and what forbids it."""
        (old, _, before), (new, announcements, after) = self.known(base), self.known(origin)
        stored = [self.base(base, reading) for reading in self.checked.workspace.readings]
        reasons = beyond_window(old, new, stored[0].window)
        answer: dict[str, Any] = {"reasons": reasons, "changed_rows": changed_rows(before, after)}
        if reasons:
            return answer
        answer |= self._answer(old, new, announcements, stored)
        headline = new.workspace.question.horizons_weeks.index(new.workspace.question.headline_weeks)
        reasons += [reason for weights in answer.pop("weights") for reason in untrustworthy(weights)]
        reasons += imprecise("headline", float(answer["updated_error"][headline]))
        return answer

    def _answer(self, old: ModelSpec, new: ModelSpec, announcements: list[Announcement], stored: list[StoredFit]) -> dict[str, Any]:
        means, errors, all_weights = [], [], []
        for fit, own in zip(stored, np.random.SeedSequence([self.seed, new.panel.origin.toordinal(), 99]).spawn(len(stored)), strict=True):
            seeds = own.spawn(2)
            updated = update_fit(old, new, fit, seeds[0])
            _, found = look_ahead(new, fit, updated, announcements, new.workspace.fit.future_paths, seeds[1])
            both = [
                weighted_mean(found.within[:, h], updated.weights, fit.within[:, h], anchor, fit.efficiency)
                for h, anchor in enumerate(fit.anchors)
            ]
            means.append([mean for mean, _ in both])
            errors.append([error for _, error in both])
            all_weights.append(updated.weights)
        return {
            "updated": np.mean(means, axis=0),
            "updated_error": np.sqrt(np.sum(np.square(errors), axis=0)) / len(stored),
            "khat": max(weights.khat for weights in all_weights),
            "effective_draws": sum(weights.effective for weights in all_weights),
            "weights": all_weights,
        }


def changed_rows(before: Vintage, after: Vintage) -> int:
    """Periods of all indicators whose value is new, revised or withdrawn."""
    changed = 0
    for name, rows in after.values.items():
        old, new = (dict(zip(one["observed_on"], one["value"], strict=True)) for one in (before.values[name], rows))
        changed += sum(old.get(day) != new.get(day) for day in {*old, *new})
    return changed


def rows_of(replay: Replay, base: date, origin: date) -> list[dict[str, Any]]:
    """The table's rows of one origin and one base, one for each horizon."""
    refitted, refitted_error = replay.refitted(origin)
    found = replay.updated(base, origin)
    rows = []
    for h, horizon in enumerate(replay.checked.workspace.question.horizons_weeks):
        row: dict[str, Any] = {
            "origin": origin,
            "base": base,
            "age_weeks": (origin - base).days // 7,
            "horizon_weeks": horizon,
            "changed_rows": found["changed_rows"],
            "reason": "; ".join(found["reasons"]),
            "refitted": f"{refitted[h]:.6f}",
            "refitted_error": f"{refitted_error[h]:.6f}",
        }
        if "updated" in found:
            mean, error = float(found["updated"][h]), float(found["updated_error"][h])
            difference = mean - float(refitted[h])
            row |= {"updated": f"{mean:.6f}", "updated_error": f"{error:.6f}", "difference": f"{difference:.6f}"}
            row["standardised"] = f"{difference / float(np.hypot(error, refitted_error[h])):.3f}"
            row |= {"khat": f"{found['khat']:.3f}", "effective_draws": f"{found['effective_draws']:.0f}"}
        rows.append(row)
    return rows


def replayed(results: Path) -> set[tuple[str, str]]:
    """Origins and bases that the table has."""
    if not results.is_file():
        return set()
    with results.open(encoding="utf-8", newline="") as file:
        return {(row["origin"], row["base"]) for row in csv.DictReader(file)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay the weeks and print the table's summary."""
    parser = argparse.ArgumentParser(description="Updates of stored fits against new fits, over real weeks.")
    parser.add_argument("--scratch", type=Path, required=True, metavar="DIR", help="where what the fits leave is kept")
    parser.add_argument("--date", type=date.fromisoformat, required=True, help="the day of the table's rows")
    parser.add_argument("--weeks", type=int, default=30)
    parser.add_argument("--last", type=date.fromisoformat, help="the newest origin; the default origin unless given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="CSV")
    parser.add_argument("--workspace", type=Path, default=ROOT, metavar="DIR")
    given = parser.parse_args(arguments)
    replay = Replay(given.workspace, given.scratch, given.seed)
    last = given.last or replay.checked.vintage(None).origin
    origins = [last - timedelta(weeks=back) for back in range(given.weeks)]
    fixed = {
        "date": given.date,
        "seed": given.seed,
        "versions": "; ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "command": f"replay.py --weeks {given.weeks} --last {last} --seed {given.seed}",
    }
    done = replayed(given.results)
    for origin in sorted({origin - timedelta(weeks=age) for origin in origins for age in (0, *AGES)}, reverse=True):
        for reading in replay.checked.workspace.readings:
            replay.fit(origin, reading)
        print(origin, "fitted", flush=True)
        for later in (origin + timedelta(weeks=age) for age in AGES):
            if later not in origins or (str(later), str(origin)) in done:
                continue
            rows = rows_of(replay, origin, later)
            new = not given.results.is_file()
            with given.results.open("a", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
                if new:
                    writer.writeheader()
                writer.writerows(row | fixed for row in rows)
            row = next(row for row in rows if row["horizon_weeks"] == replay.checked.workspace.question.headline_weeks)
            cells = (f"{name} {row[name]}" for name in ("khat", "updated", "refitted", "standardised", "reason") if row.get(name))
            print(later, "from", origin, *cells, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
