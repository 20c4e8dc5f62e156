"""Kept programs: the same bits as the direct way, never a stale one, and never in the way of a flight."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perilune.math.chebyshev import chebyshev_value
from perilune.math.vector import Vec3, vec3
from perilune.moon.frames import selenographic
from perilune.scenario import programs as programs_module
from perilune.scenario import shelf as shelf_module
from perilune.scenario.build import build
from perilune.scenario.disperse import fleet_of
from perilune.scenario.programs import DIRECT, Programs, kept_programs
from perilune.scenario.shelf import SUFFIX, Shelf
from perilune.sim import fly as sim

PLACE = eqx.filter_jit(selenographic)  # a small function of the package
TIMES = eqx.filter_jit(Vec3.__mul__)


def position():
    return vec3((1.2e6, -3.4e5, 1.3e6))


def bits(tree) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


@pytest.fixture()
def shelf(tmp_path):
    return Shelf(tmp_path / "kept")


@pytest.fixture(autouse=True)
def without_the_cache_of_jax():
    """As in a flight: a program that comes out of JAX's cache cannot be kept."""
    programs_module._use_cache_of_jax(False)
    yield
    programs_module._use_cache_of_jax(True)


@pytest.fixture()
def made(monkeypatch):
    """A word for each program that is traced and compiled."""
    made = []
    compiled = programs_module._compiled

    def counting(function, call):
        made.append("program")
        return compiled(function, call)

    monkeypatch.setattr(programs_module, "_compiled", counting)
    return made


def kept(tmp_path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "kept").iterdir())


def test_a_program_is_made_once_and_gives_the_same_bits(shelf, made, tmp_path):
    direct = PLACE(position())
    for _ in range(2):
        programs = Programs(shelf)  # as another process has it: nothing but the folder
        for _ in range(2):
            given = programs(PLACE, position())
            assert jax.tree.structure(given) == jax.tree.structure(direct)
            assert bits(given) == bits(direct)
    assert len(made) == 1
    assert len(kept(tmp_path)) == 1 and kept(tmp_path)[0].endswith(SUFFIX)  # and no half-written file beside it


def test_the_cache_of_jax_rests_while_programs_are_kept(tmp_path):
    programs_module._use_cache_of_jax(True)
    with pytest.raises(RuntimeError), kept_programs(tmp_path):
        assert not jax.config.values["jax_enable_compilation_cache"]
        raise RuntimeError("in flight")
    assert jax.config.values["jax_enable_compilation_cache"]
    with kept_programs(None) as programs:
        assert programs.shelf is None and jax.config.values["jax_enable_compilation_cache"]


def test_who_holds_programs_has_them_loaded_once(tmp_path):
    with kept_programs(tmp_path / "kept") as first:
        first(PLACE, position())
    with kept_programs(tmp_path / "kept") as held:
        for _ in range(2):
            with kept_programs(held) as programs:
                assert programs is held
                programs(PLACE, position())
    assert len(held.taken) == 1


def test_without_a_shelf_programs_are_kept_in_memory(made):
    programs = Programs()
    for _ in range(2):
        assert bits(programs(PLACE, position())) == bits(PLACE(position()))
    assert len(made) == 1


def test_of_two_threads_one_makes_the_program_and_the_other_waits_for_it(made):
    programs = Programs()
    with ThreadPoolExecutor(max_workers=2) as threads:
        given = list(threads.map(lambda _: bits(programs(PLACE, position())), range(4)))
    assert len(made) == 1
    assert all(each == bits(PLACE(position())) for each in given)


def test_who_asks_after_a_failure_tries_again(monkeypatch):
    programs, compiled, tries = Programs(), programs_module._compiled, []

    def failing_once(function, call):
        tries.append("try")
        if len(tries) == 1:
            raise MemoryError
        return compiled(function, call)

    monkeypatch.setattr(programs_module, "_compiled", failing_once)
    with pytest.raises(MemoryError):
        programs(PLACE, position())
    assert bits(programs(PLACE, position())) == bits(PLACE(position()))


def test_nothing_that_flies_can_throw():
    """It would call back into Python, and could not be kept. As in a process of its own, where the package comes first."""
    words = "import perilune, jax; perilune.fly; import equinox; print(jax.jit(lambda x: equinox.error_if(x, x < 0.0, 'no'))(-1.0))"
    environment = {name: value for name, value in os.environ.items() if name != "EQX_ON_ERROR"}
    command = [sys.executable, "-c", words]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert told.stdout.strip() == "nan", told.stderr


def test_a_shape_is_known_before_the_program_and_kept(shelf, tmp_path, monkeypatch):
    wanted = eqx.filter_eval_shape(PLACE, position())
    assert Programs().shape(PLACE, position()) == wanted == Programs(shelf).shape(PLACE, position())
    monkeypatch.setattr(programs_module, "_shape", None)  # as it is kept, nothing is traced
    assert Programs(shelf).shape(PLACE, position()) == wanted
    assert len(kept(tmp_path)) == 1


def test_a_batch_calls_functions_as_they_are(made):
    assert bits(DIRECT(PLACE, position())) == bits(PLACE(position()))
    assert made == []


def test_a_compiler_that_does_not_know_the_options_is_left_to_itself(shelf, made, monkeypatch, tmp_path):
    monkeypatch.setattr(programs_module, "QUICK", {"xla_cpu_of_another_version": True})
    assert bits(Programs(shelf)(PLACE, position())) == bits(PLACE(position()))
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize(
    "other",
    [
        jax.tree.map(lambda c: c.astype(jnp.float32), position()),
        Vec3(jnp.asarray(1.2e6), jnp.asarray(-3.4e5), jnp.asarray(1.3e6)),  # of unsettled type
        Vec3(1.2e6, -3.4e5, jnp.asarray(1.3e6)),  # fixed values
        Vec3(1.2e6, 3.4e5, jnp.asarray(1.3e6)),
    ],
    ids=["type", "weak", "fixed", "other value"],
)
def test_what_tracing_sees_makes_another_program(shelf, made, other):
    for argument in (position(), other):
        assert bits(Programs(shelf)(TIMES, argument, jnp.asarray(2.0))) == bits(TIMES(argument, jnp.asarray(2.0)))
    assert len(made) == 2


def test_another_shape_is_another_program(shelf, made):
    series = eqx.filter_jit(chebyshev_value)
    for count in (3, 4):
        coefficients, x = jnp.arange(1.0, 1.0 + count), jnp.asarray(0.3)
        assert bits(Programs(shelf)(series, coefficients, x)) == bits(series(coefficients, x))
    assert len(made) == 2


def test_fixed_values_are_told_apart(shelf, made):
    programs = Programs(shelf)
    for fixed in (0.0, -0.0, 1.0, 1, True):
        programs(TIMES, position(), fixed)
    assert len(made) == 5


def test_other_surroundings_make_it_again(shelf, made, monkeypatch):
    Programs(shelf)(PLACE, position())
    monkeypatch.setattr(shelf_module, "surroundings", lambda: "another version")
    Programs(shelf)(PLACE, position())
    assert len(made) == 2


@pytest.mark.parametrize("change", ["source", "flags"])
def test_surroundings_hold_the_source_and_the_compiler_settings(change, monkeypatch):
    before = shelf_module.surroundings()
    if change == "source":
        monkeypatch.setattr(shelf_module, "_source", lambda: b"one line changed")
    else:
        monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    shelf_module.surroundings.cache_clear()
    changed = shelf_module.surroundings()
    monkeypatch.undo()
    shelf_module.surroundings.cache_clear()
    assert changed != before == shelf_module.surroundings()


def test_every_module_but_those_above_counts(monkeypatch, tmp_path):
    for name in ("world/plant.py", "report/page.py", "__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(shelf_module, "HOME", tmp_path)
    before = shelf_module._source()
    (tmp_path / "report/page.py").write_text("x = 2\n")
    assert shelf_module._source() == before
    (tmp_path / "world/plant.py").write_text("x = 2\n")
    assert shelf_module._source() != before


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:-100], lambda b: b[:1000] + bytes([b[1000] ^ 1]) + b[1001:], lambda b: b"x" * 500]
)
def test_a_damaged_file_is_made_again(shelf, made, tmp_path, damage):
    direct = bits(PLACE(position()))
    Programs(shelf)(PLACE, position())
    path = tmp_path / "kept" / kept(tmp_path)[0]
    path.write_bytes(damage(path.read_bytes()))
    assert bits(Programs(shelf)(PLACE, position())) == direct
    assert bits(Programs(shelf)(PLACE, position())) == direct
    assert len(made) == 2


def test_a_program_under_another_ones_name_is_refused(shelf, made, tmp_path):
    """As two structures would be that look alike in words."""
    Programs(shelf)(PLACE, position())
    Programs(shelf)(TIMES, position(), jnp.asarray(2.0))
    first, second = (tmp_path / "kept" / name for name in kept(tmp_path))
    first.write_bytes(second.read_bytes())
    second.write_bytes(first.read_bytes())
    assert bits(Programs(shelf)(PLACE, position())) == bits(PLACE(position()))
    assert bits(Programs(shelf)(TIMES, position(), jnp.asarray(2.0))) == bits(TIMES(position(), jnp.asarray(2.0)))


def test_functions_that_may_hold_values_are_not_kept(shelf, made, tmp_path):
    factor = 3.0

    @eqx.filter_jit
    def scaled(r_m):
        return r_m * factor

    assert bits(Programs(shelf)(scaled, position())) == bits(position() * factor)
    assert made == [] and not (tmp_path / "kept").exists()


def test_the_folder_is_bounded_and_what_was_used_last_stays(tmp_path, monkeypatch):
    shelf = Shelf(tmp_path / "kept")
    monkeypatch.setattr(shelf_module, "KEPT_MAX_B", 2500)
    for number in range(4):
        shelf.put("thing", str(number), bytes(1000))
    assert len(kept(tmp_path)) == 2
    assert shelf.find("thing", "3") == bytes(1000)


def test_a_folder_that_cannot_be_written_stops_no_flight(tmp_path, capsys):
    (tmp_path / "kept").write_text("a file, not a folder")
    assert bits(Programs(Shelf(tmp_path / "kept"))(PLACE, position())) == bits(PLACE(position()))
    assert "could not be kept" in capsys.readouterr().err


@pytest.mark.long
def test_a_kept_mission_and_its_first_states_are_the_same_bits(luna, shelf, made):
    seeds = jnp.arange(4)
    fleet = fleet_of(luna.mission, luna.spread, seeds)
    states = sim.start(fleet, jnp.asarray(0))
    for _ in range(2):
        programs = Programs(shelf)
        plan = build(luna.file, (), programs)
        assert jax.tree.structure(plan.mission) == jax.tree.structure(luna.mission)
        assert bits(plan.mission) == bits(luna.mission)
        assert (plan.phases, plan.epoch) == (luna.phases, luna.epoch)
        again = fleet_of(plan.mission, plan.spread, seeds, programs)
        assert bits(programs(sim.start, again, jnp.asarray(0))) == bits(states)
    assert len(made) == 4  # coast, guidance, dispersions and start, once each
