"""What a learner has solved, noted on this computer alone.

One small file for each thing solved, so two notebooks at once or a sudden end can spoil nothing. The folder:
LMLIB_PROGRESS, or the system's usual place for a program's data.
"""

import contextlib
import os
from datetime import date
from pathlib import Path


def folder() -> Path:
    """Where solved exercises are noted down."""
    import platformdirs

    return Path(os.environ.get("LMLIB_PROGRESS") or platformdirs.user_data_dir("lmlib", "lmlib")).expanduser()


def note(name, text=""):
    """Note that `name` ("lesson_06.look", "quiz_06") is done. A folder that can't be written is no fault here."""
    with contextlib.suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        (folder() / name).write_text(f"{text or date.today().isoformat()}\n", encoding="utf-8")


def noted(name):
    """What was noted for `name`, or "" if nothing was."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return (folder() / name).read_text(encoding="utf-8").strip()
    return ""
