"""Draws docs/luna-25.png, the picture of the README, and docs/luna-25-impact.png, from flights flown on the spot: `python docs/picture.py` (some minutes)."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

import perilune
from perilune.report import style
from perilune.report.figures_ground import Target, draw_map
from perilune.report.folder import maps_of, record_of
from perilune.report.impacts import impact_figure
from perilune.report.record import Record
from perilune.report.relief import ReliefMap

PLACE = Path(__file__).with_name("luna-25.png")
IMPACTS = Path(__file__).with_name("luna-25-impact.png")
SIZE_MAX_BYTES = 400_000


def profile(axes: Axes, record: Record) -> None:
    """Height over distance to go, over the ground that the lander passes."""
    r_site_m = record["truth/r_site_m"]
    to_go_km = np.hypot(r_site_m[:, 0] - r_site_m[-1, 0], r_site_m[:, 1] - r_site_m[-1, 1]) / 1000.0
    ground_km = record["truth/ground_elevation_m"] / 1000.0
    height_km = ground_km + record["truth/altitude_m"] / 1000.0
    axes.fill_between(to_go_km, ground_km, ground_km.min() - 1.0, color="#8a8f98", lw=0)
    axes.plot(to_go_km, height_km, color=style.TRUTH, lw=2.0)
    axes.invert_xaxis()
    axes.set(title="Down from 18 km", xlabel="distance to go [km]", ylabel="elevation [km]")
    axes.set_ylim(ground_km.min() - 0.8, None)
    speeds = np.hypot(record["truth/vertical_speed_m_s"], record["truth/horizontal_speed_m_s"])
    for speed_m_s in (1500.0, 1000.0, 500.0, 100.0):
        k = int(np.flatnonzero(speeds > speed_m_s)[-1])
        axes.plot(to_go_km[k], height_km[k], "o", ms=4, color=style.BELIEF)
        axes.annotate(f"{speed_m_s:.0f} m/s", (to_go_km[k], height_km[k]), (6, 6), textcoords="offset points", fontsize=8)


def draw(record: Record, relief: ReliefMap, target: Target, title: str) -> None:
    with style.drawing(columns=2, height_in=4.6) as (figure, (left, right)):
        figure.suptitle(title, fontsize=11, fontweight="bold")
        profile(left, record)
        draw_map(right, record, relief, target)
        right.set_title("Over the ground, 90 km across")
        right.legend(loc="upper right", labelcolor="white", frameon=True, facecolor=style.INK, edgecolor="none", framealpha=0.75)
        figure.savefig(PLACE, dpi=90)
    assert PLACE.stat().st_size < SIZE_MAX_BYTES


def main() -> None:
    mission = perilune.load("luna-25")
    flight = perilune.fly(mission)
    record = record_of(flight)
    ellipse = mission.site.ellipse
    target = Target(float(mission.site.elevation_m), (ellipse.major_km, ellipse.minor_km, ellipse.azimuth_deg) if ellipse else None)
    title = f"{mission.mission.title}, seed {flight.outcome['seed']}: {flight.outcome['outcome']}"
    draw(record, maps_of(flight, mission, record)[0], target, title)
    lost = perilune.fly(mission, variant="as-flown")
    site_deg = float(mission.site.latitude_deg), float(mission.site.longitude_deg)
    impact_figure(record_of(lost), lost.outcome, site_deg).savefig(IMPACTS, dpi=90)


if __name__ == "__main__":
    main()
