"""What runs without a shell, what needs one, and why."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundry_contracts.models.formats_plan import CommandLine
from foundry_mcp.machine.command_line import ShellNeeded, parse_command

PLAIN = [
    ("pytest tests/ -v", ["pytest", "tests/", "-v"], "."),
    ("  make  \n", ["make"], "."),
    ("cd foundry-mcp && python -m pytest -v", ["python", "-m", "pytest", "-v"], "foundry-mcp"),
    ("cd './a b'/c/ && make", ["make"], "a b/c"),
    ("cd . && make", ["make"], "."),
    ("cd src", ["cd", "src"], "."),
    ("python -c \"import x; print('a|b > c')\"", ["python", "-c", "import x; print('a|b > c')"], "."),
    ("grep '$HOME `x` *?' \"a;b&&c\"", ["grep", "$HOME `x` *?", "a;b&&c"], "."),
    ('echo "\\$HOME \\"q\\" \\n"', ["echo", '$HOME "q" \\n'], "."),
    ("echo a\\ b\\*c '' x'y'\"z\"", ["echo", "a b*c", "", "xyz"], "."),
    ("echo a=b x#y a~b 'two\nlines'", ["echo", "a=b", "x#y", "a~b", "two\nlines"], "."),
    ("Run the tests and look", ["Run", "the", "tests", "and", "look"], "."),
]
SHELL = [
    ("a | b", "a pipe"),
    ("a; b", "a sequence of commands"),
    ("a && b", "several commands joined by &&"),
    ("cd a && cd b && c", "several commands joined by &&"),
    ("cd a b && c", "several commands joined by &&"),
    ("cd a &&", "a command that is missing"),
    ("", "a command that is missing"),
    ("a || b", "a pipe"),
    ("a &", "a background job"),
    ("a > out", "a redirection"),
    ("a < in", "a redirection"),
    ("a $HOME", "an expansion with $"),
    ('a "$HOME"', "an expansion with $"),
    ("a `b`", "a command substitution"),
    ('a "`b`"', "a command substitution"),
    ("(a)", "a subshell"),
    ("a *.py", "a file pattern"),
    ("a file?", "a file pattern"),
    ("a [ab]", "a file pattern"),
    ("a {b,c}", "a brace expansion"),
    ("a ~/x", "a home folder written as ~"),
    ("cd ~ && a", "a home folder written as ~"),
    ("A=1 b", "a variable set for one command"),
    ("cd x && A=1 b", "a variable set for one command"),
    ("! a", "a negation"),
    ("a # why", "a comment"),
    ("a\nb", "several lines"),
    ("a \\\n b", "a backslash at the end of a line"),
    ("a 'b", "a quote that is never closed"),
    ('a "b', "a quote that is never closed"),
    ("a\0b", "a NUL character"),
    ("cd /etc && a", "a change to a folder outside the workspace"),
    ("cd a/../.. && b", "a change to a folder outside the workspace"),
    ("cd - && b", "an option of cd"),
    ("a\u00a0b", "a character that only a shell gives meaning to"),
]


@pytest.mark.parametrize(("text", "argv", "cwd"), PLAIN)
def test_a_plain_command_is_split(text: str, argv: list[str], cwd: str) -> None:
    assert parse_command(text) == CommandLine(argv=argv, cwd=cwd)


@pytest.mark.parametrize(("text", "reason"), SHELL)
def test_a_command_that_needs_a_shell_says_why(text: str, reason: str) -> None:
    assert parse_command(text) == ShellNeeded(reason)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
def test_quoted_words_come_back_as_they_are(words: list[str]) -> None:
    assert parse_command(shlex.join(words)) == CommandLine(argv=words, cwd=".")
