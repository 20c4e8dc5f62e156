"""What a flight leaves on record: channels with units, as an xarray tree and as netCDF-4 bytes, and the manifest beside it.

A recording is one time axis (`met_s`) and channels `truth/...` and `downlink/...` on it. Every channel stands in `CHANNELS`, so
that no number goes without its unit; CF attributes say it in the file.
"""

import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from perilune.wire.telemetry import Mode

XYZ = ("x", "y", "z")
WXYZ = ("w", "x", "y", "z")
FILTER_BLOCKS = ("position", "velocity", "attitude", "accelerometer bias", "gyro bias")
FILTER_STATES = (*(f"{block} {axis}" for block in FILTER_BLOCKS for axis in XYZ), "terrain")
PACKAGES = ("jax", "jaxlib", "equinox", "numpy", "de421")


@dataclass(frozen=True)
class Channel:
    """Unit (as udunits writes it; 1 is none) and what it is; `axis` names a second dimension, and `labels` its places."""

    unit: str
    long_name: str
    axis: str = ""
    labels: tuple[str, ...] = ()


def _vector(unit: str, long_name: str) -> Channel:
    return Channel(unit, long_name, "axis", XYZ)


def _rotation(long_name: str) -> Channel:
    return Channel("1", long_name, "quaternion", WXYZ)


def _gate(name: str, unit: str) -> dict[str, Channel]:
    return {
        f"downlink/{name}_innovation": Channel(unit, f"innovation of the {name.replace('_', ' ')} at the last update"),
        f"downlink/{name}_innovation_sigma": Channel(unit, "square root of its predicted variance"),
        f"downlink/{name}_used": Channel("1", "1 where the gate let it in"),
        f"downlink/{name}_fresh": Channel("1", "1 where the last update had a reading; held until the next"),
    }


# What coasts have beside channels of the truth.
COAST = {"r_gci_m": _vector("m", "centre of mass, Earth-centred inertial")}
TRUTH = {
    "truth/altitude_m": Channel("m", "height of the centre of mass over the ground below"),
    "truth/ground_elevation_m": Channel("m", "elevation of the ground below over the sphere of 1737.4 km"),
    "truth/latitude_deg": Channel("degrees_north", "latitude, mean Earth / rotation axis"),
    "truth/longitude_deg": Channel("degrees_east", "longitude, mean Earth / rotation axis"),
    "truth/vertical_speed_m_s": Channel("m s-1", "speed over the ground, positive down"),
    "truth/horizontal_speed_m_s": Channel("m s-1", "horizontal speed over the ground"),
    "truth/tilt_deg": Channel("degree", "body z axis from the local vertical"),
    "truth/mass_kg": Channel("kg", "mass"),
    "truth/propellant_kg": Channel("kg", "propellant left"),
    "truth/r_lci_m": _vector("m", "centre of mass, Moon-centred inertial"),
    "truth/v_lci_m_s": _vector("m s-1", "its velocity"),
    "truth/r_imu_lci_m": _vector("m", "inertial unit, the point that is navigated"),
    "truth/v_imu_lci_m_s": _vector("m s-1", "its velocity"),
    "truth/r_lfme_m": _vector("m", "centre of mass, mean Earth / rotation axis frame"),
    "truth/r_site_m": _vector("m", "centre of mass; east, north, up at the site"),
    "truth/v_site_m_s": _vector("m s-1", "velocity over the ground; east, north, up at the site"),
    "truth/q_lci_body": _rotation("attitude, body to inertial"),
    "truth/omega_body_lci_rad_s": _vector("rad s-1", "turn rate, body axes"),
    "truth/throttle": Channel("1", "throttle of each engine", "engine"),
    "truth/thruster_on_s": Channel("s", "on-time of each thruster in the cycle", "thruster"),
    "truth/thrust_n": Channel("N", "thrust of engines and axial thrusters along body z"),
    "truth/pads_touching": Channel("1", "1 for each pad on the ground", "pad"),
    "truth/bias_accel_m_s2": _vector("m s-2", "accelerometer bias"),
    "truth/bias_gyro_rad_s": _vector("rad s-1", "gyro bias"),
}

DOWNLINK = {
    "downlink/clock_s": Channel("s", "onboard clock"),
    "downlink/mode": Channel("1", "mode: " + ", ".join(f"{mode.value} {mode.name.lower()}" for mode in Mode)),
    "downlink/altitude_m": Channel("m", "height over the ground, as believed"),
    "downlink/vertical_speed_m_s": Channel("m s-1", "as believed, positive down"),
    "downlink/horizontal_speed_m_s": Channel("m s-1", "as believed"),
    "downlink/mass_kg": Channel("kg", "as believed"),
    "downlink/time_to_go_s": Channel("s", "guidance's time to go"),
    "downlink/accel_cmd_m_s2": Channel("m s-2", "thrust acceleration asked for"),
    "downlink/thrust_direction_cmd_lci": _vector("1", "direction of thrust asked for"),
    "downlink/throttle_cmd": Channel("1", "throttle ordered of each engine", "engine"),
    "downlink/nav_r_lci_m": _vector("m", "navigated position of the inertial unit"),
    "downlink/nav_v_lci_m_s": _vector("m s-1", "navigated velocity"),
    "downlink/nav_q_lci_body": _rotation("navigated attitude"),
    "downlink/nav_bias_accel_m_s2": _vector("m s-2", "estimated accelerometer bias"),
    "downlink/nav_bias_gyro_rad_s": _vector("rad s-1", "estimated gyro bias"),
    "downlink/nav_terrain_m": Channel("m", "estimated height of the ground below over the sphere through the site"),
    "downlink/nav_sigma": Channel("1", "square roots of the covariance diagonal (m, m/s, rad, m/s2, rad/s, m)", "state", FILTER_STATES),
    "downlink/monitors": Channel("1", "1 for each monitor raised", "monitor"),
    "downlink/accelerometers_set_aside": Channel("1", "1 for each inertial unit whose accelerometers are not used again", "inertial_unit"),
    "downlink/gyros_set_aside": Channel("1", "the same of gyros", "inertial_unit"),
    "downlink/units_undecided": Channel("1", "1 where units disagree and none is found out: accelerometers, gyros", "triad"),
    **_gate("altimeter", "m"),
    **_gate("velocimeter", "m s-1"),
    **_gate("star_tracker", "rad"),
}

CHANNELS: Mapping[str, Channel] = MappingProxyType(TRUTH | DOWNLINK)

# What stands at the root of the file too, for those who want one look.
KEY_CHANNELS = MappingProxyType(
    {
        "altitude_m": "truth/altitude_m",
        "vertical_speed_m_s": "truth/vertical_speed_m_s",
        "horizontal_speed_m_s": "truth/horizontal_speed_m_s",
        "mass_kg": "truth/mass_kg",
        "mode": "downlink/mode",
    }
)


def recording_tree(
    met_s: np.ndarray,
    channels: Mapping[str, np.ndarray],
    start_utc: str,
    about: Mapping[str, str] | None = None,
    coasts: Mapping[str, np.ndarray] | None = None,
    beside: Mapping[str, tuple[Mapping[str, np.ndarray], Mapping[str, Channel]]] = MappingProxyType({}),
) -> xr.DataTree:
    """Root with time and key variables, groups `truth` and `downlink`. Channels [n] or [n, k]; `start_utc` is the UTC of `met_s` = 0.

    `coasts`, a few truth channels by their short names with a `met_s` of their own, become the group `coast`; each of `beside`, channels
    with what they are, a group of that name: on a `met_s` of its own, or of numbered rows if it has none.
    """
    strangers = sorted(set(channels) - set(CHANNELS))
    if strangers:
        raise ValueError(f"channels without a unit: {', '.join(strangers)}; give each a line in perilune/sim/recording.py")
    variables = {name: _variable(name, np.asarray(array), len(met_s)) for name, array in channels.items()}
    times = {"units": "s", "long_name": "mission elapsed time", "epoch_utc": start_utc, "axis": "T"}
    root = xr.Dataset(
        {short: variables[name] for short, name in KEY_CHANNELS.items() if name in variables},
        coords={"met_s": ("met_s", np.asarray(met_s, dtype=float), times)},
        attrs={"Conventions": "CF-1.11", "source": "Perilune", "met_epoch_utc": start_utc, **(about or {})},
    )
    groups = {"/": root}
    for group in ("truth", "downlink"):
        members = [name for name in variables if name.startswith(f"{group}/")]
        groups[f"/{group}"] = xr.Dataset({name.split("/")[1]: variables[name] for name in members}, coords=_labels(members))
    if coasts:
        groups["/coast"] = _rows_group(
            "coast", coasts, {name: COAST.get(name) or TRUTH[f"truth/{name}"] for name in coasts if name != "met_s"}, times
        )
    groups |= {f"/{name}": _rows_group(name, rows, told, times) for name, (rows, told) in beside.items() if rows}
    return xr.DataTree.from_dict(groups)


def _rows_group(name: str, rows: Mapping[str, np.ndarray], told: Mapping[str, Channel], times: Mapping[str, str]) -> xr.Dataset:
    """Channels on a time axis of their own, or of numbered rows."""
    timed = "met_s" in rows
    axis = f"{name}_met_s" if timed else f"{name}_row"
    sizes = {key: (axis, each.axis) if each.axis else (axis,) for key, each in told.items()}
    variables = {key: (sizes[key], rows[key], {"units": each.unit, "long_name": each.long_name}) for key, each in told.items()}
    return xr.Dataset(variables, coords={axis: (axis, rows["met_s"], dict(times))} if timed else {})


def to_netcdf(tree: xr.DataTree) -> bytes:
    """The tree as a netCDF-4 file, compressed."""
    packed = {"zlib": True, "complevel": 4}
    buffer = BytesIO()
    tree.to_netcdf(buffer, engine="h5netcdf", encoding={node.path: dict.fromkeys(node.data_vars, packed) for node in tree.subtree})
    return buffer.getvalue()


def manifest(mission_text: str, flight: Mapping[str, Any]) -> dict[str, Any]:
    """What is needed to fly it again: the mission's text and hash, versions, device, and what the caller adds (seed, width, faults)."""
    import jax

    device = jax.devices()[0]
    return {
        "mission_sha256": hashlib.sha256(mission_text.encode()).hexdigest(),
        "mission_toml": mission_text,
        "versions": {"perilune": _version("perilune"), "python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "device": {"platform": device.platform, "kind": device.device_kind, "machine": platform.machine()},
        **flight,
    }


def _variable(name: str, values: np.ndarray, samples: int) -> tuple[tuple[str, ...], np.ndarray, dict[str, str]]:
    channel = CHANNELS[name]
    dimensions = ("met_s", channel.axis) if channel.axis else ("met_s",)
    if values.ndim != len(dimensions) or values.shape[0] != samples:
        raise ValueError(f"channel {name} has the shape {values.shape}; it must be ({', '.join((str(samples), *dimensions[1:]))})")
    whole = values.astype(np.int8) if values.dtype == bool else values
    return dimensions, whole, {"units": channel.unit, "long_name": channel.long_name}


def _labels(names: list[str]) -> dict[str, Any]:
    labelled = [CHANNELS[name] for name in names if CHANNELS[name].labels]
    return {channel.axis: (channel.axis, list(channel.labels)) for channel in labelled}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
