"""The launch-window plot: dates on its axes, and the planned flight on the map or told of in words. No plan is made for it."""

from datetime import datetime

import matplotlib.dates as mdates
import numpy as np
import pytest
from matplotlib.axes import Axes

from perilune.moon.time import Epoch, epoch_from_utc
from perilune.report.window_figure import FLIGHT_DAYS, SHOWN_DAYS, WindowMap, window_figure, window_map, words
from perilune.scenario.load import load
from perilune.scenario.plan import order_of
from perilune.trajectory.order import MissionOrder

# Arrivals of the desk's plans; that of Hakuto-R M1 a hundred days after its departure.
LUNA_25, HAKUTO = "2023-08-16T09:00:00", "2023-03-21T01:24:00"
MINUTE_D = 1.0 / 1440.0


def order(name: str) -> MissionOrder:
    file = load(name)
    assert file.plan is not None
    return order_of(file, file.plan)


@pytest.fixture(scope="module")
def direct() -> WindowMap:
    return window_map(order("luna-25"), epoch_from_utc(LUNA_25))


@pytest.fixture(scope="module")
def by_the_sun() -> WindowMap:
    return window_map(order("hakuto-r-m1"), epoch_from_utc(HAKUTO))


def day_of(epoch: Epoch) -> float:
    return float(mdates.date2num(datetime.fromisoformat(epoch.utc()).replace(tzinfo=None)))


def maps(found: WindowMap) -> list[Axes]:
    """The three maps of the figure, colour bars apart."""
    return [axes for axes in window_figure(found).axes if axes.get_title(loc="left")]


@pytest.mark.parametrize("which", ["direct", "by_the_sun"])
def test_axes_span_the_dates_of_direct_flights(which, request):
    found = request.getfixturevalue(which)
    assert len(maps(found)) == 3
    departure = day_of(found.order.launch.injection)
    for axes in maps(found):
        assert axes.get_xlim() == pytest.approx((departure - SHOWN_DAYS, departure + SHOWN_DAYS), abs=MINUTE_D)
        assert axes.get_ylim() == pytest.approx(
            (departure - SHOWN_DAYS + FLIGHT_DAYS[0], departure + SHOWN_DAYS + FLIGHT_DAYS[1]), abs=MINUTE_D
        )
        assert axes.collections and axes.get_xlabel() == "departure (UTC)" and axes.get_ylabel() == "arrival (UTC)"


def test_a_direct_flight_is_a_point_on_the_map(direct):
    expected = day_of(direct.order.launch.injection), day_of(direct.arrival)
    for axes in maps(direct):
        (point,) = (line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o")
        assert point == pytest.approx(expected, abs=MINUTE_D)
        assert axes.get_ylim()[0] < point[1] < axes.get_ylim()[1]
    assert "arrives 2023-08-16 09:00 UTC" in words(direct) and "Sun" not in words(direct)


def test_a_flight_by_the_sun_is_told_of_in_words(by_the_sun):
    assert not any(line.get_marker() == "o" for axes in maps(by_the_sun) for line in axes.lines)
    assert "goes by way of the Sun and arrives 2023-03-21 01:24" in words(by_the_sun)
    assert words(by_the_sun).endswith("outside of this map.")


def test_the_map_reaches_beyond_a_planned_flight_that_is_slower_than_most():
    slow = window_map(order("luna-25"), order("luna-25").launch.injection.after(8.5 * 86400.0))
    assert slow.direct and slow.flights_d[-1] > 8.5 > FLIGHT_DAYS[1]
    assert np.any(np.isfinite(slow.cost.total_m_s[-1]))
