# SPDX-License-Identifier: BSD-3-Clause
"""Build hook: compiles libkldsel, so that it needs the C library alone, and puts it into the wheel."""

from __future__ import annotations

import re
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OPTIONS = (
    "--buildtype=release",
    "--default-library=shared",
    "--auto-features=disabled",
    "-Dblas=builtin",
)


class LibraryHook(BuildHookInterface[Any]):
    """Makes a wheel for this platform and any Python 3.

    An editable install brings no library, so that none grows stale: set KLDSEL_LIBRARY.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the wheel is written."""
        if version == "editable":
            return
        self._build = tempfile.TemporaryDirectory(prefix="kldsel-wheel-")
        library = compile_library(self._sources(), Path(self._build.name))
        build_data["force_include"][str(library)] = f"kldsel/{library.name}"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{re.sub('[-.]', '_', sysconfig.get_platform())}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Clean up after it."""
        if version != "editable":
            self._build.cleanup()

    def _sources(self) -> Path:
        """Above this folder in a checkout, inside it in a source distribution."""
        here = Path(self.root)
        for folder in (here / "library", here.parent.parent):
            if (folder / "libkldsel").is_dir():
                return folder
        raise FileNotFoundError(f"no libkldsel sources in {here / 'library'} nor in {here.parent.parent}")


def compile_library(sources: Path, build: Path) -> Path:
    """The library, under the name that programs ask the dynamic loader for."""
    subprocess.run(["meson", "setup", *OPTIONS, str(build), str(sources)], check=True)
    subprocess.run(["meson", "compile", "-C", str(build)], check=True)
    (library,) = (build / "libkldsel").glob("libkldsel.so.[0-9]")
    return library
