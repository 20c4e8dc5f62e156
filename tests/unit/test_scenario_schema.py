"""Mission files: what is read, and what is refused with which words."""

import pytest
from altered_file import LUNA, refused

from perilune.scenario.errors import ScenarioError, nearest, split_unit, unknown_key
from perilune.scenario.load import catalogue, catalogue_names, drawn, load, load_lander, mission_from_text, variant_of
from perilune.scenario.plan import order_of
from perilune.scenario.schema import LanderFile, OrbiterFile, json_schema
from perilune.scenario.schema_quantity import Quantity
from perilune.scenario.schema_table import Table


@pytest.mark.parametrize("name", ["luna-25", "hakuto-r-m1", "resilience"])
def test_the_catalogue_is_read_and_names_itself(name):
    assert load(name).name == name
    assert name in catalogue_names()


def test_a_number_calculates_and_remembers_its_bounds_and_source():
    thrust_n = load("luna-25").engines[0].thrust_n
    assert thrust_n * 2 == 9500.0
    assert (thrust_n.low, thrust_n.high) == (4600.0, 5200.0)
    assert thrust_n.provenance.source == "derived"


def test_a_plain_number_rests_on_the_source_of_its_table():
    site = load("luna-25").site
    assert site.latitude_deg.provenance.source == site.source
    assert not site.latitude_deg.provenance.bounded


def test_bounds_in_percent_stand_about_each_component():
    inertia = load("luna-25").vehicle.inertia_full_kg_m2
    assert inertia.provenance.low == pytest.approx((720.0, 720.0, 560.0))
    assert inertia.provenance.high == pytest.approx((1080.0, 1080.0, 840.0))


def numbers_of(table: Table):
    for key, number in table.numbers():
        yield key, number
    for key in type(table).model_fields:
        value = getattr(table, key)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Table):
                yield from numbers_of(each)


@pytest.mark.parametrize("mission", catalogue(), ids=lambda mission: mission.name)
def test_every_number_has_a_source_and_every_assumed_one_its_bounds(mission):
    numbers = list(numbers_of(mission))
    assert len(numbers) > (150 if isinstance(mission, LanderFile) else 100)
    for key, number in numbers:
        assert number.provenance.source, key
        assert number.provenance.bounded or not number.provenance.assumed, key


@pytest.mark.parametrize("mission", catalogue(), ids=lambda mission: mission.name)
def test_bounds_hold_their_values(mission):
    for key, number in numbers_of(mission):
        provenance = number.provenance
        for low, value, high in zip(provenance.low, number.components, provenance.high, strict=False):
            assert low <= value <= high, key


def test_an_impossible_value_is_told_with_path_value_and_range():
    assert refused("latitude_deg = -69.545", "latitude_deg = -854.2") == (
        "site.latitude_deg is -854.2; it must lie in [-90, 90] (degrees, north positive)",
    )


def test_an_impossible_bound_is_told_too():
    (line,) = refused("value = 0.2, low = 0.1, high = 0.3", "value = 0.2, low = 0.1, high = 1.3")
    assert line == "slosh.liquid_share.high is 1.3; it must lie in [0, 1] (a share of the whole)"


def test_a_value_outside_its_own_bounds_is_refused():
    (line,) = refused("value = 4750, low = 4600", "value = 4500, low = 4600")
    assert line == "engines[0].thrust_n.value is 4500; it must lie within its own bounds [4600, 5200]"


def test_a_misspelt_key_gets_the_nearest():
    (line,) = refused("mass_dry_kg", "mas_dry_kg")
    assert line == "vehicle.mas_dry_kg is not a key of this table; did you mean mass_dry_kg?"


def test_a_misspelt_table_gets_the_nearest():
    (line,) = refused("[tracking]", "[traking]")
    assert line == "traking is not a key of this table; did you mean tracking?"


def test_a_wrong_unit_is_told_as_such():
    (line,) = refused("thrust_n = { value = 4750, low = 4600, high = 5200,", "thrust_kn = { value = 4.75, low = 4.6, high = 5.2,")
    assert line == "engines[0].thrust_kn is given in kilonewtons; the key here is thrust_n (newtons)"


def test_a_missing_unit_is_told_as_such():
    (line,) = refused("hinge_height_m", "hinge_height")
    assert line == "slosh.hinge_height is given in no unit; the key here is hinge_height_m (metres)"


def test_an_assumed_number_needs_bounds():
    (line,) = refused("liquid_share = { value = 0.2, low = 0.1, high = 0.3 }", "liquid_share = 0.2")
    assert line.startswith("slosh.liquid_share is assumed but has no bounds")


def test_a_number_needs_a_source():
    lines = refused('[site]\nsource = "Roscosmos, planned landing site, 2023-07"', "[site]")
    assert [line.split(";")[0] for line in lines] == ["site.latitude_deg has no source", "site.longitude_deg has no source"]


def test_one_bound_alone_is_refused():
    (line,) = refused("length_m = { value = 0.3, low = 0.2, high = 0.45 }", "length_m = { value = 0.3, low = 0.2 }")
    assert line == "slosh.length_m has one bound; give both low and high"


@pytest.mark.parametrize("wrong", ['"heavy"', "true", "nan", "inf", "[1, 2]"])
def test_what_is_no_number_is_refused(wrong):
    (line,) = refused("length_m = { value = 0.3, low = 0.2, high = 0.45 }", f"length_m = {wrong}")
    assert line.startswith("slosh.length_m is ") and line.endswith("; it must be a number")


def test_a_missing_key_is_named():
    assert refused("longitude_deg = 43.544\n", "") == ("site.longitude_deg is missing; it is required",)


def test_several_complaints_are_all_told():
    text = LUNA.replace("latitude_deg = -69.545", "latitude_deg = 100").replace("count = 12", "count = 11")
    with pytest.raises(ScenarioError) as caught:
        mission_from_text(text, "mine.toml")
    assert str(caught.value).splitlines() == [
        "mine.toml: thrusters[1].count is 11; the layout couples_on_three_axes has 12",
        "mine.toml: site.latitude_deg is 100; it must lie in [-90, 90] (degrees, north positive)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "mass_dry_kg = { value = 640, low = 600, high = 690",
            "mass_dry_kg = { value = 1400, low = 600, high = 1500",
            "must be below mass_start_kg",
        ),
        ("periapsis_altitude_km = 91.4", "periapsis_altitude_km = 180", "it must be at most apoapsis_altitude_km, 112.6"),
        ("periapsis_altitude_km = 18", "periapsis_altitude_km = 180", "it must be at most the highest altitude, 100"),
        ('start_before_burn_orbits = { value = 0.5, source = "design" }', "", "has no start_before_burn_orbits"),
        ("2023-08-21T13:45:00Z", "2023-08-21T15:45:00Z", "it must lie between"),
        ("landing_earliest_utc = 2023-08-21T13", "landing_earliest_utc = 2023-08-21T15", "it must not be later than landing_latest_utc"),
        ("2023-08-21T13:45:00Z", "2023-08-21T13:45:00+03:00", "it must be in UTC"),
        (
            "separation_kg = { value = 1750",
            "separation_kg = { value = 1755",
            "1115 kg of it propellant (less vehicle.mass_dry_kg); the tanks hold 1110 kg",
        ),
        ("injection_utc = 2023", "injection_utc = 2039", "outside the table of leap seconds"),
        (
            "trim_utc = 2023-08-18T06:20:00Z",
            "trim_utc = 2023-08-15T06:20:00Z",
            "it must come after arrival.ignition_utc, 2023-08-16 08:57:00",
        ),
        (
            "tracked_before_s = 7200",
            "tracked_before_s = 120",
            "plan.flight.lead_s is 300; it must be at most tracked_before_s, 120: the burn is found and sent up before flight software wakes",
        ),
        ("trim_utc = 2023-08-18T06:20:00Z", "trim_utc = 2023-08-18T06:20:00", "is 2023-08-18T06:20:00; it must say that it is in UTC"),
        (
            "periapsis_altitude_km = 91.4\napoapsis_altitude_km = 112.6\ninclination_deg = 82.087\n\n[[plan",
            "periapsis_altitude_km = 191.4\napoapsis_altitude_km = 112.6\ninclination_deg = 82.087\n\n[[plan",
            "it must be at most apoapsis_altitude_km",
        ),
        ('policy = "readmit"', 'policy = "shrug"', "it must be one of 'reject_once', 'readmit' or 'reject_for_good'"),
        ('until = "rest"', 'until = "ignition"', "a powered phase ends at burn_over or rest"),
        (
            "before_burn_s = { value = 60,",
            'below_altitude_m = { value = 100, source = "design" }\nbefore_burn_s = { value = 60,',
            "give exactly one of",
        ),
        ('used_in = ["braking"]', "used_in = []", "have 'KTD', which no mode uses"),
        ('used_in = ["braking"]', 'used_in = ["approach"]', "engines have none for braking"),
        (
            "mass_start_kg = { value = 1300, low = 1280, high = 1330",
            "mass_start_kg = { value = 5300, low = 1280, high = 5330",
            "the tanks hold 1110 kg",
        ),
        ("value = 800, low = 590, high = 1000", "value = 400, low = 390, high = 1000", "give 800 N in vertical_descent"),
        (
            "value = 0.4, low = 0.3, high = 0.5 }\nthrottle_max",
            "value = 0.9, low = 0.3, high = 0.9 }\nthrottle_max",
            "give 1440 N at least",
        ),
        ("periapsis_altitude_km = 18", "periapsis_altitude_km = 2", "the relief about the site goes up to some 2.3 km"),
        ("gate_altitude_m = 2000", "gate_altitude_m = 19000", "braking ends at 19.4 km, and must begin above it"),
        ("vertical_m_s = 3\n", "vertical_m_s = 80\n", "it must lie in (0, 15]"),
        ("value = [900, 900, 700], within", "value = [900, 100, 10], within", "no moment exceeds the sum of the other two"),
        (
            "inertia_full_kg_m2 = { value = [900, 900, 700], within_percent = 20",
            "inertia_full_kg_m2 = { value = [900, 900, 700], within_percent = -50",
            "it must lie above 0",
        ),
        (
            "inertia_full_kg_m2 = { value = [900, 900, 700], within_percent = 20",
            "inertia_full_kg_m2 = { value = [900, 900, 700], low = [1, 1, 1], within_percent = 20",
            "give bounds one way",
        ),
        ('source = "derived", note = "from the insertion burn', 'source = 5, note = "from the insertion burn', "is 5; it must be words"),
        ('source = "derived", note = "from the insertion burn', 'source = "", note = "from the insertion burn', "is ''; it must be words"),
    ],
)
def test_what_cannot_be_flown_is_refused(old, new, words):
    assert any(words in line for line in refused(old, new))


def test_a_velocimeter_may_be_missing_but_not_be_switched_on_then():
    start, end = LUNA.index("[sensors.velocimeter]"), LUNA.index("[sensors.touchdown]")
    without = LUNA[:start] + LUNA[end:]
    with pytest.raises(ScenarioError, match="switches on a velocimeter, and sensors has none"):
        mission_from_text(without)
    row = '[[sequence]]\ncommand = "velocimeter_on"\nbelow_altitude_m = { value = 8000, source = "design" }\n'
    assert without.count(row) == 1
    assert mission_from_text(without.replace(row, "")).sensors.velocimeter is None


HOVERS = """
[[flight_software.hovers]]
source = "design"
altitude_m = {first}
duration_s = 10
descent_max_m_s = 3

[[flight_software.hovers]]
source = "design"
altitude_m = {second}
duration_s = 10
descent_max_m_s = 3

[flight_software.attitude]
"""


@pytest.mark.parametrize(
    ("first", "second", "words"), [(50, 100, "from the highest down"), (100, 9, "above vertical_descent.low_altitude_m, 10")]
)
def test_hovers_stand_one_below_the_other_and_above_the_last_metres(first, second, words):
    assert any(words in line for line in refused("[flight_software.attitude]", HOVERS.format(first=first, second=second)))


def test_pads_are_as_many_as_legs_and_an_axis_of_rest_points_somewhere():
    pad = """[[legs.pads]]
source = "design"
position_m = [0, 0, 0]
crushes_along = [0, 0, 1]

[limits]
"""
    assert any("there are 1 pads" in line for line in refused("[limits]", pad))
    assert any(
        "it must point somewhere" in line for line in refused("[limits]", '[limits]\nrest_axis = { value = [0, 0, 0], source = "design" }')
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("accel_quantum_mm_s", 0, "accel_quantum_mm_s is 0; it must"),
        ("boresight", [0, 0, 0], "it must point somewhere"),
        ("range_floor_m", None, "give both, or neither"),
    ],
)
def test_a_unit_that_could_not_be_is_refused(old, new, words):
    assert refused_value(old, new) and any(words in line for line in refused_value(old, new))


def refused_value(key: str, value: object) -> tuple[str, ...]:
    """Complaints about luna-25 with the first number of this key changed, or left out."""
    lines = LUNA.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith(f"{key} ="))
    lines[place : place + 1] = [] if value is None else [f'{key} = {{ value = {value}, source = "design" }}']
    with pytest.raises(ScenarioError) as caught:
        mission_from_text("\n".join(lines))
    return caught.value.complaints


def test_broken_toml_tells_the_place():
    with pytest.raises(ScenarioError, match=r"mine.toml: is not valid TOML: .*line 1"):
        mission_from_text("format = = 1", "mine.toml")


def test_an_unknown_mission_gets_the_nearest():
    with pytest.raises(ScenarioError, match="did you mean luna-25"):
        load("luna25")


def test_the_users_own_file_is_read_the_same_way(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(LUNA.replace('name = "luna-25"', 'name = "mine"'), encoding="utf-8")
    mission = load(path)
    assert (mission.name, mission.folder) == ("mine", tmp_path)
    assert mission.sha256 != load("luna-25").sha256
    with pytest.raises(ScenarioError, match="there is no file"):
        load(tmp_path / "nowhere.toml")


def test_a_hole_in_the_rules_of_a_crater_is_closed():
    text = load("hakuto-r-m1").text.replace(
        "rim_m = { value = 1000, low = 600, high = 1300", "rim_m = { value = 2900, low = 600, high = 3000"
    )
    with pytest.raises(ScenarioError, match=r"terrain.craters\[0\].rim_m is 2900; it must be at most depth_m, 2300"):
        mission_from_text(text)


def test_json_schema_has_every_table_and_the_ranges():
    schema = json_schema()
    for kind in (LanderFile, OrbiterFile):
        assert {"$ref": f"#/$defs/{kind.__name__}"} in schema["anyOf"]
        assert set(schema["$defs"][kind.__name__]["properties"]) == set(kind.model_fields)
    assert "[-90, 90]" in str(schema["$defs"]["Site"]["properties"]["latitude_deg"])
    assert schema["$defs"]["Site"]["additionalProperties"] is False


@pytest.mark.parametrize(("key", "parts"), [("thrust_n", ("thrust", "n")), ("v_m_s", ("v", "m_s")), ("count", ("count", ""))])
def test_units_are_split_off_keys(key, parts):
    assert split_unit(key) == parts


def test_words_without_a_neighbour_list_what_is_allowed():
    assert nearest("zzz", ["b", "a"]) == "allowed: a, b"
    assert unknown_key("zzz", ["b", "a"]).endswith("allowed: a, b")


def test_jax_takes_a_quantity_as_a_number():
    import jax.numpy as jnp

    assert float(jnp.asarray(Quantity(2.5)) * 2) == 5.0


def test_a_file_as_it_flew_differs_by_its_published_cause_only():
    planned = load("hakuto-r-m1")
    flown, mended = variant_of(planned, "as-flown"), variant_of(planned, "mended")
    gates = [file.flight_software.gates.altimeter.policy for file in (planned, flown, mended)]
    assert gates == ["readmit", "reject_for_good", "readmit"]
    assert variant_of(planned, "nominal") is planned
    assert flown.vehicle == planned.vehicle and flown.terrain == planned.terrain and flown.orbit == planned.orbit


def test_a_draw_stays_within_the_bounds_of_what_is_open_and_is_the_same_again():
    draws = [drawn(load("hakuto-r-m1"), number) for number in range(8)]
    limits_m = [float(draw.flight_software.gates.altimeter.limit_m) for draw in draws]
    assert min(limits_m) >= 1000.0 and max(limits_m) <= 3000.0 and len(set(limits_m)) == 8
    assert all(float(draw.flight_software.gates.altimeter.sigmas) == 1000.0 for draw in draws)  # ours, not open
    assert drawn(load("hakuto-r-m1"), 3).model_dump() == draws[3].model_dump()


def test_what_was_otherwise_is_checked_as_the_file_is():
    with pytest.raises(ScenarioError) as caught:
        mission_from_text(LUNA.replace("[as_flown]", "[as_flown.instead.limits]\ntilt_deg = -3\n[as_flown]", 1), "mine.toml")
    assert "with as_flown.instead: limits.tilt_deg is -3" in str(caught.value)
    assert refused('lost_commands = ["accelerometers_on"]', "")[0].endswith("changes nothing; give lost_commands, faults, or instead")


def test_a_file_that_tells_of_no_cause_has_no_other_variant():
    text = LUNA[: LUNA.index("[as_flown]")] + LUNA[LUNA.index("[observed]") :]
    with pytest.raises(ScenarioError, match="does not say what went wrong"):
        variant_of(mission_from_text(text), "as-flown")


def test_an_orbiter_has_no_table_of_a_landing_and_needs_its_way():
    text = load("danuri").text
    assert isinstance(mission_from_text(text), OrbiterFile)
    with pytest.raises(ScenarioError, match="site is not a key of this table"):
        mission_from_text(f"{text}\n[site]\nlatitude_deg = 0\n")
    without = text.replace("[plan.flight]", "[observed_flight]")
    with pytest.raises(ScenarioError, match="observed_flight"):
        mission_from_text(without)
    with pytest.raises(ScenarioError, match="at most apoapsis_altitude_km, 100"):
        mission_from_text(text.replace("periapsis_altitude_km = 100\n", "periapsis_altitude_km = 140\n"))


def test_a_lander_is_asked_for_where_one_is_needed():
    assert isinstance(load_lander("luna-25"), LanderFile)
    with pytest.raises(ScenarioError, match="danuri does not land: it stays in orbit"):
        load_lander("danuri")


def test_a_refusal_of_the_plan_names_the_file():
    file = mission_from_text(LUNA.replace('[plan.small_engine]\nname = "trim"', '[plan.small_engine]\nname = "trimm"'), "mine.toml")
    assert file.plan is not None
    with pytest.raises(ScenarioError, match=r"^mine\.toml: plan: there is no engine 'trimm'"):
        order_of(file, file.plan)
