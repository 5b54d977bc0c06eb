"""Initial values by latent semantic analysis: words of one topic start as neighbours."""

import numpy as np
from sfr_train.demo.initial_model import latent_semantic_embeddings

BREAD, CHESS, NEVER, EVERYWHERE = range(8), range(8, 16), 17, 16


def documents(*, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [
        [EVERYWHERE, *(int(token) for token in rng.choice(topic, size=4, replace=False))]
        for topic in (BREAD, CHESS)
        for _ in range(60)
    ]


def start(seed: int = 0) -> np.ndarray:
    return latent_semantic_embeddings(documents(), vocabulary=18, width=32, scale=0.02, seed=seed)


def test_tokens_of_one_topic_are_nearer_than_those_of_two() -> None:
    unit = start() / np.linalg.norm(start(), axis=1, keepdims=True)
    near = unit @ unit.T
    within = np.concatenate([near[np.ix_(t, t)][np.triu_indices(8, 1)] for t in (BREAD, CHESS)])
    between = near[np.ix_(BREAD, CHESS)].ravel()
    assert within.mean() > between.mean() + 0.08


def test_rows_have_the_requested_length_even_if_unseen() -> None:
    lengths = np.linalg.norm(start(), axis=1) / (0.02 * 32**0.5)
    assert np.all((lengths > 0.5) & (lengths < 1.6))
    assert np.isfinite(start()).all()


def test_one_seed_gives_one_start() -> None:
    assert np.array_equal(start(3), start(3))
    assert not np.array_equal(start(3)[NEVER], start(4)[NEVER])
