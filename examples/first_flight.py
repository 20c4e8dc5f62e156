"""Fly Luna-25's descent twice: as it was meant to be, and with an engine that gives a tenth less from ignition. About a minute."""

import perilune

mission = perilune.load("luna-25")
for faults in ((), ("engine.thrust-loss.0:0.1@phase=braking",)):
    flight = perilune.fly(mission, seed=7, from_phase="descent", faults=faults)
    contact = flight.outcome["contact"]
    print(f"{', '.join(faults) or 'no fault'}: {flight.outcome['outcome']}, {flight.outcome['propellant_left_kg']:.1f} kg left")
    print(f"  {contact['vertical_speed_m_s']:.2f} m/s down, {contact['horizontal_speed_m_s']:.2f} m/s sideways at the touch")

    record = flight.dataset()  # an xarray tree: truth and belief side by side, with units
    below_1_km = record["truth/altitude_m"] < 1000.0
    error_m = (record["truth/altitude_m"] - record["downlink/altitude_m"]).where(below_1_km)
    print(f"  below 1 km the height was known to {float(abs(error_m).max()):.0f} m")

    assert flight.outcome["outcome"] in ("landed", "tipped_over", "crashed")
    assert float(abs(error_m).max()) < 50.0
