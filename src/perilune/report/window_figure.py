"""The launch-window plot: what injection and insertion of direct flights cost over dates of departure and arrival.

**Model.** `windows.costs`: impulses, patched conics; so a flight by way of the Sun has no place on it, and the title says where it goes.
"""

from datetime import datetime
from typing import NamedTuple

import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perilune.moon.ephemeris import load_ephemeris
from perilune.moon.time import DAY_S, Epoch
from perilune.report import style
from perilune.trajectory.desk import radii
from perilune.trajectory.flightpath import moment
from perilune.trajectory.low_energy import SHORTEST_S
from perilune.trajectory.order import MissionOrder
from perilune.trajectory.windows import Costs, costs

# Departures about the planned one; times of flight, and how far they reach beyond a planned one that is shorter or longer; how fine.
WINDOW_DAYS, FLIGHT_DAYS, BEYOND_DAYS, GRID = 15.0, (3.0, 7.0), 0.5, (241, 121)
# Departures that are drawn: with a whole month the flights are a strip along the diagonal, too thin to read.
SHOWN_DAYS = 7.0
# Steps of the contours of injection, insertion and both [m/s], and how many.
CONTOURS_M_S, CONTOURS = (2.0, 10.0, 10.0), 15
NAMES = ("Injection", "Insertion", "Both")


class WindowMap(NamedTuple):
    """Costs on a grid, flight by departure; days count from the planned departure."""

    order: MissionOrder
    arrival: Epoch  # of the planned flight
    departures_d: np.ndarray
    flights_d: np.ndarray
    cost: Costs

    @property
    def flight_d(self) -> float:
        """How long the planned flight takes."""
        return _flight_d(self.order, self.arrival)

    @property
    def direct(self) -> bool:
        """Whether the planned flight is one of these."""
        return self.flight_d * DAY_S <= SHORTEST_S


def window_map(order: MissionOrder, arrival: Epoch) -> WindowMap:
    """Costs of the direct flights about an order's departure; `arrival` is when the planned flight is at the Moon."""
    flight_d, (shortest_d, longest_d) = _flight_d(order, arrival), FLIGHT_DAYS
    if flight_d * DAY_S <= SHORTEST_S:
        shortest_d, longest_d = min(shortest_d, flight_d - BEYOND_DAYS), max(longest_d, flight_d + BEYOND_DAYS)
    ephemeris = load_ephemeris(order.launch.injection.after(-WINDOW_DAYS * DAY_S), (2.0 * WINDOW_DAYS + longest_d) * DAY_S)
    departures_d, flights_d = np.linspace(-WINDOW_DAYS, WINDOW_DAYS, GRID[0]), np.linspace(shortest_d, longest_d, GRID[1])
    departures_s = (departures_d[None, :] + WINDOW_DAYS) * DAY_S
    cost = costs(ephemeris, departures_s, departures_s + flights_d[:, None] * DAY_S, radii(order))
    return WindowMap(order, arrival, departures_d, flights_d, cost)


def _flight_d(order: MissionOrder, arrival: Epoch) -> float:
    return arrival.seconds_since(order.launch.injection) / DAY_S


def window_figure(found: WindowMap) -> Figure:
    """Injection, insertion and both, over dates of departure and arrival."""
    shown = np.abs(found.departures_d) <= SHOWN_DAYS
    departures_d = np.broadcast_to(found.departures_d[shown], (len(found.flights_d), int(np.count_nonzero(shown))))
    arrivals_d = departures_d + found.flights_d[:, None]
    start = float(mdates.date2num(_calendar(found.order.launch.injection)))
    with style.drawing(columns=3, height_in=5.4) as (figure, all_axes):
        figure.suptitle(words(found), x=0.01, ha="left", fontsize=9)
        grids = [np.asarray(grid) for grid in (found.cost.injection_m_s, found.cost.insertion_m_s, found.cost.total_m_s)]
        for axes, name, values, step_m_s in zip(all_axes, NAMES, grids, CONTOURS_M_S, strict=True):
            _contours(figure, axes, (start + departures_d, start + arrivals_d), values[:, shown], step_m_s)
            _flight_times(axes, start, found)
            _planned(axes, start, found)
            _dates(axes, found.order)
            axes.set_title(f"{name} [m/s]", pad=6)
    return figure


def words(found: WindowMap) -> str:
    """Where the planned flight is: on the map, or by way of the Sun outside of it."""
    leaves, arrives = moment(found.order.launch.injection)[:16], moment(found.arrival)[:16]
    zone = _zone(found.order.launch.injection)
    if found.direct:
        return f"Direct flights. Planned (red): leaves {leaves}, arrives {arrives} {zone}, {found.flight_d:.1f} days."
    return (
        f"Direct flights alone. The planned flight leaves {leaves} {zone} (red line), goes by way of the Sun and arrives {arrives},\n"
        f"{found.flight_d:.1f} days later: outside of this map."
    )


def _contours(figure: Figure, axes: Axes, dates: tuple[np.ndarray, np.ndarray], values: np.ndarray, step_m_s: float) -> None:
    if not np.any(np.isfinite(values)):
        axes.text(0.5, 0.5, "no direct flight", transform=axes.transAxes, ha="center")
        return
    levels = step_m_s * (np.floor(float(np.nanmin(values)) / step_m_s) + np.arange(CONTOURS + 1))
    filled = axes.contourf(*dates, values, levels=levels, cmap="viridis_r", extend="max")
    axes.contour(*dates, values, levels=levels, colors="white", linewidths=0.4)
    bar = figure.colorbar(filled, ax=axes, orientation="horizontal", ticks=levels[::5], aspect=30, pad=0.03)
    bar.outline.set_visible(False)


def _flight_times(axes: Axes, start: float, found: WindowMap) -> None:
    """The edges of the map, and its limits: all departures shown, and all arrivals from them."""
    edges = np.array([-SHOWN_DAYS, SHOWN_DAYS])
    shortest_d, longest_d = float(found.flights_d[0]), float(found.flights_d[-1])
    for flight_d, low in ((shortest_d, True), (longest_d, False)):
        axes.plot(start + edges, start + edges + flight_d, color=style.FAINT, linewidth=0.7)
        where = start + (0.35 if low else -0.35) * SHOWN_DAYS
        axes.annotate(
            f"{flight_d:.3g} days of flight",
            (where, where + flight_d),
            xytext=(6, -4) if low else (-6, 4),
            textcoords="offset points",
            ha="left" if low else "right",
            va="top" if low else "bottom",
            fontsize=7,
            color="#52606d",
        )
    axes.set(xlim=tuple(start + edges), ylim=(start - SHOWN_DAYS + shortest_d, start + SHOWN_DAYS + longest_d))


def _planned(axes: Axes, start: float, found: WindowMap) -> None:
    """The planned flight; of one by way of the Sun, the departure alone."""
    if found.direct:
        axes.plot(start, start + found.flight_d, marker="o", linestyle="none", color=style.BAD)
    else:
        axes.axvline(start, color=style.BAD, linewidth=0.9)


def _dates(axes: Axes, order: MissionOrder) -> None:
    injection, days = order.launch.injection, mdates.DateFormatter("%d %b")
    for axis, what in ((axes.xaxis, "departure"), (axes.yaxis, "arrival")):
        axis.set_major_locator(mdates.DayLocator(interval=3))
        axis.set_major_formatter(days)
        axis.set_label_text(f"{what} ({_zone(injection)})")


def _zone(epoch: Epoch) -> str:
    """Beyond the known leap seconds dates are told in TDB."""
    return "TDB" if moment(epoch).endswith("TDB") else "UTC"


def _calendar(epoch: Epoch) -> datetime:
    return datetime.fromisoformat(moment(epoch).removesuffix(" TDB"))
