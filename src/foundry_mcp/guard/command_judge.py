"""Whether a loop may run a command line: every command in it has to be told, and allowed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Final

from foundry_contracts.tables import (
    GUARDED_VARIABLE_VALUES,
    GUARDED_VERB_VALUES,
    PROGRAM_INTERPRETER_VALUES,
    PROGRAM_KIND_INFO,
    PROGRAM_WRAPPER_VALUES,
)
from foundry_contracts.vocabulary import GuardReason, ProgramKind
from foundry_mcp.guard.code_judge import hold_code
from foundry_mcp.guard.program_words import changes_in_place, marks_of, opened, parted
from foundry_mcp.guard.protected import Protected
from foundry_mcp.guard.shell_pieces import STREAM, Command, Word, plain, unreadable
from foundry_mcp.guard.shell_script import OPENERS, commands_of
from foundry_mcp.guard.shell_words import ANY, Variables, assignment, is_open, made_out, value_of
from foundry_mcp.guard.verb_judge import hold_verb
from foundry_mcp.guard.verdict import Refused
from foundry_mcp.places import PRODUCT

_KINDS: Final = {program: kind for kind, known in PROGRAM_KIND_INFO.items() for program in known.programs}
_KNOWN: Final = {
    name.casefold(): name
    for name in (*_KINDS, *GUARDED_VERB_VALUES, *PROGRAM_WRAPPER_VALUES, *PROGRAM_INTERPRETER_VALUES)
}
_VERSIONED: Final = re.compile(r"(python|pypy|perl|ruby|node|php|lua)[\d.]+", re.IGNORECASE)
_BACKTICKS_RUN: Final = frozenset({"perl", "ruby", "php"})
_MOST_FOLDERS: Final = 16
_DEEPEST: Final = 8
_MOVES: Final = frozenset({"cd", "pushd"})
_SAY_FOLDERS: Final = ("PWD", "OLDPWD")
_SAYS_VARIABLES: Final = frozenset({"export", "declare", "local", "readonly", "typeset"})
_SEARCH_RUNS: Final = frozenset({"-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"})
_SEARCH_CHANGES: Final = frozenset({"-delete", "-fprint", "-fprint0", "-fprintf", "-fls"})
_LINKS: Final = re.compile(r"-[a-zA-Z]*[lst]|--link|--symbolic-link|--target-directory")
# With these a copy or a move does not lie under its own name in what the last word names.
_LIES_ELSEWHERE: Final = re.compile(r"-[a-zA-Z]*[tT]|--target-directory|--no-target-directory|--parents")
_MOVER: Final = "mv"
_INPUTS: Final = frozenset({"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
_NO_FILE: Final = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"})


class CommandJudge:
    """Judge the command lines of one tool call."""

    def __init__(self, protected: Protected, folder: str, environ: Mapping[str, str]) -> None:
        self._protected = protected
        self._variables = Variables({**environ, "PWD": folder})
        self._folders = [folder]
        self._depth = 0

    def hold(self, line: str) -> None:
        """Refuse a command line of which any command may not be."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise unreadable("command lines in one another")
        for command in commands_of(line):
            self._hold_redirects(command)
            words = list(command.words)
            while words and (found := assignment(words[0])):
                self._assign(*found)
                words = words[1:]
            if words:
                self._hold_words(words, command)
        self._depth -= 1

    def _hold_redirects(self, command: Command) -> None:
        for redirect in command.redirects:
            target = value_of(redirect.target, self._variables)
            if target in _NO_FILE or (redirect.sign in (">&", "<&") and target.rstrip("-").isdecimal()):
                continue
            if redirect.sign == "<":
                self._protected.hold_read(target, self._folders)
            else:
                self._protected.hold_write(target, self._folders)

    def _assign(self, name: str, value: Word) -> None:
        text = value_of(value, self._variables)
        self._hold_variable(name)
        self._protected.hold_read(text, self._folders)
        self._variables.assign(name, text)

    @staticmethod
    def _hold_variable(name: str) -> None:
        for known in GUARDED_VARIABLE_VALUES.values():
            if name.startswith(known.beginnings):
                raise Refused(GuardReason.COMMAND_RESERVED, f"the variable {name}")

    def _hold_words(self, words: Sequence[Word], command: Command) -> None:
        first = plain(words[0])
        if first in ("for", "select", "case"):
            self._hold_list(words)
        elif first == "function":
            # Its name, and the bracket that may stand before the first command.
            rest = [word for word in words[2:] if plain(word) != "{"]
            if rest:
                self._hold_words(rest, command)
        elif first == "coproc":
            self._hold_words(words[1:], command)
        else:
            self._hold_argv([text for word in words for text in made_out(word, self._variables)], command)

    def _hold_list(self, words: Sequence[Word]) -> None:
        """Hold what a loop or a choice goes through; its variable is open from here on."""
        for word in words[1:]:
            for text in made_out(word, self._variables):
                self._protected.hold_read(text, self._folders)
        name = plain(words[1]) if len(words) > 1 else None
        if plain(words[0]) != "case" and name is not None:
            self._hold_variable(name)
            self._variables.open(name)

    def _hold_argv(self, argv: Sequence[str], command: Command) -> None:
        """Refuse a command, given as its words, that may not be."""
        program, rest = argv[0], argv[1:]
        if is_open(program) or not program or program in OPENERS or "=" in program:
            raise Refused(GuardReason.NOT_UNDERSTOOD, "a program that is not written out")
        self._protected.hold_read(program, self._folders)
        for word in rest:
            self._protected.hold_read(word, self._folders)
        name = os.path.basename(program)
        # Some file systems take a name in capitals for the same.
        name = _VERSIONED.sub(r"\1", name)
        name = _KNOWN.get(name.casefold(), name)
        if name in GUARDED_VERB_VALUES:
            hold_verb(name, rest, self._protected, self._folders)
        elif name in PROGRAM_WRAPPER_VALUES:
            self._hold_wrapped(name, rest, command)
        elif name in PROGRAM_INTERPRETER_VALUES:
            self._hold_interpreter(name, rest, command)
        elif name in ("eval", "trap"):
            self._hold_line(" ".join(rest if name == "eval" else rest[:1]))
        else:
            self._hold_kind(name, _KINDS.get(name), rest, command)

    def _hold_line(self, line: str) -> None:
        if is_open(line):
            raise unreadable("a command line that is put together as it runs")
        self.hold(line)

    def _hold_kind(self, name: str, kind: ProgramKind | None, rest: Sequence[str], command: Command) -> None:
        if kind is ProgramKind.RESERVED:
            raise Refused(GuardReason.COMMAND_RESERVED, name)
        if kind is ProgramKind.SEARCHER:
            self._hold_search(name, rest, command)
        elif kind is ProgramKind.SHELL:
            self._hold_shell(name, rest, command)
        elif name == _MOVER:
            for word in rest[:-1]:
                self._protected.hold_write(word, self._folders)
            self._hold_target(rest)
        elif kind is ProgramKind.REMOVER:
            for word in rest:
                self._protected.hold_write(word, self._folders)
        elif kind is ProgramKind.COPIER and not any(_LINKS.match(word) for word in rest):
            self._hold_target(rest)
        elif kind is ProgramKind.READER:
            self._take_in(name, rest)
        else:
            for word in rest:
                self._protected.hold_named(word, self._folders)

    def _hold_target(self, rest: Sequence[str]) -> None:
        """Hold the last word of a copy or a move."""
        target = rest[-1] if rest else ""
        if any(_LIES_ELSEWHERE.match(word) for word in rest):
            self._protected.hold_write(target, self._folders)
        else:
            sources = [word for word in rest[:-1] if not word.startswith("-")]
            self._protected.hold_put(sources, target, self._folders)

    def _take_in(self, name: str, rest: Sequence[str]) -> None:
        """Take in what a command of the shell changes for those after it."""
        if name in _MOVES:
            target = next((word for word in rest if not word.startswith("-") or word == "-"), "~")
            # Whether it is reached cannot be told: what follows may be in any of them.
            moved = [os.path.normpath(os.path.join(folder, target)) for folder in self._folders]
            self._folders = list(dict.fromkeys([*self._folders, *moved]))
            for variable in _SAY_FOLDERS:
                self._variables.open(variable)
            if len(self._folders) > _MOST_FOLDERS:
                raise unreadable("so many changes of folder")
        elif name in _SAYS_VARIABLES:
            for word in rest:
                variable, equals, value = word.partition("=")
                if equals:
                    self._hold_variable(variable)
                    self._variables.assign(variable, value)
        elif name in ("read", "printf", "mapfile"):
            for word in rest if name != "printf" else rest[1:2]:
                self._variables.open(word)
        elif name == "alias" and any("=" in word for word in rest):
            raise unreadable("a name for another command")

    def _hold_shell(self, name: str, rest: Sequence[str], command: Command) -> None:
        words = list(rest)
        while words and words[0].startswith(("-", "+")) and words[0] != "-":
            option = words.pop(0)
            if not option.startswith("--") and "c" in option:
                line = next((word for word in words if not word.startswith("-")), None)
                if line is None:
                    raise unreadable("a shell without its command line")
                return self._hold_line(line)
            if option in ("-o", "+o", "-O", "--rcfile", "--init-file") and words:
                words.pop(0)
        if words and words[0] == STREAM:
            raise unreadable("a shell that is given its commands as it runs")
        if words and words[0] not in _INPUTS and "-s" not in rest:
            for word in words:
                self._protected.hold_named(word, self._folders)
            return None
        if command.given is None:
            raise unreadable("a shell that is given its commands as it runs")
        return self._hold_line(command.given)

    def _hold_wrapped(self, name: str, rest: Sequence[str], command: Command) -> None:
        known = PROGRAM_WRAPPER_VALUES[name]
        words = list(rest)
        if known.verbs:
            if not words or words[0] not in known.verbs:
                return self._hold_kind(name, None, rest, command)
            words.pop(0)
        before = known.before
        while words:
            word = words[0]
            if word.startswith("-"):
                option = word.partition("=")[0]
                if option in known.asks:
                    return None
                if is_open(word) or any(option == line or word.startswith(line) for line in known.lines):
                    raise unreadable(f"{name} with a command line of its own")
                valued = word in known.valued
                # What it names may be the folder that the program runs in, or a file that it writes.
                self._protected.hold_named(words[1] if valued and len(words) > 1 else word, self._folders)
                words = words[2:] if valued else words[1:]
            elif name == "env" and (found := re.match(r"([A-Za-z_]\w*)=", word)):
                self._hold_variable(found.group(1))
                words = words[1:]
            elif before:
                before, words = before - 1, words[1:]
            else:
                break
        if name == "xargs":
            # What it reads comes after its words, or in the place of a mark, and may be anything.
            marks = marks_of(rest)
            words = [opened(word, marks) for word in words or ["echo"]] + [ANY]
        return self._hold_argv(words, command) if words else None

    def _hold_interpreter(self, name: str, rest: Sequence[str], command: Command) -> None:
        known = PROGRAM_INTERPRETER_VALUES[name]
        codes, module, files = parted(known, rest)
        if module is not None and module.casefold().startswith(PRODUCT.replace("-", "_")):
            return hold_verb(PRODUCT, files, self._protected, self._folders)
        if known.first and not codes and files:
            codes, files = [files[0]], files[1:]
        elif known.reads_input and not codes and module is None and files[:1] == [STREAM]:
            raise unreadable(f"{name} that is given its code as it runs")
        elif known.reads_input and not codes and module is None and (not files or files[0] in _INPUTS):
            asks = bool(rest) and rest[0] in ("-V", "--version", "--help", "-h", "-v")
            if command.given is None and not asks:
                raise unreadable(f"{name} that is given its code as it runs")
            codes = [command.given or ""]
        for code in codes:
            hold_code(code, self._protected.spots, backticks_run=name in _BACKTICKS_RUN)
        changes = not known.in_place or any(changes_in_place(word, known) for word in rest)
        for word in files:
            if changes:
                self._protected.hold_named(word, self._folders)
        return None

    def _hold_search(self, name: str, rest: Sequence[str], command: Command) -> None:
        # These take a pattern before the folders, and say what is found without being asked to.
        by_pattern = name.startswith("fd")
        roots = ["."] if by_pattern else []
        for word in rest:
            if word.startswith(("-", "(", "!")):
                break
            roots.append(word)
        roots = roots or ["."]
        for number, word in enumerate(rest):
            if word in _SEARCH_CHANGES:
                for root in (*roots, *rest[number + 1 : number + 2]):
                    self._protected.hold_write(root, self._folders)
            elif word in _SEARCH_RUNS:
                after = [*rest[number + 1 :]]
                if by_pattern and not any("{" in each for each in after):
                    after.append("{}")
                end = next((at for at, each in enumerate(after) if each in (";", "+")), len(after))
                for root in roots:
                    self._hold_argv([each.replace("{}", root) for each in after[:end]], command)
