"""A campaign but for the flying: what is on disk, what is resumed, when it stops, and what is refused."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from stub_campaign import WIDTH as STUB_WIDTH
from stub_campaign import flown, rows, wanted

from perilune.campaign.asked import WIDTH, Law, asked, asked_of
from perilune.campaign.overlay import with_settings
from perilune.campaign.table import CaseTable
from perilune.scenario.errors import ScenarioError
from perilune.scenario.load import load_lander

CASES = 250


def table(folder: Path) -> dict[str, np.ndarray]:
    return CaseTable(folder).read()


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    """In every bit; a NaN equals itself."""
    return one.keys() == other.keys() and all(
        a.tobytes() == other[name].tobytes() if a.dtype.kind == "f" else np.array_equal(a, other[name]) for name, a in one.items()
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Flown by one, in one go."""
    folder = tmp_path_factory.mktemp("whole")
    standing = flown(folder, CASES)
    assert (standing.cases, standing.flown) == (CASES, CASES)
    return table(folder)


def test_the_table_holds_every_case_once_and_as_it_was_flown(whole):
    assert np.array_equal(whole["case"], np.arange(CASES))
    expected = [rows(first, min(STUB_WIDTH, CASES - first)) for first in range(0, CASES, STUB_WIDTH)]
    for name, column in whole.items():
        assert np.array_equal(np.concatenate([part[name] for part in expected]), column, equal_nan=column.dtype.kind == "f"), name


def test_a_column_that_is_not_there_is_refused_by_its_name(tmp_path):
    flown(tmp_path, CASES)
    with pytest.raises(ScenarioError, match="the table has no column 'landd'; did you mean landed"):
        CaseTable(tmp_path).read(("case", "landd"))


@pytest.mark.parametrize("workers", [2, 4])
def test_the_table_is_the_same_whoever_flies(tmp_path, whole, workers):
    flown(tmp_path, CASES, workers, pause_s=0.001)
    assert same(table(tmp_path), whole)


def test_killed_five_times_and_resumed_it_is_the_same(tmp_path, whole):
    """By a signal that cannot be caught, wherever it then is."""
    left = []
    for number in range(5):
        there = len(list(tmp_path.glob("cases/*.parquet")))
        process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("stub_campaign.py")), str(tmp_path), str(CASES)])
        deadline = time.monotonic() + 60.0
        while len(list(tmp_path.glob("cases/*.parquet"))) < there + 3 + number and time.monotonic() < deadline:
            time.sleep(0.003)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        left.append(len(list(tmp_path.glob("cases/*.parquet"))))
    assert 3 <= left[0] < left[-1] < 32
    standing = flown(tmp_path, CASES, workers=2)
    assert standing.flown == CASES - sum(min(STUB_WIDTH, CASES - STUB_WIDTH * n) for n in range(left[-1]))
    assert same(table(tmp_path), whole)


def test_a_chunk_that_is_damaged_or_half_written_is_flown_again(tmp_path, whole):
    flown(tmp_path, CASES)
    chunks = CaseTable(tmp_path)
    chunks.path(3).write_bytes(chunks.path(3).read_bytes()[:500])
    chunks.path(5).with_suffix(".part").write_bytes(b"PAR1")
    assert flown(tmp_path, CASES).flown == STUB_WIDTH
    assert same(table(tmp_path), whole)
    assert sorted({path.suffix for path in chunks.folder.iterdir()}) == [".parquet"]


def test_more_cases_go_on_from_what_is_there(tmp_path, whole):
    flown(tmp_path, 100)
    standing = flown(tmp_path, CASES)
    assert (standing.cases, standing.flown) == (CASES, CASES - 96)  # the last chunk of the first run was short
    assert same(table(tmp_path), whole)


@pytest.mark.parametrize("workers", [1, 3])
def test_it_stops_where_the_interval_is_narrow_enough_whoever_flies(tmp_path, workers):
    standing = flown(tmp_path, 10_000, workers, pause_s=0.002, until_width=0.12)
    low, high = standing.interval
    assert high - low <= 0.12
    assert standing.cases == 120
    assert np.array_equal(table(tmp_path)["case"], np.arange(standing.cases))


def test_what_is_no_number_is_a_row_with_its_reason(whole):
    numerical = whole["outcome"] == "numerical"
    assert numerical.sum() == CASES // 50
    assert np.all(np.isnan(whole["vertical_m_s"][numerical])) and set(whole["reason"][numerical]) == {"numerical"}


def test_a_flight_that_throws_stops_the_campaign_and_loses_nothing(tmp_path, whole):
    def breaks(first: int, count: int):
        if first >= 80:
            raise MemoryError("no room")
        return rows(first, count)

    from concurrent.futures import ThreadPoolExecutor

    from perilune.campaign.run import Crew, run

    with ThreadPoolExecutor(2) as threads, pytest.raises(MemoryError):
        run(wanted(CASES), CaseTable(tmp_path), Crew(threads, breaks, 2))
    assert 8 <= CaseTable(tmp_path).count() <= 10
    flown(tmp_path, CASES)
    assert same(table(tmp_path), whole)


def test_others_open_the_table(tmp_path, whole):
    flown(tmp_path, CASES)
    frame = duckdb.sql(f"SELECT * FROM '{tmp_path}/cases/*.parquet' ORDER BY \"case\"").df()
    assert isinstance(frame, pd.DataFrame) and np.array_equal(frame["x_sigma"].to_numpy(), whole["x_sigma"])
    told = duckdb.sql(f"SELECT outcome, count(*) FROM '{tmp_path}/cases/*.parquet' GROUP BY outcome").fetchall()
    assert dict(told)["landed"] == int(whole["landed"].sum())


def test_a_campaign_file_names_its_mission_and_laws(tmp_path):
    file = tmp_path / "odds.toml"
    file.write_text(
        'mission = "luna-25"\ncases = 64\ndesign = "sobol"\n[settings]\n"dispersions.thrust_percent" = 2.0\n'
        '[inputs."isp.0"]\nlaw = "triangular"\nlow = -2.0\nmode = 0.0\nhigh = 1.0\n[[correlated]]\ninputs = ["isp.1", "isp.2"]\ncoefficient = 0.8\n'
    )
    told = asked_of(file, {"seed": 3})
    assert (told.mission, told.cases, told.seed, told.width, told.design) == ("luna-25", 64, 3, WIDTH, "sobol")
    assert told.inputs["isp.0"].law == "triangular" and told.correlated[0].coefficient == 0.8
    changed = with_settings(load_lander("luna-25"), told.settings)
    assert changed.dispersions.thrust_percent == 2.0 and changed.dispersions.thrust_percent.provenance.source == "design"
    beside = tmp_path / "mine.toml"
    beside.write_text('[mission]\nname = "mine"\n')
    assert asked_of(beside, {}).mission == str(beside)
    assert asked({**json.loads(told.model_dump_json())}) == told


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cases": 0}, "cases is 0"),
        ({"caes": 5}, "caes is not a key of this table; did you mean cases?"),
        ({"design": "halton"}, "design is 'halton'; it must be one of"),
        ({"design": "latin", "until_width": 0.1}, "until_width goes with designs random and sobol"),
        ({"settings": {"a.b": 1}, "variant": "as-flown"}, "settings are of the nominal mission"),
        ({"inputs": {"x": {"law": "normal", "mean": 0.0}}}, "sigma is missing; a normal law has mean, sigma"),
        ({"inputs": {"x": {"law": "uniform", "low": 2.0, "high": 1.0}}}, "low is 2 and high 1; they must rise"),
        ({"correlated": [{"inputs": ["a", "b", "c"], "coefficient": -0.6}]}, "it must be above -0.5"),
    ],
)
def test_what_cannot_be_is_refused_in_words(given, said):
    with pytest.raises(ScenarioError, match=said.replace("(", r"\(").replace("?", r"\?")):
        asked({"mission": "luna-25", **given})


# Ten thousand draws: five standard errors of a mean.
DRAWS, ERRORS = 10_000, 5.0


@pytest.mark.parametrize(
    ("law", "mean", "sigma"),
    [
        (Law(law="normal", mean=2.0, sigma=0.5), 2.0, 0.5),
        (Law(law="uniform", low=-1.0, high=3.0), 1.0, 4.0 / 12.0**0.5),
        (Law(law="triangular", low=0.0, mode=0.0, high=3.0), 1.0, (9.0 / 18.0) ** 0.5),
        (Law(law="truncated_normal", mean=0.0, sigma=1.0, low=-1e6, high=1e6), 0.0, 1.0),
        (Law(law="fixed", value=7.0), 7.0, 0.0),
    ],
)
def test_laws_have_their_moments(law, mean, sigma):
    values = law.values(np.random.default_rng(5).normal(size=DRAWS))
    assert abs(values.mean() - mean) <= ERRORS * sigma / DRAWS**0.5
    assert abs(values.std() - sigma) <= ERRORS * sigma / DRAWS**0.5
