"""One real campaign of sixteen: by one worker and by two, in the open, and one case of it again. Two minutes where nothing is kept.

PYTHONPATH=tests:tests/unit pytest benchmarks/real_campaign.py
"""

import numpy as np
import pytest
from stub_campaign import flown
from test_campaign import same

from conftest import CACHE
from perilune.campaign.campaign import How, campaign, of_folder, refuse_other_mission, resumed
from perilune.campaign.replay import replay
from perilune.campaign.squadron import Squadron
from perilune.campaign.table import CaseTable
from perilune.scenario.errors import ScenarioError
from perilune.scenario.programs import kept_programs

CASES, WIDTH, CASE = 16, 8, 11
FOLDER = CACHE / "perilune"
# In a hundred ticks from the same state, contact among them, which magnifies a rounding.
APART_M, APART_M_S = 1e-2, 1e-2


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return campaign("luna-25", tmp_path_factory.mktemp("odds") / "one", How(workers=2, keep_in=FOLDER), cases=CASES, width=WIDTH)


def test_rows_are_flights(done):
    rows = done.table()
    assert np.array_equal(rows["case"], np.arange(CASES)) and np.array_equal(rows["seed"], np.arange(CASES))
    assert 12 <= rows["landed"].sum() <= CASES
    assert np.all((rows["met_s"] > 7000.0) & (rows["met_s"] < 7500.0))
    assert np.all((rows["propellant_kg"] > 20.0) & (rows["propellant_kg"] < 80.0))
    assert done.result["cases"] == CASES and done.result["landed"] == int(rows["landed"].sum())
    assert np.hypot(rows["east_m"], rows["north_m"]) == pytest.approx(np.hypot(rows["along_m"], rows["across_m"]))


def test_one_worker_or_interrupted_it_is_the_same(done, tmp_path):
    """Half a campaign, then the rest: every bit of the table is that of the campaign in one go by two."""
    half = campaign("luna-25", tmp_path / "half", How(workers=1, keep_in=FOLDER), cases=WIDTH, width=WIDTH)
    whole = resumed(half.folder, How(workers=1, keep_in=FOLDER), cases=CASES)
    assert (half.standing.flown, whole.standing.flown) == (WIDTH, WIDTH)
    assert same(done.table(), whole.table())


def test_a_case_flown_again_is_the_same_case(done):
    """In its chunk bit for bit, on a slope where XLA by itself would have another verdict; the record follows it."""
    wanted, told = of_folder(done.folder)
    with kept_programs(FOLDER) as programs:
        squadron = Squadron(wanted, programs)
        refuse_other_mission(squadron, told, done.folder)
        again = replay(squadron, CaseTable(done.folder), CASE)
        with pytest.raises(ScenarioError, match="no such case"):
            replay(squadron, CaseTable(done.folder), CASES)
    assert again.result["same"] and again.result["columns_apart"] == []
    assert 0.0 < again.result["record"]["apart_m"] < APART_M and again.result["record"]["apart_m_s"] < APART_M_S
    rows, outcome = done.table(), again.flight.outcome
    assert (outcome["seed"], outcome["outcome"]) == (CASE, rows["outcome"][CASE]) and len(again.flight.time_s) > 5000
    assert outcome["contact"]["vertical_speed_m_s"] == rows["vertical_m_s"][CASE]


def test_a_case_that_is_another_is_seen(done, tmp_path):
    """A table whose row was changed by one bit."""
    wanted, _ = of_folder(done.folder)
    rows = done.table()
    rows["vertical_m_s"][CASE] = np.nextafter(rows["vertical_m_s"][CASE], np.inf)
    from perilune.campaign.replay import unequal

    assert wanted.cases == CASES
    assert unequal(done.table(), rows, CASE) == ["vertical_m_s"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"seed": 1}, "seed was 0 and is now 1"), ({"width": 4}, "width was 8 and is now 4"), ({"cases": 0}, "cases is 0")],
)
def test_another_campaign_is_not_gone_on_with(done, changes, said):
    with pytest.raises(ScenarioError, match=said):
        of_folder(done.folder, **changes)


def test_what_is_no_campaign_and_what_is_there_are_refused(done, tmp_path):
    with pytest.raises(ScenarioError, match="is no campaign"):
        resumed(tmp_path)
    with pytest.raises(ScenarioError, match="exists already"):
        campaign("luna-25", done.folder, How(keep_in=FOLDER), cases=CASES, width=WIDTH)
    flown(tmp_path / "stub", 8)
    with pytest.raises(ScenarioError, match="is no campaign"):
        of_folder(tmp_path / "stub")
