"""pytest tests/util/test_zip_file.py; tests/security has those of logs"""

import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from sfr_eval.errors import UserError
from sfr_eval.util.zip_file import refuse_zip_bomb


def directory(raw: bytes) -> int:
    return raw.rindex(b"PK\x01\x02")


def test_an_honest_archive_passes(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("a", b"text " * 50_000)
            archive.writestr("b/c", b"")
        refuse_zip_bomb(file)


def test_zstd_parts_are_unpacked_too(tmp_path: Path) -> None:
    content = b"text " * 1_000
    packed = io.BytesIO()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(content)
    file = tmp_path / "a.zip"
    for stated in (len(content), 100):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a", packed.getvalue())
        raw = bytearray(file.read_bytes())
        place = directory(raw)
        raw[place + 10 : place + 12] = (93).to_bytes(2, "little")
        raw[place + 24 : place + 28] = stated.to_bytes(4, "little")
        file.write_bytes(raw)
        if stated == len(content):
            refuse_zip_bomb(file)
            continue
        with pytest.raises(UserError, match="more than its directory says"):
            refuse_zip_bomb(file)


def test_other_methods_and_torn_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a", b"x" * 100)
    with pytest.raises(UserError, match="is packed in a way that is not read here"):
        refuse_zip_bomb(file)
    file.write_bytes(b"PK\x03\x04")
    with pytest.raises(zipfile.BadZipFile):
        refuse_zip_bomb(file)
