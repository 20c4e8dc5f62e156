"""Orbiters seed after seed: by lanes where nothing happens, by the program that records where flight software changes its mode."""

from types import SimpleNamespace

import numpy as np
import pytest

from perilune.campaign.orbiters import Orbiters, odds
from perilune.scenario.load import load
from perilune.scenario.programs import IN_MEMORY
from perilune.scenario.schema import OrbiterFile
from perilune.sim.fly import CHUNK_TICKS, Fleet, fly_chunk, no_record
from perilune.sim.mission import MissionState
from perilune.wire.telemetry import Mode

FLEET = object.__new__(Fleet)


def states(mode=Mode.COAST, since_s=0.0, burns_over=0, propellant_kg=700.0) -> MissionState:
    """Of what is looked at alone."""
    modes = SimpleNamespace(mode=np.array([mode]), since_s=np.array([since_s]), burns_over=np.array([burns_over]))
    some = object.__new__(MissionState)
    parts = {
        "mode": np.array([mode]),
        "fsw": SimpleNamespace(modes=modes),
        "world": SimpleNamespace(propellant_kg=np.array([propellant_kg])),
    }
    for name, part in parts.items():
        object.__setattr__(some, name, part)
    return some


@pytest.fixture()
def orbiters(monkeypatch):
    """One whose recording program tells what it was asked."""
    file = load("luna-26")
    assert isinstance(file, OrbiterFile)
    orbiters = Orbiters(file, IN_MEMORY)
    monkeypatch.setattr("perilune.campaign.orbiters.settled", lambda states: states)
    monkeypatch.setattr(orbiters, "_recorded", lambda fleet, states, tick: (states, {"asked": (fleet, states, tick)}))
    return orbiters


def by_lanes(monkeypatch, orbiters, after):
    asked = []

    def lanes(function, fleet, before, tick, recorder):
        asked.append((function, int(tick), recorder))
        return after, None

    monkeypatch.setattr(orbiters, "_lanes", lanes)
    return asked


def test_a_chunk_in_which_nothing_happens_is_flown_by_lanes_and_its_record_is_of_one_mode(orbiters, monkeypatch):
    after = states(propellant_kg=699.5)
    asked = by_lanes(monkeypatch, orbiters, after)
    found, record = orbiters._ticks(FLEET, states(), 300)
    assert found is after and asked == [(fly_chunk, 300, no_record)]
    assert np.array_equal(record["downlink/mode"], np.full((CHUNK_TICKS, 1), Mode.COAST))
    assert np.array_equal(record["truth/propellant_kg"], np.full((CHUNK_TICKS, 1), 699.5))


@pytest.mark.parametrize("change", [{"mode": Mode.BURN}, {"since_s": 30.2}, {"burns_over": 1}])
def test_a_chunk_in_which_flight_software_changes_its_mode_is_recorded_from_where_it_began(orbiters, monkeypatch, change):
    """Also where it is back in the mode it had: a burn of a tenth of a second counts."""
    by_lanes(monkeypatch, orbiters, states(**change))
    before = states()
    assert orbiters._ticks(FLEET, before, 300)[1]["asked"] == (FLEET, before, 300)


def test_the_odds_are_told_with_their_interval():
    assert odds(["in_orbit"] * 20 + ["lost"]) == "20 of 21 in the orbit that was wanted (77.3 to 99.2 %)"
