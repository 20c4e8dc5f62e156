"""The recording: units on everything, and the way through a netCDF-4 file and back."""

import numpy as np
import pytest
import xarray as xr
from synthetic_flight import START_UTC, channels

from perilune.sim.recording import CHANNELS, KEY_CHANNELS, manifest, recording_tree, to_netcdf

TIME_S = np.arange(0.0, 5.0, 0.5)


def test_every_channel_comes_back_from_the_file_with_its_unit(tmp_path):
    given = channels(TIME_S)
    path = tmp_path / "flight.nc"
    path.write_bytes(to_netcdf(recording_tree(TIME_S, given, START_UTC)))
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        for name, channel in CHANNELS.items():
            variable = tree[name]
            assert variable.attrs["units"] == channel.unit
            assert variable.attrs["long_name"] == channel.long_name
            np.testing.assert_array_equal(variable.values, given[name])
        np.testing.assert_array_equal(tree["met_s"].values, TIME_S)
        assert tree["met_s"].attrs["epoch_utc"] == START_UTC
        assert set(KEY_CHANNELS) <= set(tree.to_dataset().data_vars)


def test_names_of_channels_end_in_the_unit_that_they_claim():
    spelt = {"m": "_m", "m s-1": "_m_s", "kg": "_kg", "s": "_s", "rad s-1": "_rad_s", "m s-2": "_m_s2", "N": "_n", "degree": "_deg"}
    for name, channel in CHANNELS.items():
        if channel.unit in spelt and not name.endswith(("innovation", "innovation_sigma", "_cmd")):
            assert name.endswith(spelt[channel.unit]), name


def test_a_channel_without_a_unit_is_refused():
    with pytest.raises(ValueError, match="channels without a unit: truth/mood"):
        recording_tree(TIME_S, {"truth/mood": TIME_S}, START_UTC)


def test_a_channel_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"truth/r_lci_m has the shape \(10,\); it must be \(10, axis\)"):
        recording_tree(TIME_S, {"truth/r_lci_m": TIME_S}, START_UTC)


def test_the_manifest_holds_what_flies_it_again():
    written = manifest("format = 1\n", {"seed": 7, "width": 1})
    assert written["mission_toml"] == "format = 1\n"
    assert len(written["mission_sha256"]) == 64
    assert (written["seed"], written["width"]) == (7, 1)
    assert {"perilune", "python", "jax", "numpy"} <= set(written["versions"])
