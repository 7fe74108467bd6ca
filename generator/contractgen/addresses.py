"""Say which definition a reference leads to: of a file by its path or `$id`, and in it by pointer or anchor.

Once lowered a definition is known by its name alone, so nothing below one can be referred to, and a `$dynamicRef` has
to lead to one definition whoever follows it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from contractgen.contract_file import Document
from contractgen.model import Finding, Json, Origin
from contractgen.nearest import hint

ID, ANCHOR, DYNAMIC_ANCHOR, DYNAMIC = "$id", "$anchor", "$dynamicAnchor", "$dynamicRef"
ANCHORS = (ANCHOR, DYNAMIC_ANCHOR)


@dataclass(frozen=True, slots=True)
class Index:
    """Say in which file each definition stands, and by which other words it is known."""

    files: Mapping[str, str]
    known: frozenset[str]
    # The address that references in a file are relative to, and back: its path, unless it has an $id.
    bases: Mapping[str, str]
    addressed: Mapping[str, str]
    # By file and anchor, the definition; by dynamic anchor, every definition that has it.
    anchors: Mapping[tuple[str, str], str]
    dynamic: Mapping[str, tuple[str, ...]]


def words(document: Document) -> tuple[str, ...]:
    """List all of a document that an index is made of."""
    found = [document.file, document.data.get(ID, "")]
    for name, raw in document.data.get("$defs", {}).items():
        found += [name, *(f"{key} {raw[key]}" for key in ANCHORS if key in raw)]
    return tuple(found)


def index(documents: Iterable[Document]) -> tuple[Index, list[Finding]]:
    """List every definition of the set; what is given twice is a finding that names both places."""
    making = _Making()
    for document in documents:
        making.add(document)
    dynamic = {anchor: tuple(names) for anchor, names in making.dynamic.items()}
    known = frozenset(making.bases)
    return Index(making.files, known, making.bases, making.addressed, making.anchors, dynamic), making.findings


class _Making:
    """Hold an index while it is made."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.bases: dict[str, str] = {}
        self.addressed: dict[str, str] = {}
        self.anchors: dict[tuple[str, str], str] = {}
        self.dynamic: dict[str, list[str]] = {}
        self.findings: list[Finding] = []

    def add(self, document: Document) -> None:
        file = document.file
        self.bases[file] = base = document.data.get(ID, file)
        other = self.addressed.setdefault(base, file)
        if other != file:
            self._twice(Origin(file, f"/{ID}"), f"{base} is also the {ID} of {other}.")
        for name, raw in document.data.get("$defs", {}).items():
            origin = Origin(file, f"/$defs/{name}")
            if name in self.files:
                self._twice(origin, f"{name} is also defined in {self.files[name]}#/$defs/{name}.")
            self.files.setdefault(name, file)
            for key in (key for key in ANCHORS if key in raw):
                self._anchor(key, raw[key], name, origin)

    def _anchor(self, key: str, anchor: str, name: str, origin: Origin) -> None:
        other = self.anchors.setdefault((origin.file, anchor), name)
        if other != name:
            self._twice(origin.at(key), f'The anchor "{anchor}" of {name} is also that of {other}.')
        if key == DYNAMIC_ANCHOR:
            self.dynamic.setdefault(anchor, []).append(name)

    def _twice(self, origin: Origin, message: str) -> None:
        self.findings.append(Finding("unique-name", origin, message, "Rename one of the two, or refer to one."))


def parted(reference: str, file: str, places: Index) -> tuple[str, str]:
    """Part a reference that stands in a file into the file it names, if there is one, and what it names there."""
    address, _, fragment = reference.partition("#")
    base = places.bases[file]
    if not address:
        return file, fragment
    if urlsplit(base).scheme or urlsplit(address).scheme:
        whole = urljoin(base, address)
    else:
        whole = posixpath.normpath(posixpath.join(posixpath.dirname(file), address))
    return places.addressed.get(whole, whole), fragment


def name_of(reference: str, file: str, places: Index) -> str | None:
    """Name the definition that a reference leads to; None where it leads to none."""
    target, fragment = parted(reference, file, places)
    if not fragment.startswith("/"):
        return places.anchors.get((target, fragment))
    name = fragment.removeprefix("/$defs/")
    return name if fragment.startswith("/$defs/") and places.files.get(name) == target else None


def dangling(reference: str, places: Index, origin: Origin) -> Finding:
    """Say why a reference leads nowhere, and what it may have been meant to be."""
    target, fragment = parted(reference, origin.file, places)
    name = fragment.removeprefix("/$defs/")
    message = f'"{reference}" leads nowhere'
    message += (
        f": {target} defines no {name}."
        if target in places.known
        else f": there is no file {target}.{hint(target, places.known)}"
    )
    elsewhere = places.files.get(name)
    if elsewhere is None:
        anchors = [anchor for file, anchor in places.anchors if file == target]
        remedy = f"Define it, or name a definition that exists.{hint(name, [*places.files, *anchors])}"
        return Finding("ref-resolves", origin, message, remedy)
    here = posixpath.relpath(elsewhere, posixpath.dirname(origin.file) or ".")
    if urlsplit(places.bases[origin.file]).scheme or places.bases[elsewhere] != elsewhere:
        here = places.bases[elsewhere]
    path = "" if elsewhere == origin.file else here
    return Finding("ref-resolves", origin, message, f'Write "{path}#/$defs/{name}".')


def ambiguous(reference: str, name: str, places: Index, origin: Origin) -> Iterator[Finding]:
    """Say that a `$dynamicRef` means another definition for one who comes from elsewhere."""
    anchor = reference.partition("#")[2]
    others = [other for other in places.dynamic.get(anchor, ()) if other != name]
    if name in places.dynamic.get(anchor, ()) and others:
        message = f'"{reference}" leads to {name} or to {" or ".join(others)}, by who follows it.'
        remedy = "Give one of them another anchor, or refer to the one that is meant."
        yield Finding("dynamic-reference", origin, message, remedy)


def misplaced(schema: Mapping[str, Json], origin: Origin, definition: bool) -> Iterator[Finding]:
    """Find names that stand where nothing can be led to: anchors below a definition, an `$id` but at a file's root."""
    for key in (ID, *(() if definition else ANCHORS)):
        if key in schema:
            where = "at a file's root" if key == ID else "at a definition"
            remedy = "Remove it." if key == ID else "Move the schema to $defs, and refer to it there."
            yield Finding("anchor-placed", origin.at(key), f"{key} stands {where}, and not here.", remedy)
