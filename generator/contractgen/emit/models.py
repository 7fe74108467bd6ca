"""Emit pydantic models: one module for each contract file that has shapes, by datamodel-code-generator."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from contractgen import resolve
from contractgen.emit.model_order import ordered
from contractgen.emit.python_text import NOTICE, docstring, header, member
from contractgen.model import ContractSet, Definition, Json
from contractgen.reach import closure, holds_itself, needs, reach

_FORMATS = ("date", "date-time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "regex",
            "time", "uri", "uri-reference", "iri", "uuid", "byte", "binary", "password", "path")  # fmt: skip

INIT = "__init__.py"

# The model generator writes defaults as plain values; one of an enumeration travels marked and is unmarked after.
_MARKED_DEFAULT = re.compile(r"""(["'])@@(\w+\.\w+)@@\1""")


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write a model for every shape of the set."""
    root = f"python/{contracts.settings.package}/models"
    modules = _modules(contracts)
    doc = docstring("Pydantic models of every shape, one module for each contract file.")
    tree = {f"{root}/__init__.py": f"# {NOTICE}\n{doc}\n"}
    return tree | ({f"{root}/{path}": text for path, text in _generated(contracts, modules).items()} if modules else {})


def _modules(contracts: ContractSet) -> dict[str, list[Definition]]:
    """Sort the definitions that are models by their module."""
    referred = {to for name in contracts.definitions if name not in contracts.tables for to in needs(contracts, name)}
    modules: dict[str, list[Definition]] = {}
    for name, definition in contracts.definitions.items():
        outcome_only = name in contracts.tables and name not in referred
        if name not in contracts.enumerations and not outcome_only:
            modules.setdefault(definition.module, []).append(definition)
    return modules


def _generated(contracts: ContractSet, modules: Mapping[str, list[Definition]]) -> dict[str, str]:
    """Generate each module, or remember it: it follows from its own definitions and those they refer to."""
    listed = {item.name: item for items in modules.values() for item in items}
    order = {name: number for number, name in enumerate(listed)}
    closures = {
        module: _by_module(listed, closure(contracts, [item.name for item in items]), order)
        for module, items in modules.items()
    }
    files = {module: items[0].origin.file for module, items in modules.items()}
    if _mutual(contracts, listed, closures):
        # Who of two that refer to each other is written first hangs on all the rest, so all is generated as one.
        texts = documents(contracts)
        made = contracts.memory.once("models", "*", tuple(texts.items()), lambda: _generate(texts))
        return {path: _module(code, files.get(path.removesuffix(".py"))) for path, code in made.items() if path != INIT}

    def make(unknown: list[str]) -> dict[str, str]:
        wanted = {name for module in unknown for items in closures[module].values() for name in items}
        made = _generate(_texts(contracts, _by_module(listed, wanted, order)))
        return {
            module: _module(ordered(made[f"{module}.py"], [item.name for item in modules[module]]), files[module])
            for module in unknown
        }

    depends = {module: (files[module], *_depends(contracts, closures[module])) for module in modules}
    return {f"{module}.py": text for module, text in contracts.memory.batch("models", depends, make).items()}


def _mutual(
    contracts: ContractSet, listed: Mapping[str, Definition], closures: Mapping[str, Mapping[str, object]]
) -> bool:
    """Say whether two definitions or two modules refer to each other, at any remove."""
    circling = [name for name in listed if holds_itself(contracts, name)]
    if any(name in reach(contracts, to) for name in circling for to in reach(contracts, name) if to != name):
        return True
    return any(module in closures[to] for module in closures for to in closures[module] if to != module)


def _by_module(
    listed: Mapping[str, Definition], names: Iterable[str], order: Mapping[str, int]
) -> dict[str, dict[str, Definition]]:
    """Sort the definitions of these names that are models by their modules, each in the order it was written."""
    found: dict[str, dict[str, Definition]] = {}
    for name in sorted(listed.keys() & names, key=order.__getitem__):
        found.setdefault(listed[name].module, {})[name] = listed[name]
    return found


def _depends(contracts: ContractSet, below: Mapping[str, Mapping[str, Definition]]) -> tuple[object, ...]:
    # Which names are enumerations, and of which modules, is part of how a reference is written.
    names = {to for items in below.values() for name in items for to in needs(contracts, name)}
    homes = tuple(
        (name, contracts.definitions[name].module, "vocabulary" if name in contracts.enumerations else "models")
        for name in sorted(names)
    )
    return contracts.settings.package, homes, *(item for items in below.values() for item in items.values())


def documents(contracts: ContractSet) -> dict[str, str]:
    """Give the schemas that the models are made of: JSON text by module."""
    return _texts(contracts, {m: {item.name: item for item in items} for m, items in _modules(contracts).items()})


def _texts(contracts: ContractSet, modules: Mapping[str, Mapping[str, Definition]]) -> dict[str, str]:
    return {
        module: json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$defs": {name: _view(item.schema, item.module, contracts) for name, item in listed.items()},
            }
        )
        for module, listed in modules.items()
    }


def _generate(texts: Mapping[str, str]) -> dict[str, str]:
    from datamodel_code_generator import generate

    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "models"
        base.mkdir()
        for module, text in texts.items():
            (base / f"{module}.json").write_text(text, encoding="utf-8")
        result: Any = generate(base, config=_config())
    if isinstance(result, str):
        return {f"{next(iter(texts))}.py": result}
    return {"/".join(parts): text if isinstance(text, str) else text.body for parts, text in result.items()}


def _view(schema: Json, module: str, contracts: ContractSet) -> Json:
    """Copy a schema with references as the model generator wants them: by file, enumerations as classes."""
    if not isinstance(schema, Mapping):
        return schema
    copy = resolve.rebuild(schema, lambda _, child: _view(child, module, contracts))
    if copy.get("properties") and copy.pop("patternProperties", None) is not None:
        # The model generator knows named properties or patterned ones, not both: what is patterned has to get through.
        copy["additionalProperties"] = True
    reference = copy.pop("$ref", None)
    return copy if reference is None else _reference(copy, reference.removeprefix(resolve.PREFIX), module, contracts)


def _reference(copy: dict[str, Json], name: str, module: str, contracts: ContractSet) -> dict[str, Json]:
    if name in contracts.enumerations:
        if isinstance(copy.get("default"), str):
            copy["default"] = f"@@{member(name, copy['default'])}@@"
        return {**copy, "type": "string", "customTypePath": f"{contracts.settings.package}.vocabulary.{name}"}
    target = contracts.definitions[name].module
    return {**copy, "$ref": f"{'' if target == module else target + '.json'}{resolve.PREFIX}{name}"}


def _config() -> Any:
    from datamodel_code_generator import GenerateConfig
    from datamodel_code_generator.enums import DataModelType, InputFileType
    from datamodel_code_generator.enums import TargetPydanticVersion as Pydantic
    from datamodel_code_generator.format import PythonVersion
    from datamodel_code_generator.parser import LiteralType

    return GenerateConfig(
        allow_remote_refs=False,
        collapse_root_models=False,
        custom_file_header="# models",
        disable_future_imports=True,
        disable_timestamp=True,
        enum_field_as_literal=LiteralType.All,
        formatters=[],
        input_file_type=InputFileType.JsonSchema,
        output_model_type=DataModelType.PydanticV2BaseModel,
        schema_version="2020-12",
        skip_root_model=True,
        snake_case_field=False,
        strict_nullable=True,
        strict_refs=True,
        target_pydantic_version=Pydantic("2.12"),
        target_python_version=PythonVersion.PY_311,
        type_mappings=[f"string+{kind}=string" for kind in _FORMATS],
        use_annotated=True,
        use_default_kwarg=True,
        use_double_quotes=True,
        use_exact_imports=True,
        use_missing_sentinel=True,
        use_schema_description=True,
        use_standard_collections=True,
        use_title_as_name=True,
        use_type_alias=True,
        use_union_operator=True,
    )


def _module(code: str, file: str | None) -> str:
    """Give the text of a module that the model generator made of a contract file, or of several."""
    text = _MARKED_DEFAULT.sub(r"\2", code.removeprefix("# models").lstrip("\n"))
    # The sentinel's first home is deprecated since pydantic 2.14, its second unknown before: the core has it in both.
    text = text.replace("from pydantic.experimental.missing_sentinel import", "from pydantic_core import")
    # A server answers its first call without most of its models: each is built when it is first used.
    text = text.replace("ConfigDict(", "ConfigDict(\n        defer_build=True,")
    doc = docstring(f"Models of contracts/{file}." if file else "Models that refer to one another.")
    return f"{header(*([file] if file else []))}{doc}\n{text}"
