"""Decodes tests of LiveCodeBench: JSON text, or base64(zlib(pickle(JSON text))).

A pickle from the network must never be executed. Genuine ones contain a single text, so the opcodes
are read one by one and all others are refused: nothing is imported, called or constructed.
"""

import base64
import binascii
import json
import pickletools
import zlib

from pydantic import TypeAdapter

from sfr_eval.errors import UserError
from sfr_eval.sandbox.types import IoTest

MAX_BYTES = 512 * 2**20
"""Maximum unpacked size of the tests of one problem."""

MAX_OPCODES = 100
"""Maximum in a pickle; real ones have fewer than ten. Half a gigabyte of them takes minutes."""

_TEXT = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
_HARMLESS = {"PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT", "STOP"}
_TESTS = TypeAdapter(tuple[IoTest, ...])


def decode_tests(text: str, *, where: str, max_bytes: int = MAX_BYTES) -> tuple[IoTest, ...]:
    """Decode the tests of one field. Raises UserError, which starts with `where`, if it is not a
    list of {input, output} in either form, or unpacks to more than `max_bytes`."""
    if not text.lstrip().startswith("["):
        text = _unpacked(text, where=where, max_bytes=max_bytes)
    if len(text) > max_bytes:
        raise UserError(f"{where}: tests of more than {max_bytes:,} bytes; the row is damaged")
    try:
        return _TESTS.validate_python(json.loads(text))
    except (ValueError, RecursionError):
        raise UserError(
            f"{where}: expected a list of {{input, output}}; the row is damaged"
        ) from None


def _unpacked(text: str, *, where: str, max_bytes: int) -> str:
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(base64.b64decode(text, validate=True), max_bytes)
    except (binascii.Error, zlib.error, ValueError):
        raise UserError(f"{where}: neither JSON nor packed tests; the row is damaged") from None
    if not stream.eof:
        too_large = f"unpacks to more than {max_bytes:,} bytes"
        what = too_large if stream.unconsumed_tail else "is truncated"
        raise UserError(f"{where}: {what}; the row is damaged")
    return pickled_text(raw, where=where)


def pickled_text(raw: bytes, *, where: str) -> str:
    """Return the text of a pickle that contains one text and nothing else; else raise UserError."""
    texts: list[str] = []
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(raw)):
            if number >= MAX_OPCODES:
                raise UserError(f"{where}: the pickle contains more than a text; refused")
            if opcode.name in _TEXT:
                texts.append(str(argument))
            elif opcode.name not in _HARMLESS:
                raise UserError(
                    f"{where}: the pickle contains more than a text ({opcode.name}); refused"
                )
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{where}: damaged pickle; the row is damaged") from None
    if len(texts) != 1:
        raise UserError(f"{where}: the pickle contains {len(texts)} texts instead of one; refused")
    return texts[0]
