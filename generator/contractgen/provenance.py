"""Say which contract files each output comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contractgen.model import ContractSet
from contractgen.reach import reach


class Provenance:
    """Answer for one set; what nothing more exact is known of comes from every contract."""

    def __init__(self, contracts: ContractSet) -> None:
        """Work out, once, what the generated Python package and the schemas come from."""
        self._contracts = contracts
        self._all = sorted(contracts.sources)
        self._known = {**self._whole_modules(), **self._models(), **self._published()}

    def of(self, path: str) -> list[str]:
        """List the contract files an output comes from, sorted."""
        package = f"python/{self._contracts.settings.package}/"
        key = path.removeprefix(package)
        return self._known.get(key, self._all)

    def _files(self, names: Iterable[str]) -> list[str]:
        return sorted({self._contracts.definitions[name].origin.file for name in names})

    def _closure(self, *names: str) -> list[str]:
        return self._files({below for name in names for below in reach(self._contracts, name)})

    def _whole_modules(self) -> dict[str, list[str]]:
        contracts = self._contracts
        enumerations = contracts.enumerations.values()
        derived = [tool.origin.file for tool in contracts.tools.values()]
        derived += [command.origin.file for command in contracts.commands]
        events = [event.origin.file for event in contracts.events.values()]
        vocabulary = {item.origin.file for item in enumerations} | set(derived) | set(events)
        tables = [item.origin.file for item in contracts.tables.values()]
        tables += [item.origin.file for item in contracts.machines.values()]
        tables += [item.origin.file for item in contracts.values.values()]
        inputs = vocabulary | set(tables)
        return {"vocabulary.py": sorted(vocabulary), "tables.py": sorted(inputs)}

    def _models(self) -> dict[str, list[str]]:
        modules: dict[str, list[str]] = {}
        for name, definition in self._contracts.definitions.items():
            modules.setdefault(definition.module, []).append(name)
        return {f"models/{module}.py": self._closure(*names) for module, names in modules.items()}

    def _published(self) -> dict[str, list[str]]:
        contracts = self._contracts
        roots: dict[str, str] = {f"formats/{name}.json": name for name in contracts.published}
        roots |= {f"events/{event.type}.json": event.definition for event in contracts.events.values()}
        for command in contracts.commands:
            roots[f"{command.identifier}.request.json"] = command.request
            roots[f"{command.identifier}.response.json"] = command.response
        plain = {path: [*self._closure(name), "contracts.toml"] for path, name in roots.items()}
        return {f"schemas/{path}": sorted(set(files)) for path, files in plain.items()}


def explain(path: str, sources: Mapping[str, list[str]], changed: Iterable[str]) -> list[str]:
    """List the changed contracts an output comes from."""
    own = sources.get(path, [])
    return [file for file in changed if file in own]
