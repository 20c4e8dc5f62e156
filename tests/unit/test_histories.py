"""Time histories of chosen cases: which they are, the store that they lie in, and what an interruption leaves."""

import numpy as np
import pytest
import xarray as xr
from stub_campaign import flown, wanted

from perilune.campaign import histories
from perilune.campaign.asked import read_chosen, refuse_unlike
from perilune.campaign.histories import HISTORIES, chosen, kept_histories
from perilune.campaign.replay import Noting, Replay
from perilune.campaign.squadron import Squadron
from perilune.campaign.table import CaseTable
from perilune.moon.time import epoch_from_utc
from perilune.scenario.errors import ScenarioError
from perilune.scenario.flight import Flight
from perilune.sim.fly import Fleet, fly_chunk, sleep

pytest.importorskip("zarr")
CASES, TIMES = 60, np.arange(4.0)


def replay_of(case: int) -> Replay:
    """A flight of few ticks whose height tells which case it is."""
    outcome = {"mission": "luna-25", "variant": "nominal", "outcome": "landed"}
    channels = {"truth/altitude_m": case + TIMES, "truth/r_site_m": np.zeros((4, 3)), "downlink/mode": np.arange(4)}
    flight = Flight(outcome, TIMES, channels, epoch_from_utc("2023-08-19T00:00:00Z"), coasts={"met_s": TIMES, "altitude_m": 1e5 - TIMES})
    row = {"seed": case, "reason": ""}
    return Replay(flight, {"case": case, "row": row, "same": True, "record": {"apart_m": 0.25}})


@pytest.fixture
def squadron(tmp_path, monkeypatch):
    """Of a campaign of flights that cost nothing, in a folder."""
    flown(tmp_path, CASES)
    monkeypatch.setattr(histories, "replays", lambda squadron, table, cases: (replay_of(case) for case in sorted(set(cases))))
    made = Squadron.__new__(Squadron)
    made.asked = wanted(CASES, histories="3,17")
    return made


def test_a_store_opens_with_units_and_says_which_cases_it_holds(squadron, tmp_path):
    told = []
    assert kept_histories(squadron, tmp_path, told.append) == [3, 17]
    assert told == ["case 3 is recorded, 1 of 2: landed", "case 17 is recorded, 2 of 2: landed"]
    with xr.open_datatree(tmp_path / HISTORIES, engine="zarr") as store:
        case = store["case-000017"]
        assert case.attrs["case"] == case.attrs["seed"] == 17 and case.attrs["same_as_the_row"] == 1
        assert list(np.asarray(case["altitude_m"])) == [17.0, 18.0, 19.0, 20.0]
        assert case["truth/altitude_m"].attrs["units"] == "m" and case["met_s"].attrs["units"] == "s"
        assert case["truth/r_site_m"].dims == ("met_s", "axis") and list(np.asarray(case["truth/axis"])) == ["x", "y", "z"]
        assert np.asarray(case["coast/altitude_m"])[0] == 1e5
        assert np.issubdtype(case["downlink/mode"].dtype, np.integer)


def test_what_is_recorded_is_not_flown_again_and_an_interruption_leaves_whole_cases(squadron, tmp_path, monkeypatch):
    def broken_off(squadron, table, cases):
        yield replay_of(cases[0])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(histories, "replays", broken_off)
        kept_histories(squadron, tmp_path)
    part = tmp_path / "histories.part" / "case-000017"
    part.mkdir(parents=True)  # as a kill in the middle of writing leaves it
    told = []
    assert kept_histories(squadron, tmp_path, told.append) == [3, 17]
    assert told == ["case 17 is recorded, 1 of 1: landed"] and not part.exists()
    squadron.asked = wanted(CASES, histories="5")
    assert kept_histories(squadron, tmp_path) == [3, 5, 17]
    squadron.asked = wanted(CASES)
    assert kept_histories(squadron, tmp_path) == [3, 5, 17]
    assert sorted(xr.open_datatree(tmp_path / HISTORIES, engine="zarr").children) == ["case-000003", "case-000005", "case-000017"]


def test_failures_are_the_first_that_did_not_land(squadron, tmp_path):
    table = CaseTable(tmp_path)
    failed = table.read(("case", "landed"))
    failed = failed["case"][~failed["landed"].astype(bool)].tolist()
    assert len(failed) > 3
    assert chosen(wanted(CASES, histories="failed:3"), table) == failed[:3]
    assert chosen(wanted(CASES, histories="failed"), table) == failed[:20]


def test_a_case_that_was_not_flown_has_no_history(squadron, tmp_path):
    """A campaign that stopped at the width of its interval."""
    assert chosen(wanted(10 * CASES, histories="4,100"), CaseTable(tmp_path)) == [4]


def test_words():
    assert read_chosen("") == ((), 0)
    assert read_chosen("17, 3,17") == ((3, 17), 0)
    assert read_chosen("failed") == ((), 20) and read_chosen("failed:50") == ((), 50)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("3,60", "histories asks for case 60; the last one is 59"),
        ("-1", "histories is '-1'; write cases as 3,17,4711, or failed, or failed:50"),
        ("3..7", "histories is '3..7'"),
        ("failed:some", "histories is 'failed:some'"),
        ("lost", "histories is 'lost'"),
    ],
)
def test_other_words_are_refused(words, said):
    with pytest.raises(ScenarioError, match=said):
        wanted(CASES, histories=words)


def test_the_table_does_not_depend_on_them():
    refuse_unlike(wanted(CASES, histories="3"), wanted(CASES))


def test_without_zarr_it_is_said_before_flights(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    histories.refuse_without_zarr(wanted(CASES))
    with pytest.raises(ScenarioError, match=r"pip install 'perilune\[histories\]'"):
        histories.refuse_without_zarr(wanted(CASES, histories="3"))


def test_a_lander_is_noted_wherever_it_flies():
    """In the batch it is the third; in the fall at the end, few at a time, the first or not there, and the few are filled up."""
    noting = Noting(lambda function, fleet, *rest: (fleet.seeds * 10, None) if function is fly_chunk else fleet.seeds, (7, 9))
    for function, seeds in ((fly_chunk, [5, 6, 7, 9]), (sleep, [7, 5, 7, 5]), (sleep, [9, 9, 9, 9])):
        fleet = object.__new__(Fleet)
        object.__setattr__(fleet, "seeds", np.array(seeds))
        noting(function, fleet)
    assert [int(np.asarray(state)[0]) for state in noting.states[7]] == [70, 7]
    assert [int(np.asarray(state)[0]) for state in noting.states[9]] == [90, 9]
