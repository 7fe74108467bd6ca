"""Programs with verbs, as git has them: which verb a call uses, and whether a loop may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from foundry_contracts.tables import GUARDED_VERB_VALUES, GuardedVerbValues
from foundry_contracts.vocabulary import GuardReason
from foundry_mcp.guard.protected import Protected
from foundry_mcp.guard.shell_words import is_open
from foundry_mcp.guard.verdict import Refused

_CONFIGURES: Final = "-c"
_MOVES: Final = "-C"
# Options of one letter whose value may stand right behind them: what follows is no option.
_VALUED_LETTERS: Final = frozenset("mFCctboSJ")
_SHORTEST: Final = 4
# From the top of the repository, all but what is named, and the like.
_MAGIC: Final = ":"
_ASKS: Final = frozenset({"--get", "--get-all", "--get-regexp", "--list", "-l"})


def hold_verb(program: str, words: Sequence[str], protected: Protected, folders: Sequence[str]) -> None:
    """Refuse a call of a program of GUARDED_VERB_VALUES that is for a person, or changes what it may not."""
    known = GUARDED_VERB_VALUES[program]
    verb, rest, folders = _verb_of(program, words, known, folders)
    if verb is None:
        return
    if is_open(verb) or verb not in (*known.reads, *known.changes):
        raise Refused(GuardReason.COMMAND_RESERVED, f"{program} {'…' if is_open(verb) else verb}")
    _hold_options(program, verb, rest, known)
    # Where a setting is only asked for, its name is no harm.
    if verb in known.configures and not _ASKS & set(rest):
        for word in rest:
            _hold_setting(program, word, known)
    if verb in known.whole and all(word.startswith("-") for word in rest):
        rest = [*rest, "."]
    for word in rest:
        if verb in known.changes and word.startswith(_MAGIC):
            raise Refused(GuardReason.NOT_UNDERSTOOD, f"{program} {verb} with a path that is a pattern")
        if verb in known.changes:
            protected.hold_write(word, folders)
        else:
            protected.hold_read(word, folders)


def _verb_of(
    program: str, words: Sequence[str], known: GuardedVerbValues, folders: Sequence[str]
) -> tuple[str | None, Sequence[str], Sequence[str]]:
    """Give the verb, what follows it, and the folders it may work in."""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in known.reads:
        option, _, value = words[at].partition("=")
        if option in known.valued:
            value = value or (words[at + 1] if at + 1 < len(words) else "")
            at += "=" not in words[at]
            if option == _CONFIGURES:
                _hold_setting(program, value, known, all_open=True)
            elif option == _MOVES:
                folders = [*folders, *(f"{folder}/{value}" for folder in folders)]
            elif option.startswith(("--exec", "--config")):
                raise Refused(GuardReason.COMMAND_RESERVED, f"{program} {option}")
        elif is_open(option):
            raise Refused(GuardReason.NOT_UNDERSTOOD, f"{program} with options that are not written out")
        at += 1
    return (words[at] if at < len(words) else None), words[at + 1 :], folders


def _hold_setting(program: str, word: str, known: GuardedVerbValues, *, all_open: bool = False) -> None:
    if all_open and is_open(word):
        raise Refused(GuardReason.NOT_UNDERSTOOD, f"{program} with a setting that is not written out")
    name = word.partition("=")[0]
    if name.casefold().startswith(known.settings):
        raise Refused(GuardReason.COMMAND_RESERVED, f"{program} with the setting {name}")


def _hold_options(program: str, verb: str, rest: Sequence[str], known: GuardedVerbValues) -> None:
    refused = (*_words(known.reserved_options.get(verb)), *_words(known.runs.get(verb)))
    for word in rest:
        option = word.partition("=")[0]
        if word == "--":
            return
        for each in refused:
            if option == each or _abbreviates(option, each) or (_is_letter(each) and each[1] in _letters(word)):
                raise Refused(GuardReason.COMMAND_RESERVED, f"{program} {verb} {each}")


def _words(listed: object) -> tuple[str, ...]:
    return tuple(map(str, listed)) if isinstance(listed, (tuple, list)) else ()


def _is_letter(option: str) -> bool:
    return len(option) == 2 and option[0] == "-"


def _abbreviates(option: str, full: str) -> bool:
    return len(option) >= _SHORTEST and option.startswith("--") and full.startswith(option)


def _letters(word: str) -> Iterator[str]:
    if word.startswith("-") and not word.startswith("--"):
        for letter in word[1:]:
            yield letter
            if letter in _VALUED_LETTERS:
                return
