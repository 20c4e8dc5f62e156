"""Figures of the flight itself: height, speeds, attitude and throttle, propellant. Each takes the record and draws one figure."""

import numpy as np
from matplotlib.figure import Figure

from perilune.report import style
from perilune.report.record import Record

# Below this speed the logarithmic axis turns linear.
LINEAR_BELOW_M_S = 1.0
# A flight from farther than this shows its heights on a logarithmic axis.
FAR_M = 1e6


def whole_flight(record: Record) -> Figure:
    """Height over the ground, coasts and powered phases together; powered phases as bands."""
    coast_s, coast_m = (np.asarray(record.tree[f"coast/{name}"].values) for name in ("coast_met_s", "altitude_m"))
    awake_s, awake_m = record.met_s, record.all_of("truth/altitude_m")
    kept = awake_s <= record.until_s
    time_s, height_m = np.concatenate([coast_s, awake_s[kept]]), np.concatenate([coast_m, awake_m[kept]])
    order = np.argsort(time_s, kind="stable")
    unit, scale_s = ("days", 86_400.0) if time_s.max() > 2e5 else ("hours", 3600.0)
    edges = np.flatnonzero(np.diff(awake_s) > 1.0)
    spans = zip(np.concatenate([[0], edges + 1]), np.concatenate([edges, [len(awake_s) - 1]]), strict=True)
    with style.drawing() as (figure, (axes,)):
        for first, last in spans:
            axes.axvspan(float(awake_s[first]) / scale_s, float(awake_s[last]) / scale_s, color="#fdf3e3", lw=0)
        axes.plot(time_s[order] / scale_s, 1e-3 * height_m[order], color=style.TRUTH, lw=1.0)
        axes.set(xlabel=f"{unit} from the start", ylabel="height over the ground [km]", ylim=(0.0, None))
        if height_m.max() > FAR_M:
            axes.set(yscale="log", ylim=(1e-2, None))
            style.plain_numbers(axes)
    return figure


def altitude(record: Record) -> Figure:
    """Height over the ground, true and believed."""
    names = ("truth/altitude_m", "downlink/altitude_m")
    with style.drawing(columns=2) as (figure, (left, right)):
        for axes, unit, scale in ((left, "km", 1e-3), (right, "m", 1.0)):
            for name, label, colour, dash in zip(names, ("true", "believed"), (style.TRUTH, style.BELIEF), ("-", "--"), strict=True):
                style.plot(axes, record.time_s, scale * record[name], label, colour, linestyle=dash)
            axes.set_ylabel(f"height over the ground [{unit}]")
        left.set_ylim(bottom=0.0)
        left.set_title("The descent")
        style.whole(left, record)
        right.set_title("The end")
        style.end(right, record)
        style.shown(right, record.time_s, record[names[0]], np.zeros(len(record.time_s)))
        left.legend(loc="lower left")
    return figure


def speeds(record: Record) -> Figure:
    """Vertical and horizontal speed over the ground."""
    kinds = (("vertical_speed_m_s", "down", style.TRUTH), ("horizontal_speed_m_s", "horizontal", "#5b8c5a"))
    with style.drawing(columns=2) as (figure, (left, right)):
        for axes in (left, right):
            for name, label, colour in kinds:
                style.plot(axes, record.time_s, record[f"truth/{name}"], f"{label}, true", colour)
                style.plot(axes, record.time_s, record[f"downlink/{name}"], f"{label}, believed", colour, linestyle=":", alpha=0.8)
            axes.set_ylabel("speed [m/s]")
        left.set_yscale("symlog", linthresh=LINEAR_BELOW_M_S)
        style.plain_numbers(left)
        left.set_ylabel("speed [m/s], logarithmic over 1")
        left.set_title("The descent")
        style.whole(left, record)
        right.set_title("The end")
        style.end(right, record)
        style.shown(right, record.time_s, *(record[f"truth/{name}"] for name, _, _ in kinds))
        left.legend(loc="lower left", frameon=True, facecolor="white", edgecolor="none", framealpha=0.85)
    return figure


def attitude(record: Record, engine_names: tuple[str, ...] = ()) -> Figure:
    """Tilt from the vertical, turn rate, and what the throttled engines do; `engine_names` in the order of their channels."""
    rate_deg_s = np.degrees(np.linalg.norm(record["truth/omega_body_lci_rad_s"], axis=1))
    throttle = record["truth/throttle"]
    with style.drawing(columns=3) as (figure, (tilt, rate, engines)):
        style.plot(tilt, record.time_s, record["truth/tilt_deg"], "", style.TRUTH)
        tilt.set(title="Tilt from the vertical", ylabel="[°]", ylim=(0, None))
        style.plot(rate, record.time_s, rate_deg_s, "", style.TRUTH)
        rate.set(title="Turn rate", ylabel="[°/s]", ylim=(0, None))
        for engine in range(throttle.shape[1]):
            name = engine_names[engine] if engine < len(engine_names) else f"engine {engine}"
            dash = ("-", "--", ":")[engine % 3]
            style.plot(engines, record.time_s, 100.0 * throttle[:, engine], name, style.SERIES[engine % 6], linestyle=dash)
        engines.set(title="Throttle", ylabel="[%]", ylim=(-3, 108))
        engines.legend(loc="center left")
        for axes in (tilt, rate, engines):
            style.whole(axes, record)
    return figure


def thrust(record: Record) -> Figure:
    """Acceleration along the body axis: asked for, and felt."""
    given = record["truth/thrust_n"] / record["truth/mass_kg"]
    with style.drawing(height_in=2.8) as (figure, (axes,)):
        style.plot(axes, record.time_s, given, "felt", style.TRUTH)
        style.plot(axes, record.time_s, record["downlink/accel_cmd_m_s2"], "asked for", style.BELIEF, linestyle="--", alpha=0.8)
        axes.set(title="Acceleration by thrust", ylabel="[m/s²]")
        style.whole(axes, record)
        style.shown(axes, record.time_s[record.flying], given[record.flying], np.zeros(int(record.flying.sum())))
        axes.legend(loc="upper left")
    return figure


def propellant(record: Record) -> Figure:
    """Propellant left, and how well flight software knows the mass."""
    with style.drawing(columns=2, height_in=2.8) as (figure, (left, right)):
        style.plot(left, record.time_s, record["truth/propellant_kg"], "", style.TRUTH)
        left.set(title="Propellant left", ylabel="[kg]", ylim=(0, None))
        error_kg = record["downlink/mass_kg"] - record["truth/mass_kg"]
        style.plot(right, record.time_s, error_kg, "", style.BELIEF)
        right.set(title="Believed less true mass", ylabel="[kg]")
        for axes in (left, right):
            style.whole(axes, record)
    return figure
