"""Texts from files that anybody may have made: what is wrong with one is said in a sentence."""

from pathlib import Path

from .fetch import DatasetError


def read_bytes(path, name=None):
    """The bytes of a file. Raises DatasetError, with its name, where it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        raise DatasetError(
            f"{name or path} cannot be read ({problem.strerror}): check the name and the folder."
        ) from None


def decode(content, name):
    """Bytes in UTF-8 as a text; a byte order mark is left out. Raises DatasetError, with the name, for others."""
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as problem:
        raise DatasetError(
            f"{name} is not UTF-8: byte {content[problem.start]:#04x} at position {problem.start} does not belong "
            "there; save the file as UTF-8 (your editor's 'Save as') and load it again."
        ) from None


def read_text(path, name=None):
    """The text of a file in UTF-8. Raises DatasetError where it cannot be read, or is none."""
    return decode(read_bytes(path, name), name or path)
