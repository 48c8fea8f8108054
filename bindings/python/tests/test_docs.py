# SPDX-License-Identifier: BSD-3-Clause
"""The examples of the guide and the tutorial run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from networks import MODELS

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_the_guides_examples(tmp_path, monkeypatch):
    """One after the other in one process, as a reader would."""
    for module in ("torch", "numpy", "pandas", "matplotlib", "dask.distributed"):
        pytest.importorskip(module)
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "guide.md").read_text(), re.DOTALL)
    assert len(blocks) > 8
    (tmp_path / "examples").mkdir()
    shutil.copytree(MODELS, tmp_path / "examples" / "models")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for block in blocks:
        exec(compile(block, "guide.md", "exec"), names)
    assert (tmp_path / "axolotl.yml").read_text().startswith("unfrozen_parameters:\n")


def test_the_guide_names_what_there_is():
    import kldsel.export
    from kldsel.freezing import BIASES, NORMS

    text = (DOCS / "guide.md").read_text()
    for name in (*kldsel.export.TARGETS, *NORMS, *BIASES):
        assert f"`{name}`" in text, name
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (DOCS / link).exists(), link


def test_the_tutorial_runs(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    for module in ("torch", "sklearn", "matplotlib", "pandas", "ipykernel"):
        pytest.importorskip(module)
    notebook = nbformat.read(DOCS / "tutorial.ipynb", as_version=4)
    # Where it lies: it reads the bundled network.
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(DOCS)}})
    client.execute()
    text = "".join(
        output.get("text", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    assert "parameters are trainable" in text
