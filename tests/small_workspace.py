"""A small made-up workspace: three indicators, events and coverage, all sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ripeness import names
from ripeness.workspace import Workspace, read_workspace

FITS = names.fits_of((names.AS_WRITTEN, names.TEMPERED))  # of a workspace without effects of other wars
HEADLINE_FITS = tuple(name for name, variant, _ in FITS if variant != names.OUTSIDE)

RIPENESS = """\
schema = 1
title = "Will A and B talk?"
[question]
id = "round"
text = "Will A and B hold a round?"
definition = "A meeting of delegations."
void = "If either ceases to exist."
parties = ["A", "B"]
war_began = 2024-01-01
horizons_weeks = [4, 13]
headline_weeks = 13
[[condition]]
id = "willing"
label = "Both are willing"
[[factor]]
id = "strain"
label = "Strain"
plus = "more strain"
effects = { willing = "+" }
[[factor]]
id = "weariness"
label = "Weariness"
plus = "more weary"
effects = { willing = "+" }
[[factor]]
id = "channel"
label = "Channel"
plus = "more contacts"
effects = { willing = "+" }
"""

INDICATORS = """\
[oil]
title = "Oil price"
unit = "USD a barrel"
family = "economy"
factor = "strain"
reference = true
sign = "-"
transform = "log"
centre = 80.0
scale = 0.25
likelihood = "student"
window = "week"
frequency = "weekly"
expected_lag_days = 3
plausible = [10, 250]
noise_floor = 0.1
source = "An agency"

[poll]
title = "For talks"
unit = "%"
family = "public"
factor = "weariness"
reference = true
sign = "+"
transform = "logit"
centre = 50.0
scale = 0.5
likelihood = "poll"
window = "day"
frequency = "irregular"
expected_lag_days = 100
plausible = [0, 100]
noise_floor = 0.1
sample_size = 1000
source = "A pollster"

[contacts]
title = "Contacts"
unit = "a week"
family = "diplomacy"
factor = "channel"
reference = true
sign = "+"
transform = "log"
centre = 0.5
scale = 0.7
likelihood = "negative_binomial"
window = "week"
frequency = "weekly"
expected_lag_days = 1
plausible = [0, 50]
exposure = true
exposure_unit = 100.0
eras = [ { id = "early", from = 2024-01-01, to = 2024-06-30 }, { id = "late", from = 2024-07-01, to = 2024-12-31 } ]
source = "A chronology"
"""

CSVS = {
    "oil": "observed_on,value,published_on,source,grade\n2024-01-07,75.5,2024-01-09,agency,A\n2024-01-14,78,2024-01-16,agency,A\n",
    "poll": "observed_on,value,published_on,source,grade,sample_size\n2024-02-03,40,2024-02-20,pollster,B,\n",
    "contacts": "observed_on,value,published_on,source,grade,sample_size\n2024-01-07,0,2024-01-08,chronology,B,120\n",
    "events": "date,end_date,kind,round,published_on,description,source,grade\n2024-01-10,2024-01-11,round,yes,2024-01-10,talks,agency,A\n",
    "coverage": "from,to,q05,q95,published_on,note\n2024-01-01,2024-02-04,0.9,0.99,2024-02-04,\n2024-02-05,2024-03-06,0.9,0.995,2024-03-06,\n",
}


@pytest.fixture
def write_workspace(tmp_path: Path) -> Callable[..., Workspace]:
    """Write the workspace with some files of the data folder replaced (None leaves one out)."""

    def write(**replaced: str | None) -> Workspace:
        (tmp_path / "ripeness.toml").write_text(RIPENESS)
        (tmp_path / "data").mkdir(exist_ok=True)
        files = {"indicators.toml": INDICATORS} | {f"{name}.csv": text for name, text in CSVS.items()}
        for name, text in replaced.items():
            files["indicators.toml" if name == "indicators" else f"{name}.csv"] = text
        for name, text in files.items():
            if text is not None:
                (tmp_path / "data" / name).write_text(text, newline="")
        return read_workspace(tmp_path)

    return write


@pytest.fixture
def sound_indicators() -> str:
    """indicators.toml of the workspace."""
    return INDICATORS
