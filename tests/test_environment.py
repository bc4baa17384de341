"""pyproject.toml is where requirements are written; the other files must agree with it."""

import ast
import json
import re
import tomllib

import yaml
from helpers import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
INSTALL = "-e .[lab,test]"


def pins():
    """{name: [(version, marker or None), ...]} of constraints.txt."""
    found = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            (pin,) = requirement.specifier
            assert pin.operator == "==", f"{line} is no pin"
            found.setdefault(requirement.name.lower(), []).append((pin.version, requirement.marker))
    return found


def test_constraints_pin_what_the_project_asks_for():
    found = pins()
    for text in PROJECT["dependencies"] + EXTRAS["lab"] + EXTRAS["test"] + EXTRAS["dev"]:
        wanted = Requirement(text)
        if wanted.name == PROJECT["name"]:
            continue
        assert wanted.name.lower() in found, f"{wanted.name} is not in constraints.txt: make it anew"
        for version, _ in found[wanted.name.lower()]:
            assert wanted.specifier.contains(version), f"pyproject.toml asks for {wanted}, pinned is {version}"


def test_each_system_and_python_has_one_pin_of_each_direct_requirement():
    found = pins()
    systems = [("linux", "Linux", "posix"), ("darwin", "Darwin", "posix"), ("win32", "Windows", "nt")]
    for platform, system, os_name in systems:
        for minor in (11, 12, 13, 14):
            python = {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.2"}
            here = python | {"sys_platform": platform, "platform_system": system, "os_name": os_name}
            for text in PROJECT["dependencies"] + EXTRAS["lab"] + EXTRAS["test"]:
                wanted = Requirement(text)
                if wanted.marker is not None and not wanted.marker.evaluate(here):
                    continue
                name = wanted.name.lower()
                fitting = [v for v, marker in found[name] if marker is None or marker.evaluate(here)]
                assert len(fitting) == 1, f"{name} for Python 3.{minor} on {system}: {fitting}"


def test_torch_stays_where_all_three_systems_were_tried():
    assert pins()["torch"] == [("2.13.0", None)]


def test_conda_environment_installs_the_project():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = (d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert pip == ["-c constraints.txt", INSTALL]
    (python,) = (d for d in environment["dependencies"] if str(d).startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.split("=")[1])


def test_development_container_installs_the_project():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert "-c constraints.txt -e '.[lab,test]'" in container["postCreateCommand"]
    assert SpecifierSet(PROJECT["requires-python"]).contains(container["image"].split(":")[1])


def test_course_py_knows_the_same_pythons():
    values = {}
    for node in ast.parse((ROOT / "course.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            values |= {t.id: ast.literal_eval(v) for t, v in zip(node.targets[0].elts, node.value.elts)}
    oldest, (major, minor) = values["OLDEST"], values["NEWEST"]
    assert PROJECT["requires-python"] == f">={oldest[0]}.{oldest[1]},<{major}.{minor + 1}"


def test_no_address_of_a_package_index_is_written_down():
    """Mirrors, company indexes and offline class rooms set their own."""
    address = re.compile("https?://|pypi\\.org|python" + "hosted|conda\\.anaconda|download\\.pytorch", re.I)
    for name in ("pyproject.toml", "constraints.txt", "environment.yml", "course.py"):
        assert not address.search((ROOT / name).read_text(encoding="utf-8")), name
    assert not list(ROOT.glob("uv.lock")) + list(ROOT.glob("pylock*.toml"))


def test_an_installed_lmlib_has_its_fonts_scripts_and_styles():
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["lmlib"]
    package = ROOT / "lmlib"
    shipped = {path for pattern in patterns for path in package.glob(pattern)}
    others = {p for p in package.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")}
    assert others - shipped == set(), "name these in package-data of pyproject.toml"
    for folder in {p.parent for p in package.rglob("*.py")}:
        assert (folder / "__init__.py").exists(), f"{folder} is left out of an installed lmlib"
