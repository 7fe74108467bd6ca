"""Reading spec files from a workspace."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from foundry_contracts.vocabulary import FindingCode, FindingLevel, SpecFolder
from foundry_mcp.adapters.json_text import DEPTH_LIMIT, parse_json
from foundry_mcp.adapters.spec_files import WorkspaceSpecFiles
from foundry_mcp.ports import SpecFiles, SpecUnavailable

REAL = Path(os.environ.get("FOUNDRY_SPECS", Path(__file__).parents[3] / "shared" / "specs"))
REAL_FILES = sorted(REAL.glob("*.json"))
BROKEN = "git-integration-2025-10-26-001"


def spec_text(spec_id: str, title: str = "A spec") -> str:
    return json.dumps({"spec_id": spec_id, "title": title, "phases": [{"id": "p", "tasks": [{"id": "t"}]}]})


def put(root: Path, folder: SpecFolder, spec_id: str, text: str | bytes) -> Path:
    path = root / "specs" / folder / f"{spec_id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_specs_are_listed_by_folder_and_id(tmp_path: Path) -> None:
    files: SpecFiles = WorkspaceSpecFiles(tmp_path)
    assert files.entries() == []
    put(tmp_path, SpecFolder.ACTIVE, "b", spec_text("b", "B"))
    put(tmp_path, SpecFolder.PENDING, "z", "{")
    put(tmp_path, SpecFolder.PENDING, "a", spec_text("a", "A"))
    put(tmp_path, SpecFolder.PENDING, ".hidden", spec_text("a"))
    found = [(entry.folder, entry.spec_id, entry.title) for entry in files.entries()]
    assert found == [(SpecFolder.PENDING, "a", "A"), (SpecFolder.PENDING, "z", ""), (SpecFolder.ACTIVE, "b", "B")]


def test_a_sound_spec_is_loaded(tmp_path: Path) -> None:
    path = put(tmp_path, SpecFolder.PENDING, "a", spec_text("a"))
    spec = WorkspaceSpecFiles(tmp_path).load("a")
    assert spec is not None
    assert spec.plan is not None
    assert (spec.path, spec.folder, spec.findings, len(spec.structure_digest)) == (path, SpecFolder.PENDING, (), 64)


@pytest.mark.parametrize("spec_id", ["gone", "../a", "a/b", "", ".", "..", "a\0", "a\n"])
def test_an_unknown_or_unfit_id_is_no_spec(tmp_path: Path, spec_id: str) -> None:
    put(tmp_path, SpecFolder.PENDING, "a", spec_text("a"))
    (tmp_path / "specs" / "a.json").write_text(spec_text("a"))
    assert WorkspaceSpecFiles(tmp_path).load(spec_id) is None


def test_the_active_copy_is_preferred(tmp_path: Path) -> None:
    files = WorkspaceSpecFiles(tmp_path)
    wanted = (SpecFolder.ARCHIVED, SpecFolder.COMPLETED, SpecFolder.PENDING, SpecFolder.ACTIVE)
    for folder in wanted:
        put(tmp_path, folder, "a", spec_text("a"))
        spec = files.load("a")
        assert spec is not None
        assert spec.folder is folder


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    files = WorkspaceSpecFiles(tmp_path)
    path = put(tmp_path, SpecFolder.PENDING, "a", spec_text("a"))
    first = files.load("a")
    assert files.load("a") is first
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert files.load("a") is not first


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    files = WorkspaceSpecFiles(tmp_path)
    path = put(tmp_path, SpecFolder.PENDING, "a", spec_text("a"))
    first, status = files.load("a"), path.stat()
    other = tmp_path / "other.json"
    other.write_text(spec_text("a", "B spec"))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)
    second = files.load("a")
    assert first is not None
    assert second is not None
    assert second.plan != first.plan


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "secret.json"
    outside.write_text(spec_text("a"))
    (tmp_path / "specs" / "pending").mkdir(parents=True)
    (tmp_path / "specs" / "pending" / "a.json").symlink_to(outside)
    files = WorkspaceSpecFiles(tmp_path)
    with pytest.raises(SpecUnavailable, match="leads out of the specs folder"):
        files.load("a")
    assert [entry.title for entry in files.entries()] == [""]


def test_a_folder_that_is_a_link_out_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", SpecFolder.PENDING, "a", spec_text("a"))
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "pending").symlink_to(tmp_path / "elsewhere" / "specs" / "pending")
    with pytest.raises(SpecUnavailable):
        WorkspaceSpecFiles(tmp_path).load("a")


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    path = put(tmp_path, SpecFolder.PENDING, "a", spec_text("a"))
    link = tmp_path / "specs" / "active" / "a.json"
    link.parent.mkdir()
    link.symlink_to(path)
    spec = WorkspaceSpecFiles(tmp_path).load("a")
    assert spec is not None
    assert spec.folder is SpecFolder.ACTIVE


def test_what_is_no_readable_file_is_unavailable(tmp_path: Path) -> None:
    folder = tmp_path / "specs" / "pending"
    (folder / "dir.json").mkdir(parents=True)
    os.mkfifo(folder / "pipe.json")
    (folder / "loop.json").symlink_to(folder / "loop.json")
    (folder / "lost.json").symlink_to(folder / "nowhere.json")
    for spec_id in ("dir", "pipe", "loop", "lost"):
        with pytest.raises(SpecUnavailable, match="cannot be read"):
            WorkspaceSpecFiles(tmp_path).load(spec_id)


def test_a_file_with_findings_has_no_plan(tmp_path: Path) -> None:
    put(tmp_path, SpecFolder.PENDING, "a", '{"spec_id": "b", "spec_id": "c"}')
    spec = WorkspaceSpecFiles(tmp_path).load("a")
    assert spec is not None
    assert (spec.plan, spec.structure_digest) == (None, "")
    codes = [finding.code for finding in spec.findings]
    assert codes == [FindingCode.DUPLICATE_KEY, FindingCode.ID_MISMATCH, FindingCode.MISSING_FIELD]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"a":\n  }', "line 2, column 3"),
        (b"", "line 1, column 1"),
        (b'{"a": 1}\n{', "line 2, column 1"),
        (b'{"a":\n "\xff"}', "not UTF-8 (line 2, byte 8)"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": ' + b"9" * 5000 + b"}", "number"),
        (b"[" * (DEPTH_LIMIT + 1) + b"]" * (DEPTH_LIMIT + 1), "deeper"),
        (b"[" * 200_000, "deeper"),
    ],
)
def test_a_bad_text_is_a_finding(data: bytes, told: str) -> None:
    text = parse_json(data)
    (finding,) = text.findings
    assert (text.readable, finding.code, finding.level) == (False, FindingCode.BAD_JSON, FindingLevel.ERROR)
    assert told in finding.message


def test_a_lone_surrogate_is_a_finding_where_it_stands() -> None:
    text = parse_json(b'{"a": ["\\ud83d\\ude00", "\\ud83d"], "\\udc00": 1}')
    assert [(f.code, f.pointer) for f in text.findings] == [
        (FindingCode.BAD_JSON, "/a/1"),
        (FindingCode.BAD_JSON, "/\ufffd"),
    ]
    assert text.value == {"a": ["\U0001f600", "\ufffd"], "\ufffd": 1}


def test_every_key_given_twice_is_found() -> None:
    data = b"""{
  "hierarchy": {"a/b": {"x": [0, {"k": 1,
    "k": "}{"}]},
    "\\u0061/b": {}},
  "t": ",\\"", "t": [{}, {"n": {}, "n": 1, "n": 2}]
}"""
    found = [(f.pointer, f.model_dump().get("node"), f.message.split(":")[0]) for f in parse_json(data).findings]
    assert found == [
        ("/hierarchy/a~1b/x/1/k", None, "The key 'k' is given twice (lines 2 and 3)"),
        ("/hierarchy/a~1b", "a/b", "The key 'a/b' is given twice (lines 2 and 4)"),
        ("/t", None, "The key 't' is given twice (lines 5 and 5)"),
        ("/t/1/n", None, "The key 'n' is given twice (lines 5 and 5)"),
        ("/t/1/n", None, "The key 'n' is given twice (lines 5 and 5)"),
    ]


@pytest.mark.skipif(not REAL_FILES, reason="the real files are not here")
def test_real_files_load_and_the_broken_one_says_why(tmp_path: Path) -> None:
    for path in REAL_FILES:
        put(tmp_path, SpecFolder.PENDING, path.stem, path.read_bytes())
    files = WorkspaceSpecFiles(tmp_path)
    assert [entry.spec_id for entry in files.entries() if not entry.title] == []
    loaded = {path.stem: files.load(path.stem) for path in REAL_FILES}
    assert [spec_id for spec_id, spec in loaded.items() if spec is None or spec.plan is None] == [BROKEN]
    broken = loaded[BROKEN]
    assert broken is not None
    assert [(f.code, f.pointer) for f in broken.findings] == [
        (FindingCode.DUPLICATE_KEY, "/hierarchy/task-6-2-3"),
        (FindingCode.DANGLING_CHILD, "/hierarchy/task-6-2/children/4"),
        (FindingCode.UNLISTED_CHILD, "/hierarchy/phase-1"),
        (FindingCode.UNLISTED_CHILD, "/hierarchy/phase-3"),
    ]


def test_a_number_too_large_to_write_back_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "specs" / "active"
    folder.mkdir(parents=True)
    text = '{"spec_id": "a", "budget": 1e400, "phases": [{"id": "p", "tasks": [{"id": "t"}]}]}'
    (folder / "a.json").write_text(text, encoding="utf-8")
    loaded = WorkspaceSpecFiles(tmp_path).load("a")
    assert loaded is not None
    assert loaded.plan is None
    assert [finding.code for finding in loaded.findings] == [FindingCode.BAD_JSON]
    assert "1e400" in loaded.findings[0].message
