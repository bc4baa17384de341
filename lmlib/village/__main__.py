"""`python -m lmlib.village` writes data/village again: the same bytes on every machine."""

import hashlib
import os

from .corpus import DATA, SPLITS, seeds
from .grammar import LANGUAGES
from .truth import write


def main():
    sums = []
    for split in SPLITS:
        told = [write(seed) for seed in seeds(split)]
        for lang in LANGUAGES:
            path = DATA / lang / f"{split}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            content = ("\n\n".join(t.texts[lang] for t in told) + "\n").encode()
            temporary = path.with_suffix(".part")
            temporary.write_bytes(content)
            os.replace(temporary, path)
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {lang}/{split}.txt\n")
            print(f"wrote {lang}/{split}.txt: {len(told)} stories, {len(content):,} bytes")
    (DATA / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


main()
