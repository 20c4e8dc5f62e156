"""The report: made of a made-up flight, so these tests ask for form and arithmetic, not for physics."""

import io
import re

import numpy as np
import pytest
from rich.console import Console
from synthetic_flight import CONTACT_S, START_UTC, Hills, SyntheticFlight, channels, outcome

from perilune.constants import RADIUS_MOON_M
from perilune.report.chapters import CHAPTERS, Story
from perilune.report.figures_ground import track_on_ground
from perilune.report.figures_navigation import block_errors
from perilune.report.folder import write_flight
from perilune.report.live import Watch, clock, distance, line
from perilune.report.page import page
from perilune.report.record import Record, thinned, turned_by
from perilune.report.relief import relief_about, shade
from perilune.report.verdict import energy, sentence, summary, touchdown_rows
from perilune.scenario.load import load
from perilune.sim.progress import Progress
from perilune.sim.recording import recording_tree

# The page must travel by mail.
PAGE_MAX_BYTES = 3_000_000


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flight")
    return write_flight(SyntheticFlight(), load("luna-25"), folder), folder


def test_the_folder_holds_recording_report_and_manifest(written):
    files, folder = written
    assert {path.name for path in folder.iterdir()} == {"flight.nc", "report.html", "manifest.json"}
    assert files["report"] == str(folder / "report.html")
    assert files["downlink"] is None


def test_the_page_has_every_figure_and_fetches_nothing(written):
    _, folder = written
    text = (folder / "report.html").read_text(encoding="utf-8")
    told = [chapter for chapter in CHAPTERS if not any(name.startswith("bus/") for name in chapter.needs)]  # those are of whole missions
    assert text.count("<svg") == len(told)
    for chapter in told:
        assert f"<h2>{chapter.title}</h2>" in text
    outside = [address for address in re.findall(r"(?:src|href)=\"([^\"]+)\"", text) if not address.startswith(("#", "data:"))]
    assert outside == []
    assert len(text.encode()) < PAGE_MAX_BYTES


def test_the_page_says_the_verdict_and_what_is_assumed(written):
    text = (written[1] / "report.html").read_text(encoding="utf-8")
    assert '<p class="word">landed</p>' in text
    assert "812 m" in text
    assert "vehicle.mass_dry_kg" in text
    assert "127 s instead of 84 s" in text


def test_a_flight_that_never_came_down_has_a_page_too():
    result = outcome(outcome="lost", contact=None, rest=None, cause="propellant ran out", files={})
    time_s = np.arange(0.0, 100.0, 0.5)
    names = ("truth/altitude_m", "downlink/altitude_m", "downlink/mode")
    record = Record(recording_tree(time_s, {name: channels(time_s)[name] for name in names}, START_UTC))
    text = page(Story(result, load("luna-25"), record))
    assert text.count("<svg") == 1
    assert "Propellant ran out." in text


def test_text_from_outside_is_escaped():
    result = outcome(outcome="lost", contact=None, cause="<script>", files={})
    record = Record(recording_tree(np.arange(3.0), {"downlink/mode": np.zeros(3)}, START_UTC))
    assert "<script>" not in page(Story(result, load("luna-25"), record)).lower()


def test_time_zero_is_the_start_of_braking():
    record = Record(SyntheticFlight().dataset())
    assert record.ignition_s == 30.0
    assert record.time_s[0] == -30.0
    assert record.close_up[0] == CONTACT_S - 30.0 - 100.0
    assert [mode.name for mode, _, _ in record.spans()][:2] == ["COAST", "BRAKING"]


def test_thinning_keeps_the_ends_and_short_curves():
    long, short = np.arange(50_000.0), np.arange(10.0)
    (kept,) = thinned(long)
    assert (kept[0], kept[-1]) == (0.0, 49_999.0)
    assert len(kept) <= 1200
    assert thinned(short)[0] is short


@pytest.mark.parametrize("angle_rad", [0.0, 1e-9, 0.3, 3.0])
def test_the_rotation_between_two_attitudes_is_found(angle_rad):
    """exp(angle z) after any attitude q is that attitude turned by the angle; closed form."""
    q = np.array([[0.5, 0.5, 0.5, 0.5]])
    half = 0.5 * angle_rad
    w, z = np.cos(half), np.sin(half)
    left = np.array([[w * 0.5 - z * 0.5, w * 0.5 - z * 0.5, w * 0.5 + z * 0.5, w * 0.5 + z * 0.5]])
    np.testing.assert_allclose(turned_by(left, q), [[0.0, 0.0, angle_rad]], atol=1e-15)
    np.testing.assert_allclose(turned_by(-left, q), [[0.0, 0.0, angle_rad]], atol=1e-15)


def test_errors_are_truth_less_estimate():
    record = Record(SyntheticFlight().dataset())
    error = block_errors(record)[0]
    np.testing.assert_allclose(error, record["truth/r_lci_m"] - record["downlink/nav_r_lci_m"])


def test_the_track_is_seen_along_the_plumb_line():
    """A point straight above a place d from the site, at height h over the tangent plane, is seen at that place."""
    east, north = 3000.0, -4000.0
    up = 20_000.0
    radius_m = RADIUS_MOON_M + 100.0
    stretch = (radius_m + up) / radius_m
    seen = track_on_ground(np.array([[east * stretch, north * stretch, up]]), 100.0)
    np.testing.assert_allclose(np.concatenate(seen), [east, north], rtol=1e-14)


def test_the_map_lies_about_its_centre_and_level_ground_is_evenly_lit():
    class Level:
        def height_m(self, direction_lfme):
            return 0.0 * direction_lfme.x + 42.0

    relief = relief_about(Level(), (-69.5, 43.5), (1000.0, -500.0), 2000.0)
    assert relief.extent_m == (-1000.0, 3000.0, -2500.0, 1500.0)
    np.testing.assert_allclose(relief.height_m, 42.0)
    assert np.ptp(shade(relief)) < 1e-12


def test_the_map_has_north_up():
    """Ground that rises with the lfme z component rises northward everywhere."""

    class Rising:
        def height_m(self, direction_lfme):
            return 1e6 * direction_lfme.z

    relief = relief_about(Rising(), (-69.5, 43.5), (0.0, 0.0), 2000.0)
    assert np.all(np.diff(relief.height_m, axis=0) > 0.0)
    assert np.ptp(shade(relief_about(Hills(), (-69.5, 43.5), (0.0, 0.0), 20_000.0))) > 0.1


def test_rows_compare_the_touchdown_with_its_limits():
    rows = touchdown_rows(outcome())
    assert rows[0] == ("vertical speed", 1.53, 3.0, "m/s")
    assert touchdown_rows(outcome(contact=None)) == []


def test_the_summary_marks_what_is_over_its_limit():
    crashed = outcome(outcome="crashed", cause="too fast", files={"report": "r.html", "downlink": None})
    crashed["contact"]["vertical_speed_m_s"] = 12.0
    console = Console(file=io.StringIO(), width=120)
    console.print(summary(crashed))
    text = console.file.getvalue()
    assert "CRASHED" in text and "Too fast." in text and "r.html" in text
    assert text.count("over\n") == 1
    assert "downlink" not in text


def test_a_flight_without_contact_has_a_sentence():
    assert (
        sentence(outcome(outcome="lost", contact=None, cause="time ran out"))
        == "It is neither down nor where it was meant to be. Time ran out."
    )


def looks() -> list[Progress]:
    shares = np.linspace(0.0, 1.0, 101)
    return [Progress("descent", "braking", 10.0 * s, s, 18_000 * (1 - s), 60.0, 1700 * (1 - s), 1300 - 600 * s, 1.0) for s in shares]


def test_progress_is_told_in_lines_where_there_is_no_terminal():
    stream = io.StringIO()
    with Watch(Console(file=stream, width=200)) as watch:
        for look in looks():
            watch(look)
    lines = stream.getvalue().splitlines()
    assert 11 <= len(lines) - 1 <= 20
    assert "altitude" in lines[1] and "mass" in lines[1] and "throttle" in lines[1]


def test_numbers_are_written_for_people():
    assert clock(3723.9) == "+1:02:03"
    assert [distance(x) for x in (12.345, 812.0, 18_300.0)] == ["12.3 m", "812 m", "18.3 km"]
    assert "100 %" in line(looks()[-1])


@pytest.mark.parametrize(("positive", "word"), [(True, "positive"), (False, "negative")])
def test_the_page_says_whether_energy_sufficed(positive, word):
    lowest = {"share": 0.613, "utc": "2023-08-16T09:41:07.250"}
    told = energy({"bus": dict(energy_balance_positive=positive, generated_mean_w=640.4, used_mean_w=310.2, lowest_charge=lowest)})
    assert f"is {word}: panels and generator could give 640 W in the mean, 310 W were used" in told
    assert "lowest at 61 %, on 2023-08-16 09:41 UTC" in told
    assert energy({}) == ""
