# SPDX-License-Identifier: BSD-3-Clause
"""JSON as the program kldsel-rank writes it: to the byte, so that either can stand for the other."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = re.compile(r'["\\\x00-\x1f]')


def _string(text: str) -> str:
    escaped = _ESCAPED.sub(lambda found: _SHORT.get(found[0]) or f"\\u{ord(found[0]):04X}", text)
    return f'"{escaped}"'


def number(value: float) -> str:
    """17 digits, which read back to the same double; null for what JSON has no number for.

    >>> number(1.0), number(1e-05), number(0.1), number(float("nan"))
    ('1.0', '1.0000000000000001e-5', '0.10000000000000001', 'null')
    """
    if not math.isfinite(value):
        return "null"
    text = f"{value:.17g}"
    mantissa, exponent, power = text.partition("e")
    if not exponent:
        return text if "." in text else f"{text}.0"
    return f"{mantissa}e{'-' if power[0] == '-' else ''}{power[1:].lstrip('0')}"


def dumps(value: object, indent: int = 0) -> str:
    """The text of a value, indented by two spaces a level.

    >>> print(dumps({"layers": [], "score": 0.5, "reason": None}))
    {
      "layers": [],
      "score": 0.5,
      "reason": null
    }
    """
    if isinstance(value, str):
        return _string(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number(value)
    inner, outer = " " * (indent + 2), " " * indent
    if isinstance(value, Mapping):
        items = [f"{inner}{_string(str(key))}: {dumps(one, indent + 2)}" for key, one in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{outer}}}" if items else "{}"
    if isinstance(value, Sequence):
        items = [f"{inner}{dumps(one, indent + 2)}" for one in value]
        return "[\n" + ",\n".join(items) + f"\n{outer}]" if items else "[]"
    raise TypeError(f"a {type(value).__name__} has no JSON")
