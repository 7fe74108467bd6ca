"""Where in the contracts a change is told: the definition or command it is about, else the settings of the set."""

from __future__ import annotations

from contractgen.emit.published_schemas import publications
from contractgen.freshness import SETTINGS_FILE
from contractgen.model import ContractSet, Origin


class Places:
    """Hold the places of everything that a set names."""

    def __init__(self, contracts: ContractSet) -> None:
        """List them once."""
        self._named = {
            **{name: item.origin for name, item in contracts.definitions.items()},
            **{name: item.origin for name, item in contracts.machines.items()},
            **{command.name: command.origin for command in contracts.commands},
        }
        self._shapes = {item.path: self._named[item.definition] for item in publications(contracts)
                        if item.definition in self._named}  # fmt: skip

    def shape(self, path: str) -> Origin:
        """Say where a published shape is defined."""
        return self._shapes.get(path, Origin(SETTINGS_FILE, ""))

    def named(self, name: str) -> Origin:
        """Say where a definition, a machine or a command stands; only its name's first word counts."""
        return self._named.get(name.split(" ")[0], Origin(SETTINGS_FILE, ""))
