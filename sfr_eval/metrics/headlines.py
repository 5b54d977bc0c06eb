"""The metrics that stand first wherever not all of them fit: the terminal, the curves and persona
tables of a report, the verdict.

A measure of style or variety is here only if `sfr-eval calibrate` does not fail it: it falls with
every turn of the dial that it claims to see, its null intervals hold, and it does not move with
the number of replies (docs/calibration; a test holds the two together). The raw measures that do
move stand in the table of all metrics.
"""

from typing import Literal

Role = Literal["quality", "style", "variety", "inside", "facts"]

HEADLINES: dict[Role, tuple[str, ...]] = {
    "quality": ("pass_at_1", "oracle_valid", "judge_ctx", "judge_rel", "judge_flu"),
    "style": (
        "style_strength",
        "style_accuracy",
        "cs_self_bleu_4",
        "style_bleu_gap_4",
        "judge_style",
    ),
    "variety": (
        "embed_distance",
        "valid_embed_distance",
        "self_bleu_4_fixed",
        "distinct_2_rarefied",
        "rouge_l_homogenization",
    ),
    "inside": (
        "reread_persona_share",
        "reread_persona_cosine",
        "hidden_persona_share",
        "hidden_base_cka",
        "token_entropy",
        "fork_entropy",
        "lock_entropy",
    ),
    "facts": (
        "time_limit_rate",
        "grader_flip_rate",
        "mode_difference_rate",
        "length",
        "truncation_rate",
    ),
}


def headlines(*roles: Role) -> tuple[str, ...]:
    """The headline metrics of some roles, or of all, in the order in which they are shown."""
    return tuple(metric for role in roles or tuple(HEADLINES) for metric in HEADLINES[role])
