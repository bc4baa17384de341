"""Write the SHA256SUMS of a folder under data/, for `course.py doctor` and the tests to check.

python tools/sums.py data/checkpoints
"""

import hashlib
import sys
from pathlib import Path

folder = Path(sys.argv[1])
files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in ("SHA256SUMS", "README.md"))
lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}\n" for p in files]
(folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
print(f"wrote {folder / 'SHA256SUMS'}: {len(lines)} files")
