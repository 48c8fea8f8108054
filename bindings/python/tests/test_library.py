# SPDX-License-Identifier: BSD-3-Clause
"""Where the shared library is looked for, and what is said when it cannot be used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kldsel
from kldsel import _abi, lowlevel
from kldsel._library import SONAME, VARIABLE, find

SAY = "from kldsel._library import find; found = find(); print(found.origin, found.version, found.path)"
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package without a library."""
    folder = tmp_path / "site" / "kldsel"
    shutil.copytree(
        Path(kldsel.__file__).parent, folder, ignore=shutil.ignore_patterns("*.so*", "__pycache__")
    )
    return folder


def run(package: Path, code: str = SAY, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key not in (VARIABLE, "LD_LIBRARY_PATH")}
    kept.update(environment, PYTHONPATH=str(package.parent))
    return subprocess.run(
        [sys.executable, "-c", code], env=kept, cwd="/", capture_output=True, text=True, check=False
    )


def build(folder: Path, source: str) -> Path:
    """A shared library of that source."""
    folder.mkdir(exist_ok=True)
    (folder / "library.c").write_text(source)
    command = [str(COMPILER), "-shared", "-fPIC", "-o", str(folder / SONAME), str(folder / "library.c")]
    subprocess.run(command, check=True)
    return folder / SONAME


def real() -> Path:
    return Path(find().path)


def test_what_runs_is_told() -> None:
    found = find()
    assert lowlevel.library_file() == (found.path, found.origin)
    assert Path(found.path).is_file()
    assert found.origin in ("bundled", VARIABLE, "system")
    assert found.version == ".".join(str(number) for number in _abi.VERSION)


def test_the_variable_first(package: Path, tmp_path: Path) -> None:
    shutil.copy(real(), package / SONAME)
    named = tmp_path / "elsewhere.so"
    shutil.copy(real(), named)
    result = run(package, **{VARIABLE: str(named)})
    assert result.stdout.split()[::2] == [VARIABLE, str(named)], result.stderr


def test_then_the_bundled_one(package: Path) -> None:
    bundled = package / SONAME
    shutil.copy(real(), bundled)
    result = run(package, LD_LIBRARY_PATH="/nonexistent", **{VARIABLE: ""})
    assert result.stdout.split()[::2] == ["bundled", str(bundled)], result.stderr


def test_then_the_system(package: Path, tmp_path: Path) -> None:
    installed = tmp_path / "lib" / SONAME
    installed.parent.mkdir()
    shutil.copy(real(), installed)
    result = run(package, LD_LIBRARY_PATH=str(installed.parent), **{VARIABLE: ""})
    assert result.stdout.split()[::2] == ["system", str(installed)], result.stderr


def failure(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1, result.stdout
    return result.stderr.splitlines()[-1]


def test_none_says_what_to_do(package: Path) -> None:
    # An older or newer one may be installed: a soname that nobody has.
    source = package / "_library.py"
    source.write_text(source.read_text().replace('"libkldsel.so.', '"libkldsel-absent.so.'))
    message = failure(run(package))
    assert message.startswith(
        "kldsel.errors.LibraryError: cannot load the kldsel library: libkldsel-absent.so"
    )
    for word in ("wheel", "install", VARIABLE):
        assert word in message
    # Importing is not using: the help of a command line can still be shown, say.
    assert run(package, "import kldsel, kldsel.lowlevel").returncode == 0
    assert run(package, f"import kldsel\ntry:\n  {SAY}\nexcept ImportError: print('ok')").stdout == "ok\n"


def test_a_wrong_path_is_named(package: Path, tmp_path: Path) -> None:
    message = failure(run(package, **{VARIABLE: "/nonexistent/libkldsel.so"}))
    assert f"{VARIABLE}: /nonexistent/libkldsel.so: cannot open shared object file" in message
    text = tmp_path / "text.so"
    text.write_text("no library")
    assert f"{text}: file too short" in failure(run(package, **{VARIABLE: str(text)}))


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
class TestOtherLibraries:
    def test_not_kldsel(self, package: Path, tmp_path: Path) -> None:
        path = build(tmp_path / "other", "int something(void) { return 1; }")
        message = failure(run(package, **{VARIABLE: str(path)}))
        assert f"{path} ({VARIABLE}) is not the kldsel library" in message

    @pytest.mark.parametrize("version", [(_abi.VERSION[0] + 1, 0, 0), (_abi.VERSION[0] - 1, 9, 9)])
    def test_another_version(self, package: Path, tmp_path: Path, version: tuple[int, int, int]) -> None:
        number = version[0] * 1000000 + version[1] * 1000 + version[2]
        path = build(tmp_path / "other", f"unsigned kldsel_version(void) {{ return {number}; }}")
        message = failure(run(package, **{VARIABLE: str(path)}))
        assert f"{path} ({VARIABLE}) has version {version[0]}.{version[1]}.{version[2]}" in message
        assert f"needs {_abi.VERSION[0]}.{_abi.VERSION[1]} or a later {_abi.VERSION[0]}.x" in message

    def test_half_of_it(self, package: Path, tmp_path: Path) -> None:
        number = _abi.VERSION[0] * 1000000 + _abi.VERSION[1] * 1000
        path = build(tmp_path / "other", f"unsigned kldsel_version(void) {{ return {number}; }}")
        message = failure(run(package, **{VARIABLE: str(path)}))
        assert "is not a whole kldsel" in message
        assert "kldsel_" in message.partition("undefined symbol")[2]
