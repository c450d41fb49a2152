"""A plugin is a module in a package: the file is the registration, and there is no other registry."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType


@cache
def discover(package: str) -> dict[str, ModuleType]:
    """All public modules of `package`, by name in alphabetical order. A leading underscore hides a module."""
    root = importlib.import_module(package)
    names = sorted(info.name for info in pkgutil.iter_modules(root.__path__) if not info.name.startswith("_"))
    return {name: importlib.import_module(f"{package}.{name}") for name in names}
