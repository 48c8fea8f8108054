# SPDX-License-Identifier: BSD-3-Clause
"""The wheel: what it holds, what it needs, and that it gets on with packages that bring a BLAS."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kldsel._library import SONAME

if "KLDSEL_TEST_WHEEL" not in os.environ:
    pytest.skip("no wheel: scripts/test-python.sh builds one", allow_module_level=True)

WHEEL = Path(os.environ["KLDSEL_TEST_WHEEL"])


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(WHEEL) as archive:
        archive.extractall(folder)
    return folder


def readelf(*arguments: str | Path) -> str:
    command = ["readelf", "--wide", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_tag(unpacked: Path) -> None:
    assert re.fullmatch(r"kldsel-[\d.]+-py3-none-manylinux_2_\d+_\w+\.whl", WHEEL.name)
    (wheel,) = unpacked.glob("kldsel-*.dist-info/WHEEL")
    assert "Root-Is-Purelib: false" in wheel.read_text()


def test_library_needs_the_c_library_alone(unpacked: Path) -> None:
    """libc and libm; and the loader, which is a part of both, for the thread's last error."""
    dynamic = readelf("--dynamic", unpacked / "kldsel" / SONAME)
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    assert set(needed) - {"libc.so.6", "libm.so.6"} <= {
        name for name in needed if re.fullmatch(r"ld-linux[-\w]*\.so\.\d", name)
    }
    assert f"[{SONAME}]" in re.findall(r"\(SONAME\).*", dynamic)[0]
    assert "RPATH" not in dynamic
    assert "RUNPATH" not in dynamic


def test_library_exports_the_api_alone(unpacked: Path, root: Path) -> None:
    symbols = readelf("--dyn-syms", unpacked / "kldsel" / SONAME)
    exported = re.findall(r" (?:GLOBAL|WEAK) +DEFAULT +\d+ ([\w@.]+)", symbols)
    names = {name.split("@")[0] for name in exported} - {"KLDSEL_1", "KLDSEL_1.0"}
    assert {name for name in names if name.startswith("kldsel_")} == set(
        (root / "tests" / "install" / "symbols.txt").read_text().split()
    )
    assert all(name.lower().startswith("kldsel_") for name in names)


def test_contents(unpacked: Path, root: Path) -> None:
    package = root / "bindings" / "python"
    sources = {path.relative_to(package / "src") for path in (package / "src").rglob("*.py")}
    packed = {path.relative_to(unpacked) for path in (unpacked / "kldsel").rglob("*") if path.is_file()}
    assert packed == sources | {Path("kldsel", "py.typed"), Path("kldsel", SONAME)}
    (license_file,) = unpacked.glob("kldsel-*.dist-info/licenses/LICENSE")
    assert license_file.read_text() == (root / "LICENSE").read_text()


RANK = """
from array import array
from kldsel import _library, lowlevel
assert _library.find().origin == "bundled", _library.find()
assert "blas=builtin" in lowlevel.build_info()
state, numbers = 1, array("f")
for _ in range(4096):
    state = (state * 1103515245 + 12345) % 2**31
    numbers.append(state / 2**30 - 1)
layers = [memoryview(numbers[:n * k]).cast("B").cast("f", (n, k)) for n, k in ((8, 90), (32, 128), (16, 16))]
tensors = [lowlevel.Tensor(layer) for layer in layers]
ranking = lowlevel.rank_tensors(tensors, reference="others", select_count=1)
cosines = lowlevel.pairwise_cosine(tensors[1])
print(ranking, [value.hex() for value in map(float, lowlevel.profile(tensors[0]).values("positive"))])
"""


def run(python: Path | str, code: str) -> str:
    away = ("KLDSEL", "LD_", "PYTHON")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(away)}
    result = subprocess.run(
        [str(python), "-c", code], env=kept, cwd="/", capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_fresh_environment_with_nothing_else(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", WHEEL]
    subprocess.run(list(map(str, install)), check=True)
    code = RANK + (
        "import sys; assert 'numpy' not in sys.modules\n"
        "mapped = open('/proc/self/maps').read(); assert 'blas' not in mapped.lower()\n"
    )
    assert run(python, code) == run(sys.executable, RANK)


IMPORTS = ["import torch", "import numpy", "from kldsel import lowlevel; lowlevel.version()"]

BESIDE = """
import threadpoolctl
def products():
    return (a @ a).sum(), (torch.from_numpy(a) @ torch.from_numpy(a)).sum().item()
def pools():
    found = threadpoolctl.threadpool_info()
    return torch.get_num_threads(), sorted((pool["filepath"], pool["num_threads"]) for pool in found)
a = numpy.arange(250000.).reshape(500, 500)
before = products(), pools()
{rank}
assert (products(), pools()) == before
x = numpy.asarray(layers[1], "f8")
x /= numpy.linalg.norm(x, axis=1, keepdims=True)
# 128 elements and 4 more roundings in each of both
assert abs(cosines - x @ x.T).max() < 132 * 2**-52
"""


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_beside_pytorch_and_numpy_in_any_order(order: tuple[int, ...]) -> None:
    pytest.importorskip("torch")
    code = "\n".join(IMPORTS[i] for i in order) + BESIDE.format(rank=RANK)
    assert run(sys.executable, code) == run(sys.executable, RANK)


TIME = """
import os
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
import time
from kldsel import lowlevel
{imports}
layer = lowlevel.Tensor(memoryview(bytes(range(1, 17)) * 65536).cast("B").cast("b", (256, 4096)))
def best(work):
    times = []
    for _ in range(30):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times)
print(best(lambda: {work}))
"""


def seconds(imports: str, work: str) -> float:
    """Processor time on one thread, which what else the machine does hardly changes."""
    return float(run(sys.executable, TIME.format(imports=imports, work=work)))


def test_neither_slows_the_other() -> None:
    """By far less than another BLAS than its own, or another mode of the processor, would."""
    pytest.importorskip("torch")
    others = "import torch, numpy; a = numpy.ones((400, 400)); b = torch.ones(400, 400); a @ a; b @ b"
    rank = "lowlevel.rank_tensors([layer] * 2, threads=1)"
    assert any(seconds(others, rank) < 2 * seconds("", rank) for _ in range(3))
    multiply = "(a @ a, b @ b)"
    used = f"{others}; lowlevel.rank_tensors([lowlevel.Tensor(a)] * 2)"
    assert any(seconds(used, multiply) < 2 * seconds(others, multiply) for _ in range(3))
