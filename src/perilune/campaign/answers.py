"""What a campaign says: the odds, why flights fail, what is left over, where they come down, and which inputs decide."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from scipy import stats

from perilune.campaign.inputs import Input
from perilune.campaign.statistics import ellipse_of, quantile, wilson_interval
from perilune.scenario.schema import LanderFile

Columns: TypeAlias = Mapping[str, np.ndarray]  # of a table, by name [case]

SHARES = (0.01, 0.05, 0.5, 0.95, 0.99)
# What inputs are screened against.
RESPONSES = ("landed", "propellant_kg", "vertical_m_s", "horizontal_m_s", "tilt_deg", "along_m", "across_m", "miss_m")
TOLD = ("case", "outcome", "landed", "reason", *RESPONSES[1:-1], "rest_tilt_deg", "slope_deg", "met_s", "east_m", "north_m")
SHOWN = 6  # inputs a response
HARMONICS = 10  # of the first-order indices
RESAMPLES = 50
MARKED_MIN = 3  # flights of a cause: of fewer nothing can be said
SCREENED_MIN = 50  # cases: with fewer no screen says anything
# Of a Sobol sequence: with fewer cases its hundred columns are tied to each other beyond chance (correlations of 0.85 at 64 cases, 0.47 at 256,
# 0.19 at 1,024; from 4,096 on none), and what one input decides would be told of another.
SOBOL_SCREENED_MIN = 4096


def answers(file: LanderFile, inputs: tuple[Input, ...], rows: Columns, design: str = "random") -> dict[str, Any]:
    """From all rows of a table, as `result.json` has it. Where the design ties inputs to each other, none of them is told of."""
    landed = rows["landed"].astype(bool)
    screened = len(landed) >= (SOBOL_SCREENED_MIN if design == "sobol" else SCREENED_MIN)
    low, high = wilson_interval(int(landed.sum()), len(landed))
    fair = (rows["met_s"] == 0.0) | (rows["slope_deg"] <= float(file.limits.slope_deg))
    return {
        "cases": len(landed),
        "landed": int(landed.sum()),
        "probability": float(landed.mean()),
        "interval": [low, high],
        "on_fair_ground": _odds(landed[fair]),
        "outcomes": dict(Counter(rows["outcome"].tolist())),
        "causes": causes(inputs if screened or design != "sobol" else (), rows),
        "margins": margins(file, rows),
        "touchdown": touchdown(rows),
        "sensitivity": sensitivity(inputs, rows) if screened else {},
    }


def _odds(landed: np.ndarray) -> dict[str, Any]:
    """Of those flights that met ground within the slope limit, or none."""
    low, high = wilson_interval(int(landed.sum()), len(landed))
    return {"cases": len(landed), "landed": int(landed.sum()), "interval": [low, high]}


def causes(inputs: tuple[Input, ...], rows: Columns) -> list[dict[str, Any]]:
    """Why flights did not land, most frequent first: each with its share of all flights, one case to look at, the slope that those met that
    touched the ground (median, deg), and what marks its flights."""
    whys, total = rows["reason"], len(rows["reason"])
    failed = whys != ""
    scores = np.zeros((int(failed.sum()), len(inputs)))
    for place, each in enumerate(inputs):
        scores[:, place] = _normal_scores(rows[each.column])[failed]
    told = []
    for why, count in Counter(whys[failed].tolist()).most_common():
        mine = whys == why
        touched = mine & (rows["met_s"] > 0.0)
        told.append(
            {
                "reason": why,
                "cases": count,
                "share": count / total,
                "interval": list(wilson_interval(count, total)),
                "first_case": int(rows["case"][np.argmax(mine)]),
                "slope_deg": float(np.median(rows["slope_deg"][touched])) if touched.any() else None,
                "marked_by": marks(inputs, scores[mine[failed]]),
            }
        )
    return told


def marks(inputs: tuple[Input, ...], scores: np.ndarray) -> list[dict[str, Any]]:
    """Inputs that were not drawn in these flights as they are in all: with the median of their distance from the middle, in sigmas.

    `scores` [flight, input] are normal scores among all flights. Of ordinary flights their sum is normal and that of their squares is
    chi-square's; told is what would be so far out by chance once in twenty campaigns, all inputs looked at together.
    """
    count = len(scores)
    if count < MARKED_MIN:
        return []
    shifted = 2.0 * stats.norm.sf(np.abs(scores.sum(axis=0)) / math.sqrt(count))
    spread = stats.chi2.sf((scores**2).sum(axis=0), count)
    chance = 2.0 * len(inputs) * np.minimum(shifted, spread)
    order = [place for place in np.argsort(chance, kind="stable")[:SHOWN] if chance[place] < 0.05]
    return [
        {"input": inputs[place].name, "median_sigma": float(np.median(np.abs(scores[:, place]))), "chance": float(chance[place])}
        for place in order
    ]


def _normal_scores(values: np.ndarray) -> np.ndarray:
    """Of a column among all cases: the standard normal numbers of its ranks; nothing where it does not vary."""
    if np.ptp(values) == 0.0:
        return np.zeros(len(values))
    return stats.norm.ppf((stats.rankdata(values) - 0.5) / len(values))


def margins(file: LanderFile, rows: Columns) -> dict[str, Any]:
    """At first contact, of all flights that touched the ground: quantiles with their intervals, beside the limit."""
    limits = file.limits
    stands = {
        "propellant_kg": 0.0,
        "vertical_m_s": float(limits.vertical_m_s),
        "horizontal_m_s": float(limits.horizontal_m_s),
        "tilt_deg": float(limits.tilt_deg),
        "slope_deg": float(limits.slope_deg),
    }
    touched = rows["met_s"] > 0.0
    told = {}
    for name, limit in stands.items():
        values = np.sort(rows[name][touched & np.isfinite(rows[name])])
        if len(values):
            told[name] = {"limit": limit, "flights": len(values), "quantiles": [quantile(values, share)._asdict() for share in SHARES]}
    return told


def touchdown(rows: Columns) -> dict[str, Any]:
    """Of flights that came to rest, upright or not: ellipse of one sigma about its centre, and distance from the target."""
    rest = np.isin(rows["outcome"], ("landed", "tipped_over"))
    if rest.sum() < 3:
        return {}
    east_m, north_m = rows["east_m"][rest], rows["north_m"][rest]
    ellipse = ellipse_of(east_m, north_m)
    miss_m = np.sort(np.hypot(east_m, north_m))
    return {
        "flights": int(rest.sum()),
        **ellipse._asdict(),
        "half_axes_95_m": list(ellipse.half_axes_m(0.95)),
        "inside_95": float(np.mean(_inside(ellipse, east_m, north_m))),
        "miss_m": [quantile(miss_m, share)._asdict() for share in (0.5, 0.95, 0.99)],
    }


def _inside(ellipse: Any, east_m: np.ndarray, north_m: np.ndarray) -> np.ndarray:
    azimuth = math.radians(ellipse.azimuth_deg)
    east, north = east_m - ellipse.east_m, north_m - ellipse.north_m
    along, across = east * math.sin(azimuth) + north * math.cos(azimuth), east * math.cos(azimuth) - north * math.sin(azimuth)
    major_m, minor_m = ellipse.half_axes_m(0.95)
    return (along / max(major_m, 1e-9)) ** 2 + (across / max(minor_m, 1e-9)) ** 2 <= 1.0


def responses(rows: Columns) -> dict[str, np.ndarray]:
    """What inputs may decide, by name [case]."""
    made = {"landed": rows["landed"].astype(float), "miss_m": np.hypot(rows["along_m"], rows["across_m"])}
    return {name: made[name] if name in made else rows[name] for name in RESPONSES}


def sensitivity(inputs: tuple[Input, ...], rows: Columns) -> dict[str, Any]:
    """For each response the inputs of the largest rank correlation, with their first-order Sobol indices on its ranks.

    Of flights that touched the ground; `landed` of all. Ranks, because a few flights that struck the ground early would be most of the
    variance. A correlation beyond `noise` is not chance (95 %, all inputs at once).
    **Invalid when.** A response does not rise or fall with an input: the rank correlation is then nothing, the index not.
    """
    touched, found = rows["met_s"] > 0.0, dict[str, tuple[np.ndarray, np.ndarray]]()
    for name, response in responses(rows).items():
        among = np.isfinite(response) & (touched if name != "landed" else True)
        if among.sum() >= SCREENED_MIN and np.ptp(response[among]) > 0.0:
            found[name] = among, stats.rankdata(response[among])
    ranks = np.array([rank_correlations(rows[each.column], list(found.values())) for each in inputs]).reshape(len(inputs), len(found))
    order = {name: np.argsort(-np.abs(ranks[:, column]))[:SHOWN] for column, name in enumerate(found)}
    values = {place: rows[inputs[place].column] for place in sorted({int(place) for places in order.values() for place in places})}
    return {
        name: _screened(inputs, [(int(place), float(ranks[place, column]), values[int(place)][among]) for place in order[name]], response)
        for column, (name, (among, response)) in enumerate(found.items())
    }


def _screened(inputs: tuple[Input, ...], strongest: list[tuple[int, float, np.ndarray]], response: np.ndarray) -> dict[str, Any]:
    """Of one response, ranked [case], with the place, rank correlation and values [case] of its strongest inputs."""
    index, spread = first_order(np.stack([values for _, _, values in strongest], axis=1), response)
    noise = float(stats.norm.ppf(1.0 - 0.025 / len(inputs))) / math.sqrt(len(response) - 1.0)
    shown = [
        {"input": inputs[place].name, "rank": float(rank), "index": _or_none(one), "within": _or_none(error)}
        for (place, rank, _), one, error in zip(strongest, index, spread, strict=True)
    ]
    return {"flights": len(response), "noise": noise, "inputs": shown}


def _or_none(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def rank_correlations(values: np.ndarray, responses: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """Spearman's, of a column [case] with responses, each of those cases that are among its own, and ranked; nothing if the column does not vary."""
    told, ranked = [], dict[bytes, np.ndarray]()
    for among, response in responses:
        key = among.tobytes()
        if key not in ranked:
            ranked[key] = stats.rankdata(values[among])
        ranks, other = ranked[key] - ranked[key].mean(), response - response.mean()
        scale = math.sqrt(float(np.sum(ranks**2) * np.sum(other**2)))
        told.append(float(np.sum(ranks * other)) / scale if scale > 0.0 else 0.0)
    return told


def first_order(values: np.ndarray, response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First-order Sobol indices of columns [case, input], and the half width of their 95 % interval, from the sample as it is.

    **Model.** Random balance designs, by SALib.
    **Invalid when.** Few cases differ: a resample in which all are alike tells nothing, and the half width is then not a number.
    **Reference.** S. Tarantola, D. Gatelli, T. Mara, Reliability Engineering and System Safety 91 (2006), 717.
    """
    from SALib.analyze import rbd_fast

    count = values.shape[1]
    problem = {"num_vars": count, "names": [str(place) for place in range(count)], "bounds": [[0.0, 1.0]] * count}
    with np.errstate(invalid="ignore"):
        found = rbd_fast.analyze(problem, values, response, M=HARMONICS, num_resamples=RESAMPLES, seed=0)
    return np.asarray(found["S1"]), np.asarray(found["S1_conf"])
