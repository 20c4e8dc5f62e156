"""Shares of limits that flights had left, and the command that climbs down them."""

import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from perilune.campaign.asked import Asked
from perilune.campaign.inputs import Input
from perilune.campaign.margins import ANY, MARGINS, margins
from perilune.campaign.squadron import Squadron
from perilune.cli import app
from perilune.report import subset_folder
from perilune.scenario.load import load_lander

HALF_AXES_M = (15_000.0, 7_500.0)
# A margin of one normal number: 1 - u / BETA.
BETA = 3.2


def rows(**changed):
    plain = {"vertical_m_s": 0.0, "horizontal_m_s": 0.0, "tilt_deg": 0.0, "rest_tilt_deg": 0.0, "along_m": 0.0, "across_m": 0.0}
    values = {**plain, "met_s": 7000.0, "reason": "", **changed}
    return {name: np.array([value]) for name, value in values.items()}


def left(**changed):
    return {name: float(value[0]) for name, value in margins(load_lander("luna-25"), HALF_AXES_M, rows(**changed)).items()}


def test_a_margin_is_the_share_of_its_limit_that_is_left():
    limits = load_lander("luna-25").limits
    assert set(left()) == set(MARGINS) and set(left().values()) == {1.0}
    assert left(vertical_m_s=0.75 * float(limits.vertical_m_s))["down"] == pytest.approx(0.25)
    assert left(rest_tilt_deg=float(limits.rest_tilt_deg))["rest"] == 0.0
    assert left(along_m=0.6 * HALF_AXES_M[0], across_m=0.8 * HALF_AXES_M[1])["ellipse"] == pytest.approx(0.0, abs=1e-12)
    assert left(along_m=9_000.0)[ANY] == pytest.approx(0.4)
    assert (
        left(along_m=20_000.0, reason="outside the ellipse")["ellipse"] == left(along_m=20_000.0, reason="outside the ellipse")[ANY] < 0.0
    )
    assert left(along_m=20_000.0, reason="crashed: too fast down")["ellipse"] == 1.0


def test_who_never_touched_the_ground_has_all_left_but_has_failed():
    told = left(met_s=0.0, vertical_m_s=1e9, along_m=math.nan, reason="lost")
    assert {told[name] for name in MARGINS if name != ANY} == {1.0} and told[ANY] == 0.0


def test_without_an_ellipse_there_is_no_such_margin():
    assert "ellipse" not in margins(load_lander("luna-25"), None, rows())


class Stub(Squadron):
    def __init__(self, asked: Asked, programs: object):
        self.asked, self.file = asked, load_lander(asked.mission)
        self.inputs = tuple(Input(f"dispersions/{name}/0", name, "percent", "normal", 0.0, 2.0) for name in ("thrust", "isp", "lag"))

    def prepare(self) -> None:
        pass


def told(*words: str, status: int = 0):
    done = CliRunner().invoke(app, ["hunt", "luna-25", *words])
    assert done.exit_code == status, done.output
    return done


def test_the_command_finds_a_probability_that_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "")
    monkeypatch.setattr(subset_folder, "Squadron", Stub)
    monkeypatch.setattr(subset_folder, "margin_of", lambda squadron, margin, threads: lambda u, seeds: 1.0 - u[:, 1] / BETA)
    done = told("--by", "subset:down", "--out", "one", "--json")
    result, truth = json.loads(done.stdout), 0.5 * math.erfc(BETA / math.sqrt(2.0))
    low, high = result["failure"]["interval"]
    assert low < truth < high
    assert (result["by"], result["margin"]) == ("subset", "down")
    assert result["levels"][-1]["threshold"] == 0.0 and math.prod(level["share"] for level in result["levels"]) == pytest.approx(
        result["failure"]["probability"]
    )
    assert result["inputs"][0]["input"] == "isp" and result["inputs"][0]["mean_sigma"] > BETA
    assert result["flights"] < 0.5 * result["plain_flights_for_the_same"]
    assert done.stderr.count("of all flights") == len(result["levels"])
    page = (tmp_path / "one" / "report.html").read_text()
    assert page.count("<svg") == 2 and f"{result['failure']['probability']:.1e}" in page
    assert "of all flights" in told("--by", "subset:down", "--out", "two").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--by", "subsets"), "--by subsets: did you mean subset?"),
        (("--by", "widened:tilt"), "--by widened:tilt: "),
        (("--by", "subset:tlt"), "--by subset:tlt: there is no such margin; did you mean tilt?"),
        (("--by", "subset:tilt", "--flights", "100"), "--flights is 100; a hunt needs 200 and more"),
    ],
)
def test_what_cannot_be_hunted_is_told_in_a_line(words, said):
    done = told(*words, status=2)
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1
