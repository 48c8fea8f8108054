# SPDX-License-Identifier: BSD-3-Clause
"""What Python declares, held against kldsel.h by the system's C compiler."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from enum import IntEnum
from pathlib import Path

import pytest

from kldsel import _abi

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


@pytest.fixture(scope="module")
def header(root: Path) -> str:
    """The header without its comments."""
    text = (root / "include" / "kldsel" / "kldsel.h").read_text()
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def compile_c(root: Path, folder: Path, body: str, *, link: bool = False) -> subprocess.CompletedProcess[str]:
    source = folder / "check.c"
    source.write_text(f"#include <kldsel/kldsel.h>\n#include <stdio.h>\n{body}")
    what = ["-o", str(folder / "check")] if link else ["-fsyntax-only"]
    return subprocess.run(
        [str(COMPILER), "-std=c11", "-Werror", f"-I{root / 'include'}", *what, str(source)],
        capture_output=True,
        text=True,
        check=False,
    )


def c_name(prefix: str, value: IntEnum) -> str:
    return "KLDSEL_OK" if value is _abi.Status.OK else prefix + value.name


def enumerators() -> list[tuple[str, int]]:
    return [(c_name(prefix, value), int(value)) for _, prefix, kind in _abi.ENUMS for value in kind]


def assertions(constants: list[tuple[str, int]]) -> str:
    return "\n".join(f'_Static_assert({name} == {value}, "{name}");' for name, value in constants)


def test_every_value_is_the_headers(root: Path, tmp_path: Path) -> None:
    major, minor, patch = _abi.VERSION
    constants = [
        *enumerators(),
        ("KLDSEL_VERSION_MAJOR", major),
        ("KLDSEL_VERSION_MINOR", minor),
        ("KLDSEL_VERSION_PATCH", patch),
        ("KLDSEL_MAX_RANK", _abi.MAX_RANK),
    ]
    result = compile_c(root, tmp_path, assertions(constants))
    assert result.returncode == 0, result.stderr


def test_a_wrong_value_is_found(root: Path, tmp_path: Path) -> None:
    name, value = enumerators()[-1]
    assert name in compile_c(root, tmp_path, assertions([(name, value + 1)])).stderr


def test_every_enumerator_is_declared(header: str) -> None:
    declared = {tag: {c_name(prefix, value) for value in kind} for tag, prefix, kind in _abi.ENUMS}
    found = {
        tag: set(re.findall(r"\bKLDSEL_\w+(?=\s*=)", body))
        for tag, body in re.findall(r"enum kldsel_(\w+)\s*\{(.*?)\}", header, flags=re.DOTALL)
    }
    assert declared == found


def test_every_constant_is_declared(header: str) -> None:
    macros = set(re.findall(r"#define (KLDSEL_\w+) +[^ \n]", header))
    assert macros - {"KLDSEL_API"} == {
        "KLDSEL_VERSION_MAJOR",
        "KLDSEL_VERSION_MINOR",
        "KLDSEL_VERSION_PATCH",
        "KLDSEL_MAX_RANK",
    }


def test_every_prototype_is_the_headers(root: Path, tmp_path: Path) -> None:
    # A second declaration of a function must agree with the first.
    result = compile_c(root, tmp_path, _abi.PROTOTYPES)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("set_int(kldsel_options *, int32_t, int64_t)", "set_int(kldsel_options *, int32_t, int32_t)"),
        ("kldsel_softmax(const double *", "kldsel_softmax(double *"),
        ("int64_t kldsel_tensor_filters", "int32_t kldsel_tensor_filters"),
    ],
)
def test_a_wrong_prototype_is_found(root: Path, tmp_path: Path, right: str, wrong: str) -> None:
    assert right in _abi.PROTOTYPES
    assert compile_c(root, tmp_path, _abi.PROTOTYPES.replace(right, wrong)).returncode != 0


def test_every_exported_function_has_a_prototype(root: Path, header: str) -> None:
    exported = set((root / "tests" / "install" / "symbols.txt").read_text().split())
    assert set(_abi.prototypes()) == exported
    # Without it the redeclaration above would declare a function that the header lacks.
    assert exported <= set(re.findall(r"\b(kldsel_\w+)\(", header))


def test_ctypes_have_the_size_and_sign_of_their_c_types(root: Path, tmp_path: Path) -> None:
    scalars = [name for name in _abi.C_TYPES if not name.endswith("_function")]
    functions = [name for name in _abi.C_TYPES if name.endswith("_function")]
    lines = [f'printf("%d %d\\n", (int)sizeof({name}), ({name})-1 < ({name})1);' for name in scalars]
    lines += [f'printf("%d 0\\n", (int)sizeof({name}));' for name in functions]
    result = compile_c(root, tmp_path, f"int main(void) {{ {' '.join(lines)} return 0; }}\n", link=True)
    assert result.returncode == 0, result.stderr
    output = subprocess.run([str(tmp_path / "check")], capture_output=True, text=True, check=True).stdout
    expected = [
        f"{ctypes.sizeof(_abi.C_TYPES[name])} {int(_abi.C_TYPES[name](-1).value < 1)}" for name in scalars
    ]
    expected += [f"{ctypes.sizeof(_abi.C_TYPES[name])} 0" for name in functions]
    assert output.splitlines() == expected


def test_callbacks_have_the_headers_types(header: str) -> None:
    types = {**_abi.C_TYPES, "void": None}
    found = re.findall(r"typedef ([\w ]+?) ?\*?\(\*(kldsel_\w+_function)\)\((.*?)\);", header)
    assert {name for _, name, _ in found} == {name for name in _abi.C_TYPES if name.endswith("_function")}
    for _, name, arguments in found:
        (declared,) = re.findall(rf"typedef ([\w ]+\*?)\(\*{name}\)", header)
        result = ctypes.c_void_p if "*" in declared else types[declared.strip()]
        kinds = [
            ctypes.c_void_p if "*" in argument else types[argument.split()[0]]
            for argument in arguments.split(",")
        ]
        callback = _abi.C_TYPES[name]
        assert (callback._restype_, list(callback._argtypes_)) == (result, kinds), name
