"""Look at every package that the course installs: pinned, of a known licence, with nothing that runs by itself.

    python tools/audit.py          print the table; exit status 1 where something is amiss

It reads what is installed beside it and asks no network. What it looks for: a version other than constraints.txt's,
a pin with an address, a licence that is none of OPEN, and a .pth file with code, which Python runs at every start.
"""

import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("lab", "test")
OPEN = re.compile(
    r"MIT|BSD|Apache|PSF|Python Software Foundation|ISC|MPL|Mozilla|HPND|Zope|ZPL|Unlicense|LGPL|0BSD|Zlib|CNRI|OFL",
    re.I,
)
# Of setuptools, and of coverage (nbval brings it), which starts only where COVERAGE_PROCESS_START is set.
KNOWN_PTH = {"distutils-precedence.pth", "a1_coverage.pth"}


def pins():
    """{canonical name: {versions}} of constraints.txt. Raises ValueError for a line that is no plain pin."""
    found = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        requirement = Requirement(line)
        exact = [s.version for s in requirement.specifier if s.operator == "=="]
        if requirement.url or len(exact) != 1:
            raise ValueError(f"constraints.txt has a line that is no plain pin: {line}")
        found.setdefault(canonicalize_name(requirement.name), set()).add(exact[0])
    return found


def needed(name="lmlib", extras=EXTRAS):
    """Canonical names of all that the course needs here, by following the installed packages' own words."""
    seen, waiting = {}, [(name, frozenset(extras))]
    while waiting:
        name, extras = waiting.pop()
        key = canonicalize_name(name)
        if extras <= seen.get(key, frozenset({None})) and key in seen:
            continue
        seen[key] = seen.get(key, frozenset()) | extras
        for text in metadata.requires(name) or ():
            requirement = Requirement(text)
            environments = [default_environment() | {"extra": extra} for extra in ("", *extras)]
            if requirement.marker is None or any(requirement.marker.evaluate(e) for e in environments):
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return sorted(set(seen) - {"lmlib"})


def licence(distribution):
    """What a package says of its licence, in a few words."""
    said = distribution.metadata.get("License-Expression") or ""
    classifiers = [c for c in distribution.metadata.get_all("Classifier", []) if c.startswith("License ::")]
    said = said or ", ".join(c.rpartition(" :: ")[2] for c in classifiers if "OSI Approved" in c)
    said = said or (distribution.metadata.get("License") or "").strip()
    if not said:
        files = [f for f in distribution.files or () if re.search(r"licen[sc]e|copying", f.name, re.I)]
        said = (files[0].read_text() if files else "").strip()
    return " ".join(said.split())[:60]


def problems(name, pinned):
    """What is amiss with one package, a sentence each."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return [f"{name} is needed and not installed"]
    found = []
    version = distribution.version.partition("+")[0]  # torch says which build it is: 2.13.0+cpu
    if version not in pinned.get(name, ()):
        found.append(f"{name} {version} is not what constraints.txt pins: {', '.join(pinned.get(name, ['nothing']))}")
    if not OPEN.search(licence(distribution)):
        found.append(f"{name} has a licence that is not known here: {licence(distribution)!r}")
    for file in distribution.files or ():
        if file.suffix == ".pth" and file.name not in KNOWN_PTH and re.search(r"^import\b", file.read_text(), re.M):
            found.append(f"{name} runs code at every start of Python: {file.name}")
    return found


def main():
    pinned, bad = pins(), []
    names = needed()
    for name in names:
        found = problems(name, pinned)
        bad += found
        try:
            distribution = metadata.distribution(name)
            print(f"{name:<28}{distribution.version:<16}{licence(distribution)}")
        except metadata.PackageNotFoundError:
            print(f"{name:<28}missing")
    print(f"{len(names)} packages, {len(bad)} problems", *bad, sep="\n  ")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
