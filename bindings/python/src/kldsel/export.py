# SPDX-License-Identifier: BSD-3-Clause
"""The selected layers as a trainer's own configuration.

===========  =============================================================================================
`peft`     keyword arguments of `peft.LoraConfig`: a pattern that matches whole names of modules
`axolotl`  `unfrozen_parameters`: a pattern for each parameter, and for the biases beside it
`timm`     names of modules for `timm.utils.unfreeze(model, names)` after `timm.utils.freeze(model)`
`keras`    names of layers, for `layer.trainable = layer.path in names`
`names`    names of the parameters
===========  =============================================================================================

Every name is matched as a whole: `layers.1` never takes `layers.10` along.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kldsel.ranking import RankedLayer, Ranking


def _layers(ranking: Ranking) -> list[RankedLayer]:
    chosen = [layer for layer in ranking.layers if layer.selected]
    if not chosen:
        raise ValueError("the ranking selects no layer: rank with k, share or budget, or use again(k=...)")
    return chosen


def _modules(ranking: Ranking) -> list[str]:
    chosen = _layers(ranking)
    nameless = [layer.name for layer in chosen if not layer.layer]
    if nameless:
        raise ValueError(f"'{nameless[0]}' does not tell which module it belongs to")
    return list(dict.fromkeys(layer.layer for layer in chosen))


def _peft(ranking: Ranking) -> dict[str, Any]:
    # PEFT matches a string as a regular expression against whole names; a list would match their ends.
    return {"target_modules": "|".join(re.escape(name) for name in _modules(ranking))}


def _axolotl_pattern(name: str) -> str:
    # Axolotl escapes the dots itself, and reads brackets at the end as a range of rows.
    escaped = re.escape(name).replace(r"\.", ".")
    return f"^{escaped}$"


def _axolotl(ranking: Ranking) -> dict[str, Any]:
    patterns = []
    for layer in _layers(ranking):
        patterns.append(_axolotl_pattern(layer.name))
        stem, dot, last = layer.name.rpartition(".")
        if last == "weight":
            patterns.append(_axolotl_pattern(f"{stem}{dot}bias"))
    return {"unfrozen_parameters": patterns}


def _names(ranking: Ranking) -> list[str]:
    return [layer.name for layer in _layers(ranking)]


def _lines(names: Any) -> str:
    return "".join(f"{name}\n" for name in names)


def _json(config: Any) -> str:
    return json.dumps(config, indent=2) + "\n"


def _yaml(config: dict[str, list[str]]) -> str:
    """Single quotes, in which YAML reads every character but the quote as it stands."""
    lines = []
    for key, patterns in config.items():
        lines.append(f"{key}:\n")
        lines.extend("  - '{}'\n".format(pattern.replace("'", "''")) for pattern in patterns)
    return "".join(lines)


TARGETS: dict[str, tuple[Callable[[Ranking], Any], Callable[[Any], str]]] = {
    "peft": (_peft, _json),
    "axolotl": (_axolotl, _yaml),
    "timm": (_modules, _json),
    "keras": (_modules, _json),
    "names": (_names, _lines),
}


def export(ranking: Ranking, target: str, path: str | os.PathLike[str] | None = None) -> Any:
    """The selection for a trainer; with a path also written there, in the trainer's own syntax."""
    if target not in TARGETS:
        raise ValueError(f"target is {target!r}; must be one of {', '.join(TARGETS)}")
    make, text = TARGETS[target]
    config = make(ranking)
    if path is not None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text(config))
    return config


def export_text(ranking: Ranking, target: str) -> str:
    """What `export()` writes."""
    make, text = TARGETS[target]
    return text(make(ranking))
