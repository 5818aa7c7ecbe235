"""News over several legs: the time of all of them is one line, shown as imagined where rounds were held; and what several fits are needed for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ripeness.attribution.news import REFIT, ROUNDS, ROWS, TIME, Line, NotReweighted, time_label
from ripeness.workflow import news
from ripeness.workflow.news import Endpoint
from ripeness.workflow.request import Request

START = date(2024, 6, 30)


def legs(monkeypatch: pytest.MonkeyPatch, days: int, more: dict[int, list[Line]]) -> list[Line]:
    """Lines over so many days, a point of time taken away on each leg; `more` of some legs, instead of time where it is a new fit."""
    calls: list[int] = []

    def leg(_inputs: Any, _request: Any, here: Any, there: Any, _progress: Any) -> list[Line]:
        calls.append(len(calls))
        others = more.get(calls[-1], [])
        if any(line.kind == REFIT for line in others):
            return others
        length = (there.origin - here.origin).days
        return [Line(time_label(length, any(line.kind == ROUNDS for line in others)), TIME, -1.0, 0.3, 19.0, days=length), *others]

    found: list[list[Line]] = []
    monkeypatch.setattr(news, "obtain_forecast", lambda _inputs, request, _progress: SimpleNamespace(origin=request.as_of))
    monkeypatch.setattr(news, "endpoint_of", lambda run: Endpoint(run.origin, 0.2, 0.01, "made"))
    monkeypatch.setattr(news, "_leg", leg)
    monkeypatch.setattr(news, "_store", lambda *given: found.append(given[-1]))
    inputs: Any = SimpleNamespace()
    first, last = Endpoint(START, 0.2, 0.01, "made"), Endpoint(START + timedelta(days=days), 0.2, 0.01, "made")
    news._decompose(inputs, Request(Path()), first, last, print)
    return found[0]


def test_time_is_one_line_over_all_its_legs(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Line("Bread baked", ROWS, 2.0, 0.4, 3.0, 1.5, 0.5, pairs=4)
    lines = legs(monkeypatch, 364, {0: [row], 2: [replace(row, points=1.0, mcse=0.3, df=None, factors=0.75, parameters=0.25, pairs=None)]})
    time, bread = lines
    assert time.label == "52 weeks in which nothing was found" and time.points == -4.0
    assert (time.mcse, time.df, time.days) == (pytest.approx(0.6), pytest.approx(76.0), 364)
    assert (bread.label, bread.points, bread.factors, bread.parameters) == ("Bread baked", 3.0, 2.25, 0.75)
    assert (bread.mcse, bread.df, bread.pairs) == (pytest.approx(0.5), pytest.approx(3.0 * 0.5**4 / 0.4**4), 4)


def test_a_last_leg_of_another_length_is_no_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    (time,) = legs(monkeypatch, 100, {})
    assert (time.label, time.points) == ("100 days in which nothing was found", -2.0)


def test_weeks_that_only_a_new_fit_covers_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = legs(monkeypatch, 273, {1: [Line("new rows and a new fit", REFIT, 1.0, 0.1)]})
    assert [line.label for line in lines] == ["26 weeks in which nothing was found", "new rows and a new fit"]


def test_where_rounds_were_held_time_is_told_apart_from_them(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = legs(monkeypatch, 182, {1: [Line("round held (2024-10-20)", ROUNDS, 9.0, 0.1)]})
    assert [line.label for line in lines] == ["26 weeks apart from the rounds held", "round held (2024-10-20)"]


def test_rounds_of_two_legs_keep_their_days(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = legs(
        monkeypatch, 182, {0: [Line("round held (2024-07-20)", ROUNDS, 4.0, 0.1)], 1: [Line("round held (2024-10-20)", ROUNDS, 9.0, 0.1)]}
    )
    assert [line.label for line in lines] == ["26 weeks apart from the rounds held", "round held (2024-07-20)", "round held (2024-10-20)"]


@pytest.mark.parametrize(
    ("uneven", "reach", "fits", "kinds"),
    [
        (True, 60, ["2024-08-11"], [TIME]),  # two legs of six and seven weeks
        (True, 30, ["2024-08-11", "2024-07-21", "2024-09-01"], [TIME]),
        (False, 21, [], [REFIT]),  # what no fit's draws can take up is not looked for week by week
    ],
)
def test_where_weights_are_too_uneven_a_fit_is_made_halfway(
    monkeypatch: pytest.MonkeyPatch, uneven: bool, reach: int, fits: list[str], kinds: list[str]
) -> None:
    made: list[str] = []

    def from_draws(_inputs: Any, base: Any, start: Endpoint, end: Endpoint) -> list[Line]:
        assert base.panel.origin == start.origin
        days = (end.origin - start.origin).days
        if days > reach:
            raise NotReweighted(["too uneven" if uneven else "a value was revised"], uneven)
        return [Line(time_label(days, False), TIME, -0.5 * days, 0.1, 19.0, days=days)]

    def obtain_fit(_inputs: Any, request: Request, _progress: Any) -> Any:
        made.append(str(request.as_of))
        return SimpleNamespace(origin=request.as_of)

    monkeypatch.setattr(news, "obtain_fit", obtain_fit)
    monkeypatch.setattr(news, "_from_draws", from_draws)
    monkeypatch.setattr(news, "base_of", lambda run: SimpleNamespace(panel=SimpleNamespace(origin=run.origin)))
    monkeypatch.setattr(news, "endpoint_of", lambda run: Endpoint(run.origin, 0.2, 0.01, "made"))
    inputs: Any = SimpleNamespace()
    here, there = (SimpleNamespace(origin=START + timedelta(days=days)) for days in (0, 91))
    found = news._leg(inputs, Request(Path()), here, there, print)  # type: ignore[arg-type]
    assert made == fits and [line.kind for line in found] == kinds
    assert found[0].points == (0.0 if kinds == [REFIT] else -45.5)


@pytest.mark.parametrize(("days", "several"), [(92, True), (91, False)])
def test_more_than_a_fit_can_be_reweighted_for_asks_for_several(monkeypatch: pytest.MonkeyPatch, days: int, several: bool) -> None:
    monkeypatch.setattr(news, "endpoint_of", lambda *_: Endpoint(START + timedelta(days=days), 0.2))
    monkeypatch.setattr(news, "last_issued_before", lambda *_: Endpoint(START, 0.2))
    for name in ("identify", "fit_inputs"):
        monkeypatch.setattr(news, name, lambda *_: {})
    monkeypatch.setattr(news, "find_base", lambda *_: [])
    inputs: Any = SimpleNamespace(vintage=lambda _: None, workspace=SimpleNamespace(reports=Path()))
    run: Any = SimpleNamespace(seed=1, sampler="compiled")
    found = news.news_without_fit(inputs, run, print)
    assert found.get("weeks_a_fit") == (13 if several else None) and found["reason"]
