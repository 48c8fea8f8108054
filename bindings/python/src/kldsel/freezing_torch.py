# SPDX-License-Identifier: BSD-3-Clause
"""Freezing a torch.nn.Module: requires_grad of its parameters, and running statistics."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

from kldsel.freezing import Frozen, Trainable, check_names, head_names
from kldsel.sources.naming import is_magnitude
from kldsel.sources.torch_module import unwrapped

if TYPE_CHECKING:
    import torch

_NORM = ("_NormBase", "LayerNorm", "GroupNorm", "RMSNorm", "LocalResponseNorm", "CrossMapLRN2d")


def is_norm(module: Any) -> bool:
    """Normalisation of PyTorch or, by its name, of anybody else."""
    names = [cls.__name__ for cls in type(module).__mro__]
    return any(name in _NORM for name in names) or names[0].endswith(("Norm", "Norm2d", "BatchNorm2d"))


def _keep_statistics(module: Any, _arguments: Any) -> None:
    """Runs before each forward pass: model.train() would otherwise let the running statistics go on."""
    if module.training:
        module.eval()


def _has_statistics(module: Any) -> bool:
    return getattr(module, "running_mean", None) is not None


def _aliases(model: torch.nn.Module) -> dict[str, str]:
    """By every name that a parameter can have in a ranking, the one that it has in the model."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    known = {name: names[id(parameter)] for name, parameter in model.named_parameters(remove_duplicate=False)}
    for prefix, module in model.named_modules():
        parametrizations = getattr(module, "parametrizations", None)
        for name in list(parametrizations.keys()) if parametrizations is not None else []:
            dot = f"{prefix}." if prefix else ""
            original = f"{dot}parametrizations.{name}.original"
            known[f"{dot}{name}"] = next((one for one in known if one.startswith(original)), original)
    return known


def _module_of(name: str) -> str:
    """The layer that a parameter belongs to; what parametrizes it belongs to it, too."""
    return (
        name.partition(".parametrizations.")[0] if ".parametrizations." in name else name.rpartition(".")[0]
    )


def _is_linear(module: Any) -> bool:
    return any(cls.__name__ == "Linear" for cls in type(module).__mro__)


def _is_bias(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last.startswith("bias") or "_bias" in last


def _resolve(name: str, known: Container[str]) -> str:
    """Finds a parameter of a model that was wrapped, by DataParallel say, where it was ranked or saved."""
    inner = name
    while inner not in known:
        prefix = next((one for one in ("module.", "_orig_mod.") if inner.startswith(one)), None)
        if prefix is None:
            return name
        inner = inner[len(prefix) :]
    return inner


def _classifiers(model: Any) -> set[int] | None:
    """By id, the heads that a model of timm tells; None for another one. There may be several, or none."""
    tell = getattr(model, "get_classifier", None)
    if not callable(tell):
        return None
    found = tell()
    return {id(one) for one in (found if isinstance(found, (tuple, list)) else (found,))}


class _Plan:
    """Which parameters of a model are to be trained, and why."""

    def __init__(
        self,
        model: torch.nn.Module,
        selected: Sequence[str],
        norm: str,
        biases: str,
        head: bool | str | Sequence[str],
    ) -> None:
        aliases = _aliases(model)
        selected = [_resolve(name, aliases) for name in selected]
        check_names(selected, aliases, "parameter")
        self.modules = dict(model.named_modules())
        classifiers = _classifiers(model) if head is True else None
        if classifiers is not None:
            head = [name for name, one in self.modules.items() if name and id(one) in classifiers]
        dense = [name for name, one in self.modules.items() if _is_linear(one)]
        heads = head_names(head, dense[-1] if dense else None, self.modules)
        # By identity: a head may share its weight with the embedding.
        self.head = {id(one) for name in heads for one in self.modules[name].parameters(recurse=False)}
        self.weights = {aliases[name] for name in selected}
        self.layers = {_module_of(name) for name in self.weights}
        self.shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
        self.norm, self.biases = norm, biases

    def why(self, name: str, parameter: Any) -> str:
        """Why a parameter is to be trained; empty if it is not."""
        layer = _module_of(name)
        if id(parameter) in self.head:
            return "head"
        if is_norm(self.modules[layer]):
            return "norm" if self.norm == "trained" else ""
        if _is_bias(name):
            wanted = self.biases == "all" or (self.biases == "selected" and layer in self.layers)
            return "bias" if wanted else ""
        # A layer may have several weights, of which some are selected; what is no weight goes with any.
        chosen = name in self.weights or ".parametrizations." in name or parameter.dim() < 2
        # What scales the filters goes with them.
        chosen = chosen or is_magnitude(name, parameter.shape, self.shapes)
        return "selected" if layer in self.layers and chosen else ""


def freeze_module(
    model: torch.nn.Module,
    selected: Sequence[str],
    norm: str,
    biases: str,
    head: bool | str | Sequence[str],
) -> Frozen:
    """See `kldsel.freeze()`."""
    model = unwrapped(model)
    plan = _Plan(model, selected, norm, biases, head)
    parameters = dict(model.named_parameters())
    state = {name: parameter.requires_grad for name, parameter in parameters.items()}
    rows = []
    for name, parameter in parameters.items():
        why = plan.why(name, parameter)
        wanted = bool(why) and (parameter.is_floating_point() or parameter.is_complex())
        parameter.requires_grad_(wanted)
        if not wanted:
            # What an earlier backward pass left would still be applied.
            parameter.grad = None
        rows.append(Trainable(name, parameter.numel(), wanted, why if wanted else ""))

    with_statistics = [module for module in plan.modules.values() if _has_statistics(module)]
    held = with_statistics if norm == "frozen" else []
    modes = [module.training for module in held]
    hooks = [module.register_forward_pre_hook(_keep_statistics) for module in held]
    for module in held:
        module.eval()

    def restore() -> None:
        for name, wanted in state.items():
            parameters[name].requires_grad_(wanted)
        for hook in hooks:
            hook.remove()
        for module, mode in zip(held, modes):
            module.train(mode)

    before = sum(parameters[name].numel() for name, wanted in state.items() if wanted)
    total = sum(parameter.numel() for parameter in parameters.values())
    return Frozen(total, before, tuple(rows), _statistics_note(norm, len(with_statistics)), restore)


def _statistics_note(norm: str, count: int) -> str:
    if count == 0:
        return ""
    what = "frozen" if norm == "frozen" else "that go on"
    return f"normalisation layers with running statistics {what}: {count}"
