"""Warnings about embeddings: texts that the encoder cuts, cannot read or was not trained for."""

from collections.abc import Iterator

from sfr_eval.report.reply_warnings import MANY
from sfr_eval.store.results import Notes

UNKNOWN = 0.03
"""Share of characters unknown to the encoder, or of letters in scripts that it has no words for,
above which there is a warning."""

DEVIATION = 0.002
"""Of a mean distance from its value in float32, from which there is a warning."""


def unreadable(notes: Notes) -> Iterator[str]:
    """Yield that the encoder does not know these texts' characters or language."""
    unknown = notes.unknown_share or 0.0
    remedy = "choose an encoder that knows the language, as --encoder multilingual"
    if unknown > UNKNOWN:
        yield (
            f"{unknown:.0%} of the characters are unknown to the encoder, which cannot tell them "
            f"apart; {notes.unreadable_share or 0.0:.0%} of the replies are mostly unknown and "
            f"left out of measures of meaning: {remedy}."
        )
    foreign = notes.foreign_share or 0.0
    if foreign > UNKNOWN and foreign > unknown + UNKNOWN:
        yield (
            f"{foreign:.0%} of the letters belong to scripts that the encoder has no words for "
            f"({', '.join(notes.foreign_scripts)}): it was not trained for the language, and "
            f"distances of meaning say little; {remedy}."
        )
    yield from _languages(notes)


def _languages(notes: Notes) -> Iterator[str]:
    share = notes.foreign_language_share or 0.0
    if share > UNKNOWN and share > (notes.foreign_share or 0.0):
        yield (
            f"{share:.0%} of the replies are in a language ({', '.join(notes.foreign_languages)}) "
            "whose frequent words the encoder's vocabulary lacks: it was not trained for it, and "
            "distances of meaning say little; choose another, as --encoder multilingual."
        )


def encoder_warnings(notes: Notes) -> Iterator[str]:
    """Yield what the encoder could not do, and how far it deviates from the reference."""
    if (share := notes.truncated_share or 0.0) > MANY:
        yield f"{share:.0%} of the texts are longer than the encoder's window and were cut for it."
    if (share := notes.chunked_share or 0.0) > MANY:
        yield (
            f"{share:.0%} of the texts are longer than the encoder's window; each is represented "
            "by the mean of its parts."
        )
    yield from unreadable(notes)
    deviation = notes.encoder_deviation
    if deviation is not None and deviation.of_distance >= DEVIATION:
        yield (
            f"Embeddings deviate from float32: on {deviation.texts} texts the mean distance is "
            f"{deviation.mean_distance:.4f}, in float32 "
            f"{deviation.mean_distance_float32:.4f}."
        )
