"""When the ground looks at an orbit: only while it hears the lander, and not at all if it never does before flight software wakes."""

from types import SimpleNamespace

import pytest

from perilune.scenario.voyage import LISTEN_S, Journey, UnheardError

IGNITION_S, TRACKED_BEFORE_S, LEAD_S = 20_000.0, 7200.0, 300.0


class Listening(Journey):
    """A journey that only coasts, and is heard from a time on."""

    def __init__(self, heard_from_s: float):
        self.settings = SimpleNamespace(tracked_before_s=TRACKED_BEFORE_S, lead_s=LEAD_S)
        self.in_orbit, self.heard_from_s, self.at_s = True, heard_from_s, 0.0

    @property
    def now_s(self) -> float:
        return self.at_s

    def _met_s(self, plan_s: float) -> float:
        return plan_s

    def over(self) -> bool:
        return False

    def _heard(self) -> bool:
        return self.at_s >= self.heard_from_s

    def _coast(self, name: str, until_s: float):
        self.at_s = until_s
        yield name


def test_it_looks_at_once_if_it_is_heard():
    journey = Listening(heard_from_s=0.0)
    assert list(journey._tracked(IGNITION_S)) == ["lunar-orbit"]
    assert journey.now_s == IGNITION_S - TRACKED_BEFORE_S


def test_it_waits_until_it_is_heard():
    journey = Listening(heard_from_s=IGNITION_S - TRACKED_BEFORE_S + 2.5 * LISTEN_S)
    assert len(list(journey._tracked(IGNITION_S))) == 4
    assert journey.now_s == IGNITION_S - TRACKED_BEFORE_S + 3.0 * LISTEN_S


def test_who_is_never_heard_gets_no_burn():
    journey = Listening(heard_from_s=IGNITION_S)
    with pytest.raises(UnheardError, match="no station hears it in the 120 minutes before a burn"):
        list(journey._tracked(IGNITION_S))
    assert journey.now_s <= IGNITION_S - LEAD_S
