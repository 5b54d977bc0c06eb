"""Measures every metric on replies that were attacked, and along a dial of noise."""

from collections.abc import Sequence

import numpy as np

from sfr_eval.calibration.attack_texts import ENGLISH_WORDS
from sfr_eval.calibration.attacks import attacks_on
from sfr_eval.calibration.design import Size
from sfr_eval.calibration.draws import Bench, matrix
from sfr_eval.calibration.edits import Edit, noise
from sfr_eval.metrics.families import NEED_NO_ENCODER
from sfr_eval.stats.arrays import Floats


def noise_vocabulary(bench: Bench) -> tuple[str, Sequence[str]]:
    """Return (name, words) of the words that the dial of noise puts in: the encoder's, some 30,000
    pieces of words in many languages for the default one, as a hot model would say them; a short
    English list if no family needs the encoder."""
    if set(bench.families) <= NEED_NO_ENCODER:
        return "English", ENGLISH_WORDS
    return bench.encoder.name, bench.encoder.vocabulary()


def attacked(bench: Bench, size: Size) -> dict[str, dict[str, Floats]]:
    """Return attack -> metric -> values before and after it, shape (2, queries). A query for which
    one of the two is undefined is absent."""
    edits = {name: attack.edit for name, attack in attacks_on(bench.suite.queries).items()}
    whole, *tables = _edited(bench, size, list(edits.values()))
    return {
        name: {metric: matrix({0: whole[metric], 1: table[metric]}) for metric in whole}
        for name, table in zip(edits, tables, strict=True)
    }


def along_noise(bench: Bench, size: Size) -> dict[str, Floats]:
    """Return metric -> values, (settings, queries), from no noise to `size.noise`, the shares of
    words that are replaced by random ones of `noise_vocabulary`."""
    _, words = noise_vocabulary(bench)
    tables = _edited(bench, size, [noise(share, vocabulary=words) for share in size.noise])
    return {
        metric: matrix({place: table[metric] for place, table in enumerate(tables)})
        for metric in tables[0]
    }


def _edited(bench: Bench, size: Size, edits: Sequence[Edit]) -> list[dict[str, dict[str, float]]]:
    """Return metric -> query -> value of the whole replies, then after each edit. Each set is
    measured alone, since some measures are fitted on all replies of a run."""
    whole = bench.draw(size.k, part="dose", queries=size.dose_queries, personas=size.dose_personas)
    sets = [whole]
    for number, edit in enumerate(edits):
        sets.append(edit(whole, np.random.default_rng([bench.seed, number])))
    return [
        {metric: by_set.get(0, {}) for metric, by_set in bench.measure_sets(samples).items()}
        for samples in sets
    ]
