"""The one place that turns a contract's names into names of Python, JSON files and documents."""

from __future__ import annotations

import keyword
import re

_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATOR = re.compile(r"[^A-Za-z0-9]+")


def words(name: str) -> list[str]:
    """Split a name of any style into its words, in lower case."""
    spaced = _BOUNDARY.sub(" ", name)
    return [word.lower() for word in _SEPARATOR.split(spaced) if word]


def snake(name: str) -> str:
    """Write a name as snake_case."""
    return "_".join(words(name))


def kebab(name: str) -> str:
    """Write a name as kebab-case."""
    return "-".join(words(name))


def upper_snake(name: str) -> str:
    """Write a name as UPPER_SNAKE_CASE, the style of Python constants."""
    return snake(name).upper()


def member(value: str) -> str:
    """Write an enumeration's value as the name of its Python member."""
    name = re.sub(r"[^A-Za-z0-9]", "_", value).upper()
    return f"N_{name}" if not name or name[0].isdigit() else name


def identifier(name: str) -> str:
    """Write a command's or a property's name as a Python identifier, stepping around reserved words."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not plain or plain[0].isdigit():
        plain = f"n_{plain}"
    return f"{plain}_" if keyword.iskeyword(plain) else plain


def module(file: str) -> str:
    """Name the Python module of a contract file that is not a command's: its path, flattened."""
    return identifier(file.removesuffix(".json").replace("/", "_").replace("-", "_"))
