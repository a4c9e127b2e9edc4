"""What bytes are, by what they begin with and hold. What an upload says of itself counts for nothing."""

import io
import zipfile
from typing import BinaryIO, Final

PICTURES: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}
"""Media type to what Pillow calls it."""
ENDINGS: Final = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "application/pdf": ".pdf",
    "text/plain": ".txt", "text/csv": ".csv",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.presentation": ".odp",
}  # fmt: skip
TAKEN: Final = "JPEG, PNG, WebP, GIF, PDF, plain text, CSV, Word, Excel, PowerPoint and OpenDocument files are taken"
_OFFICE: Final = {"word/document.xml": ".docx", "xl/workbook.xml": ".xlsx", "ppt/presentation.xml": ".pptx"}
_BY_ENDING: Final = {ending: media_type for media_type, ending in ENDINGS.items()}
_HEAD: Final = 4_096


def media_type_of(file: BinaryIO, name: str) -> str | None:
    """The media type, or None for what is not taken. `name` only tells CSV from other text. The position is at 0 afterwards."""
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if head.startswith(b"PK\x03\x04"):
        return _office(file)
    return _text(file, name)


def _office(file: BinaryIO) -> str | None:
    """A package of an office, by the parts it lists; any other ZIP file is not taken. Nothing but the list is unpacked."""
    try:
        with zipfile.ZipFile(file) as package:
            names = set(package.namelist()[:10_000])
            for part, ending in _OFFICE.items():
                if part in names and "[Content_Types].xml" in names:
                    return _BY_ENDING[ending]
            if "mimetype" in names and package.getinfo("mimetype").file_size < 100:
                said = package.read("mimetype").decode("ascii", "replace").strip()
                return said if said in ENDINGS and said.startswith("application/vnd.oasis") else None
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return None
    finally:
        file.seek(0)
    return None


def _text(file: BinaryIO, name: str) -> str | None:
    """UTF-8 (or its 8-bit elders) without control characters. It is handed out as plain text alone, so markup is no danger."""
    try:
        for some in iter(lambda: file.read(1 << 16), b""):
            if any((byte < 32 and byte not in b"\t\n\r\f") or byte == 127 for byte in some):
                return None
    finally:
        empty = file.seek(0, io.SEEK_END) == 0
        file.seek(0)
    if empty:
        return None
    return "text/csv" if name.lower().endswith((".csv", ".tsv")) else "text/plain"
