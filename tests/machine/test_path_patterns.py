"""What a pattern of paths names."""

from __future__ import annotations

import pytest

from foundry_mcp.machine.path_patterns import PathPatterns, leads_outside

NAMED = [
    ("tests", ["tests", "tests/a.py", "tests/deep/a.py"], ["tests2/a.py", "src/tests/a.py", "test"]),
    ("tests/", ["tests/a.py"], ["tests2"]),
    ("./tests//unit", ["tests/unit/a.py"], ["tests/a.py"]),
    ("tests/**", ["tests/a.py", "tests/deep/a.py"], ["tests2/a.py"]),
    ("**/conftest.py", ["conftest.py", "a/conftest.py", "a/b/conftest.py"], ["a/conftest.pyc", "conftest.py2"]),
    ("tests/*.py", ["tests/a.py", "tests/.py"], ["tests/deep/a.py", "tests/a.pyc"]),
    ("tests/*", ["tests/a.py", "tests/deep/a.py", "tests/.hidden"], ["tests2/a"]),
    ("t?st", ["test", "tast"], ["tst", "t/st"]),
    ("[ab].py", ["a.py", "b.py"], ["c.py", "ab.py"]),
    ("[!ab].py", ["c.py"], ["a.py", "/.py"]),
    ("[]", ["[]"], ["a"]),
    ("a.b", ["a.b"], ["axb"]),
    ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a/xb", "b"]),
    (".github", [".github/workflows/ci.yml"], ["github"]),
    ("a b\nc", ["a b\nc"], ["a b"]),
]


@pytest.mark.parametrize(("pattern", "named", "others"), NAMED)
def test_a_pattern_names_what_it_says_and_all_in_a_folder(pattern: str, named: list[str], others: list[str]) -> None:
    patterns = PathPatterns([pattern])
    assert [path for path in named if not patterns.name(path)] == []
    assert [path for path in others if patterns.name(path)] == []


@pytest.mark.parametrize(("pattern", "named", "others"), NAMED)
def test_every_folder_on_the_way_to_what_is_named_is_reached(pattern: str, named: list[str], others: list[str]) -> None:
    patterns = PathPatterns([pattern])
    for path in named:
        folders = path.split("/")[:-1]
        assert all(patterns.reach("/".join(folders[:depth])) for depth in range(len(folders) + 1)), path


def test_folders_that_lead_nowhere_are_not_reached() -> None:
    patterns = PathPatterns(["tests/unit/*.py", "ci"])
    assert [folder for folder in ("src", "tests/other", "tests2", "node_modules") if patterns.reach(folder)] == []
    assert not PathPatterns([]).reach("")


@pytest.mark.parametrize("path", ["/etc/passwd", "~/x", "../x", "a/../../x", ".."])
def test_a_path_that_leads_outside_is_told_by_its_words(path: str) -> None:
    assert leads_outside(path)
    assert not leads_outside("a..b/..c")
