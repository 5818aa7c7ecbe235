from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ripeness.data.indicators import read_contracts
from ripeness.errors import ContentError
from ripeness.workspace import Workspace

Write = Callable[..., Workspace]


def test_contracts_come_in_the_order_of_the_file(write_workspace: Write) -> None:
    contracts = read_contracts(write_workspace())
    assert list(contracts) == ["oil", "poll", "contacts"]
    assert [era.id for era in contracts["contacts"].eras] == ["early", "late"]


def test_transformed_is_zero_at_the_centre_and_plus_is_more_of_the_factor(write_workspace: Write) -> None:
    contracts = read_contracts(write_workspace())
    # dear oil is less strain: the sign of the contract turns it round
    np.testing.assert_allclose(contracts["oil"].transformed([80.0, 160.0, np.nan]), [0.0, -np.log(2) / 0.25, np.nan])
    np.testing.assert_allclose(contracts["poll"].transformed([50.0, 75.0]), [0.0, np.log(3) / 0.5])
    np.testing.assert_allclose(contracts["contacts"].transformed([0.0, 0.5, 1.0]), [0.0, 0.0, np.log(2) / 0.7])


def test_natural_undoes_transformed(write_workspace: Write) -> None:
    contracts = read_contracts(write_workspace())
    for name, values in {"oil": [20.0, 80.0, 160.0], "poll": [3.0, 50.0, 75.0], "contacts": [0.5, 1.0, 40.0]}.items():
        np.testing.assert_allclose(contracts[name].natural(contracts[name].transformed(values)), values, rtol=1e-12)


def test_transformed_by_asinh_none_and_logit_of_a_share(write_workspace: Write, sound_indicators: str) -> None:
    oil, rest = sound_indicators.split("[poll]")
    oil = oil.replace('"-"', '"+"')
    wild = oil.replace('"log"', '"asinh"\nasinh_unit = 50.0').replace("80.0", "0.0").replace("[10, 250]", "[-500, 500]")
    contract = read_contracts(write_workspace(indicators=f"{wild}[poll]{rest}"))["oil"]
    np.testing.assert_allclose(contract.transformed([-50.0, 0.0, 50.0]), np.array([-1, 0, 1]) * np.arcsinh(1) / 0.25)
    np.testing.assert_allclose(contract.natural(contract.transformed([-50.0, 0.0, 700.0])), [-50.0, 0.0, 700.0], atol=1e-12)
    contract = read_contracts(write_workspace(indicators=f"{oil.replace('"log"', '"none"')}[poll]{rest}"))["oil"]
    np.testing.assert_allclose(contract.transformed([81.0]), [4.0])
    np.testing.assert_allclose(contract.natural(contract.transformed([81.0])), [81.0])
    share = sound_indicators.replace('"%"', '"share"').replace("centre = 50.0", "centre = 0.5").replace("[0, 100]", "[0, 1]")
    np.testing.assert_allclose(read_contracts(write_workspace(indicators=share))["poll"].transformed([0.75]), [np.log(3) / 0.5])


@pytest.mark.parametrize(
    ("old", "new", "words", "line"),
    [
        ('unit = "USD a barrel"', 'units = "USD"', ["unknown key 'units'", "did you mean 'unit'"], 3),
        ('title = "Oil price"\n', "", ["no 'title'"], 1),
        ('factor = "strain"', 'factor = "strian"', ["strian", "did you mean 'strain'"], 5),
        ('sign = "-"', 'sign = "minus"', ["oil.sign = 'minus'", "'+' or '-'"], 7),
        ("reference = true\nsign", 'reference = "yes"\nsign', ["oil.reference = 'yes'"], 6),
        ("scale = 0.25", "scale = 0", ["oil.scale = 0", "greater than 0"], 10),
        ("scale = 0.25", "scale = inf", ["oil.scale = inf", "finite"], 10),
        ("scale = 0.25", 'scale = "0.25"', ["oil.scale = '0.25'"], 10),
        ("centre = 80.0", "centre = 800.0", ["oil.centre = 800.0", "10 to 250"], 9),
        ("plausible = [10, 250]", "plausible = [250, 10]", ["oil.plausible", "low below high"], 15),
        ("centre = 50.0", "centre = 100.0", ["poll.centre = 100.0", "logit"], 27),
        ("noise_floor = 0.1\nsource", "source", ["no 'noise_floor'"], 1),
        ("plausible = [0, 50]\n", "plausible = [0, 50]\nnoise_floor = 0.1\n", ["noise_floor only with"], 53),
        ("sample_size = 1000\n", "", ["no 'sample_size'", 'likelihood = "poll"'], 19),
        ('source = "An agency"', 'source = "An agency"\nquestion = "why?"', ["question only with"], 18),
        ('frequency = "irregular"', 'frequency = "irregular"\nalso_monthly = true', ["also_monthly only with a weekly series"], 32),
        ("exposure = true", "exposure = true\nalso_monthly = true", ["also_monthly only with a weekly series"], 54),
        ('transform = "log"\ncentre = 80', 'transform = "asinh"\ncentre = 80', ["no 'asinh_unit'"], 1),
        ("centre = 80.0", "centre = 80.0\nasinh_unit = 5.0", ["asinh_unit only with"], 10),
        ("exposure_unit = 100.0\n", "", ["no 'exposure_unit'"], 38),
        ("exposure = true\n", "", ["exposure_unit only with exposure = true"], 53),
        ('transform = "log"\ncentre = 0.5', 'transform = "none"\ncentre = 0.5', ["contacts.transform = 'none'", "for counts"], 45),
        ("from = 2024-07-01", "from = 2024-07-02", ["era 'late' from 2024-07-02", "without gap"], 55),
        ("from = 2024-07-01", "from = 2024-06-30", ["era 'late' from 2024-06-30", "overlap"], 55),
        ('id = "late"', 'id = "early"', ["era 'early' 2 times"], 55),
        ("to = 2024-12-31", "to = 2024-06-01", ["ends on or after its first day"], 55),
        ("to = 2024-12-31", "till = 2024-12-31", ["'till'"], 55),
        ("[oil]", "[Oil]", ["'Oil'", "lower-case"], 1),
        ("[oil]", "[events]", ["an indicator 'events'"], 1),
        ("[oil]", "schema = 2\n[oil]", ["schema = 2", "schema = 1"], 1),
        ("[oil]", "brent = 80\n[oil]", ["brent = 80 outside any table"], 1),
        ("reference = true\nsign", "sign", ["no reference among the indicators of 'strain'"], 1),
        ('factor = "weariness"', 'factor = "strain"', ["a second reference of 'strain'"], 24),
        ("[oil]", "[oil", ["broken TOML"], 1),
    ],
)
def test_a_broken_contract_is_refused_at_its_line(
    write_workspace: Write, sound_indicators: str, old: str, new: str, words: list[str], line: int
) -> None:
    assert old in sound_indicators
    workspace = write_workspace(indicators=sound_indicators.replace(old, new, 1))
    with pytest.raises(ContentError) as caught:
        read_contracts(workspace)
    fault = next(fault for fault in caught.value.faults if words[0] in str(fault))
    assert fault.path.as_posix() == "data/indicators.toml"
    assert fault.line == line
    for word in words:
        assert word in str(fault)


def test_all_faults_of_all_contracts_are_reported_at_once(write_workspace: Write, sound_indicators: str) -> None:
    broken = sound_indicators.replace('factor = "strain"', 'factor = "x"').replace("scale = 0.5", "scale = -1").replace('"a week"', '""')
    with pytest.raises(ContentError) as caught:
        read_contracts(write_workspace(indicators=broken))
    assert [fault.line for fault in caught.value.faults] == [5, 28, 40]


def test_an_empty_or_missing_file_is_refused(write_workspace: Write) -> None:
    with pytest.raises(ContentError, match="no indicator"):
        read_contracts(write_workspace(indicators="# nothing yet\n"))
    workspace = write_workspace()
    (workspace.data / "indicators.toml").unlink()
    with pytest.raises(ContentError, match="no such file"):
        read_contracts(workspace)
