"""Which chats are held out for validation."""

import numpy as np
import numpy.typing as npt

from sfr_eval.errors import UserError


def held_out(strata: npt.NDArray[np.uint64], share: float, *, seed: int) -> npt.NDArray[np.bool_]:
    """Return which chats are held out: below 1 a share of all, from 1 on a number of them.

    Every chat has the same chance, and of a stratum of n chats ceil or floor of its share is held
    out: chats in random order within their strata, of which every (N / H)-th is taken from a random
    place on (systematic sampling). The last rows would not do: of a file sorted by persona, they
    are one persona's. strata (N,): any number for each chat. Raises UserError if none is
    left, or none is held out.
    """
    chats = len(strata)
    number = round(share * chats) if share < 1 else int(share)
    if share and not number:
        raise UserError(f"data.validation: {share:g} of {chats} rows holds none out; raise it")
    if number >= chats:
        raise UserError(f"data.validation: {number} of {chats} rows leave none to train on")
    rng = np.random.default_rng([seed, 4])
    order = np.lexsort((rng.random(chats), strata))
    chosen: npt.NDArray[np.bool_] = np.zeros(chats, dtype=bool)
    if number:
        places = ((np.arange(number) + rng.random()) * (chats / number)).astype(np.int64)
        chosen[order[places.clip(max=chats - 1)]] = True
    return chosen
