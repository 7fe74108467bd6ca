"""However a word is quoted it is the same word: held against a real shell, and against what is refused."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from foundry_contracts.vocabulary import GuardReason
from foundry_mcp.guard.shell_script import commands_of
from foundry_mcp.guard.shell_words import Variables, is_open, made_out
from foundry_mcp.guard.verdict import Refused
from tests.guard.workplace import Workplace

_SAFE = "abcxyz/._-09"
_TRICKY = _SAFE + " '\"\\$`;&|<>(){}[]*?!#~=,:%@^+\n\t"


def _escaped(text: str) -> str:
    # A backslash before the end of a line takes both away.
    return "".join(f"'{char}'" if char == "\n" else f"\\{char}" for char in text)


def _single(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _double(text: str) -> str:
    return '"' + "".join(f"\\{char}" if char in '"\\$`' else char for char in text) + '"'


def _ansi(text: str) -> str:
    return "$'" + "".join(f"\\x{ord(char):02x}" for char in text) + "'"


def _octal(text: str) -> str:
    return "$'" + "".join(f"\\{ord(char):03o}" for char in text) + "'"


_QUOTES: list[Callable[[str], str]] = [_escaped, _single, _double, _ansi, _octal]


@st.composite
def quoted(draw: st.DrawFn, text: str) -> str:
    """Write a text as a shell's word, in pieces that are each quoted in some way."""
    pieces = []
    while text:
        size = draw(st.integers(1, len(text)))
        pieces.append(draw(st.sampled_from(_QUOTES))(text[:size]))
        text = text[size:]
        if draw(st.booleans()):
            pieces.append(draw(st.sampled_from(["''", '""', "\\\n", "$''"])))
    return "".join(pieces)


@st.composite
def words_and_line(draw: st.DrawFn) -> tuple[list[str], str]:
    words = draw(st.lists(st.text(_TRICKY, min_size=1, max_size=8), min_size=1, max_size=4))
    return words, " ".join(draw(quoted(word)) for word in words)


@settings(max_examples=150, deadline=None)
@given(words_and_line())
def test_quoted_words_are_read_as_a_shell_reads_them(given_: tuple[list[str], str]) -> None:
    words, line = given_
    with tempfile.TemporaryDirectory() as empty:
        printed = subprocess.run(
            ["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True, cwd=empty, env={"PATH": "/bin"}
        ).stdout.decode()
    assert printed.split("\0")[:-1] == words
    (command,) = commands_of(f"x {line}")
    assert [text for word in command.words[1:] for text in made_out(word, Variables({}))] == words


@settings(max_examples=300, deadline=None)
@given(st.text(_SAFE + " '\"\\$(){}", max_size=30))
def test_what_is_read_at_all_is_read_as_a_shell_reads_it(text: str) -> None:
    try:
        found = commands_of(f"printf '%s\\0' x {text}")
    except Refused:
        return
    if len(found) != 1 or found[0].redirects:
        return
    ours = [each for word in found[0].words[2:] for each in made_out(word, Variables({}))]
    if any(map(is_open, ours)):
        return
    with tempfile.TemporaryDirectory() as empty:
        line = f"set -f; printf '%s\\0' x {text}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, cwd=empty, env={"PATH": "/bin"})
    if done.returncode == 0:
        assert done.stdout.decode().split("\0")[:-1] == ours


_WRAPPERS = [
    "{}",
    "true; {}",
    "true && {}",
    "true | {}",
    "({})",
    "{{ {}; }}",
    "if true; then {}; fi",
    "for i in 1; do {}; done",
    "case x in *) {};; esac",
    "f() {{ {}; }}; f",
    "echo $({})",
    'echo "$({})"',
    "echo `{}`",
    "echo ${{x:-$({})}}",
    "cat <({})",
    "cat <<E\n$({})\nE",
    "FOO=1 {}",
    "env {}",
    "env -i FOO=1 {}",
    "command {}",
    "nohup {} &",
    "timeout 5 {}",
    "xargs {}",
    "time {}",
    "! {}",
    "ls # harmless\n{}",
    "[[ -n $({}) ]]",
]


@st.composite
def wrapped(draw: st.DrawFn, *words: str) -> str:
    """Write a command of some words, quoted in any way, inside of some others."""
    line = " ".join(draw(quoted(word)) for word in words)
    for wrapper in draw(st.lists(st.sampled_from(_WRAPPERS), max_size=3)):
        # Inside backticks others would have to be escaped.
        line = line if "`" in wrapper and ("`" in line or "\\" in line) else wrapper.format(line)
    return line


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_reserved_command_is_refused_however_it_is_written(workplace: Workplace, data: st.DataObject) -> None:
    line = data.draw(wrapped("git", "push"))
    assert workplace.judged(line) is not None


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_spec_is_not_removed_however_it_is_written(workplace: Workplace, data: st.DataObject) -> None:
    path = data.draw(
        st.sampled_from(
            ["specs", "./specs", "src/../specs", "specs/active/greeter.json", f"{workplace.workspace}/specs"]
        )
    )
    line = data.draw(wrapped("rm", "-rf", path))
    assert workplace.judged(line) is not None


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_key_is_not_read_however_it_is_written(workplace: Workplace, data: st.DataObject) -> None:
    line = data.draw(wrapped("cat", f"{workplace.state}/work-1/keys/mac.secret"))
    assert workplace.judged(line) is not None


@settings(max_examples=500, deadline=None)
@given(line=st.one_of(st.text(max_size=60), st.text("ab '\"\\$(){}[]<>;&|`#\n*?~=!-", max_size=60)))
def test_any_text_is_judged_and_none_breaks_the_judge(workplace: Workplace, line: str) -> None:
    assert workplace.judged(line) in (None, *GuardReason)
