"""What a wheel holds, shown on a wheel that is really built."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ("sif", "prompts", "watermark", "attacks", "eval")
TAKEN = ("pyproject.toml", "README.md", "LICENSE", *PACKAGE)
NOT_SHIPPED = {"__pycache__"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since setuptools leaves files beside what it builds."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in TAKEN:
        if (ROOT / name).is_dir():
            skip = shutil.ignore_patterns(*NOT_SHIPPED)
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=skip)
        else:
            shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--wheel-dir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def shipped(folder: Path, inside: str) -> set[str]:
    """Every file of a package, following the links, by its name in the wheel."""
    names: set[str] = set()
    for path in folder.iterdir():
        if path.name in NOT_SHIPPED:
            continue
        name = f"{inside}/{path.name}"
        names |= shipped(path, name) if path.is_dir() else {name}
    return names


@pytest.mark.slow
def test_the_wheel_holds_one_package_and_nothing_else_at_the_top(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"sif", wheel.name.split("-py3")[0] + ".dist-info"}


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_every_data_file(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("sif/")}
    assert held == shipped(ROOT / "sif", "sif")
    assert {"sif/py.typed", "sif/prompts/ordinary.json", "sif/mini/world.py"} <= held


@pytest.mark.slow
def test_the_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import sif.prompts, sif.cli.main, sif.watermark\n"
        "print(sif.prompts.__file__, len(sif.prompts.load()), sif.cli.main.main)"
    )
    command = [sys.executable, "-I", "-c", script]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert ran.stdout.startswith(str(tmp_path / "sif" / "prompts"))


@pytest.mark.slow
def test_the_wheel_names_its_command_and_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = wheel.name.split("-py3")[0] + ".dist-info"
        points = archive.read(f"{info}/entry_points.txt").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
    assert "sif = sif.cli.main:main" in points
    assert "License-Expression: MIT" in metadata
