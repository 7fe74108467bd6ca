"""A command line, read as a shell reads it: which commands it has, with their words, redirections and inputs.

Every command of it comes out in one list, wherever it stands: in a group, a branch, a loop, a function, a substitution.
Whether it would be reached is not asked. What cannot be read is refused.
"""

from __future__ import annotations

import re
from typing import Final

from foundry_mcp.guard.shell_escapes import escaped
from foundry_mcp.guard.shell_pieces import STREAM, Command, Piece, PieceKind, Redirect, Word, plain, unreadable

_DEEPEST: Final = 12
_LONGEST: Final = 60_000
OPENERS: Final = frozenset({"if", "then", "else", "elif", "fi", "while", "until", "do", "done", "{", "}", "!", "esac"})
"""Words after which a command begins."""
_NAME_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
# Quotes, and one word after another: a shell may take double brackets for a group in a group.
_NO_NUMBERS: Final = re.compile(r"""['"\\;]|\w\s+[A-Za-z_]""")


def commands_of(script: str, depth: int = 0) -> list[Command]:
    """Read a script; Refused where it cannot be read."""
    if depth > _DEEPEST or len(script) > _LONGEST:
        raise unreadable("a command line of that depth or length")
    if any(ord(char) == 0 or 0xE000 <= ord(char) <= 0xF8FF for char in script):
        raise unreadable("a command line with such characters")
    reader = _Reader(script, depth)
    reader.script(until="")
    return reader.commands


class _Reader:
    """Read one script from its first character to its last."""

    def __init__(self, text: str, depth: int) -> None:
        self.commands: list[Command] = []
        self._text = text
        self._at = 0
        self._depth = depth
        self._command = Command()
        self._cases = 0
        self._heredocs: list[tuple[Command, str, bool, bool]] = []

    def script(self, until: str) -> None:
        """Read commands up to the closing character, or to the end where there is none."""
        open_groups = 0
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == until and open_groups == 0 and not self._in_test():
                self._end()
                return
            if char in " \t" or self._looks_at("\\\n"):
                self._at += 2 if char == "\\" else 1
            elif char == "\n":
                self._at += 1
                self._end()
                self._take_heredocs()
            elif char == "#":
                self._skip_comment()
            elif char in ";&|()<>" and not self._looks_at("<(") and not self._looks_at(">("):
                open_groups += self._sign(char)
                if open_groups < 0:
                    raise unreadable("a bracket that closes nothing")
            else:
                self._take_word()
        self._end()
        if until or open_groups or self._heredocs or self._cases:
            raise unreadable("a command line that breaks off")

    # Signs between words

    def _sign(self, char: str) -> int:
        """Take an operator; give how many groups it opens."""
        if self._in_test():
            self._at += 1
            return 0
        if char in "<>" or self._looks_at("&>"):
            self._take_redirect("")
            return 0
        if self._looks_at("((") and not self._command.words:
            self._arithmetic(2)
            return 0
        if char == "(" and self._command.words and self._takes_array():
            return 0
        ended = self._looks_at(";;") or self._looks_at(";&")
        self._at += 2 if self._text[self._at : self._at + 2] in ("&&", "||", ";;", ";&", "|&") else 1
        self._end()
        if ended and self._cases:
            self._take_pattern()
        return {"(": 1, ")": -1}.get(char, 0)

    def _takes_array(self) -> bool:
        """Take the list of an assignment `name=(...)`, whose words are words like others."""
        last = self._command.words[-1]
        if self._text[self._at - 1] != "=" or last[-1].kind is not PieceKind.PLAIN:
            return False
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] != ")":
            if self._text[self._at] in " \t\n":
                self._at += 1
            else:
                self._command.words.append(self._some_word())
        self._at += 1
        self._command.words[self._command.words.index(last)] = (*last, Piece(PieceKind.UNKNOWN))
        return True

    def _take_redirect(self, descriptor: str) -> None:
        for sign in ("&>>", "<<<", "<<-", "&>", ">>", ">|", ">&", "<<", "<&", "<>", ">", "<"):
            if self._looks_at(sign):
                break
        self._at += len(sign)
        self._skip_blanks()
        target = self._word()
        if not target:
            raise unreadable("a redirection to nowhere")
        if sign in ("<<", "<<-"):
            delimiter = "".join(piece.text for piece in target)
            quoted = any(piece.kind is PieceKind.QUOTED for piece in target)
            self._heredocs.append((self._command, delimiter, quoted, sign == "<<-"))
        elif sign == "<<<":
            known = all(piece.kind in (PieceKind.PLAIN, PieceKind.QUOTED) for piece in target)
            self._command.given = "".join(piece.text for piece in target) if known else None
        else:
            self._command.redirects.append(Redirect(sign, target))

    def _take_heredocs(self) -> None:
        for command, delimiter, quoted, tabs in self._heredocs:
            lines: list[str] = []
            while True:
                if self._at >= len(self._text):
                    raise unreadable("a text that does not end")
                end = self._text.find("\n", self._at)
                end = len(self._text) if end < 0 else end
                line = self._text[self._at : end]
                self._at = end + 1
                line = line.lstrip("\t") if tabs else line
                if line == delimiter:
                    break
                lines.append(line)
            command.given = "\n".join(lines)
            if not quoted:
                self._inside(command.given)
        self._heredocs = []

    def _take_word(self) -> None:
        word = self._some_word()
        text = plain(word)
        if text is not None and text.isdecimal() and self._text[self._at : self._at + 1] in ("<", ">"):
            self._take_redirect(text)
            return
        if not self._command.words and text in OPENERS:
            self._cases -= text == "esac"
            return
        self._command.words.append(word)
        words = self._command.words
        if text == "in" and len(words) == 3 and plain(words[0]) == "case":
            self._cases += 1
            self._end()
            self._take_pattern()

    def _take_pattern(self) -> None:
        """Take the pattern of a branch; what is substituted in it is run."""
        while self._at < len(self._text):
            if self._text[self._at] in " \t\n(|":
                self._at += 1
            elif self._text[self._at] == "#":
                self._skip_comment()
            elif self._text[self._at] == ")":
                self._at += 1
                return
            else:
                if plain(self._some_word()) == "esac":
                    self._cases -= 1
                    return
        raise unreadable("a branch that breaks off")

    def _end(self) -> None:
        if self._command.words or self._command.redirects:
            self.commands.append(self._command)
        self._command = Command()

    # Words

    def _some_word(self) -> Word:
        word = self._word()
        if not word:
            raise unreadable(f"{self._text[self._at : self._at + 1]!r} where a word should be")
        return word

    def _word(self) -> Word:
        pieces: list[Piece] = []
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in " \t\n;&|" or (char in "()<>" and not self._streams()):
                if not (self._in_test() and char in "()<>&|"):
                    break
                self._add(pieces, PieceKind.PLAIN, char)
                self._at += 1
            elif char == "\\":
                if not self._looks_at("\\\n"):
                    # At the very end there is nothing that it could quote.
                    self._add(pieces, PieceKind.QUOTED, self._text[self._at + 1 : self._at + 2] or char)
                self._at += 2
            elif char == "'":
                self._add(pieces, PieceKind.QUOTED, self._single())
            elif char == '"':
                self._double(pieces)
            elif char in "<>":
                self._at += 1
                self._substitution()
                # It becomes the path of a pipe.
                self._add(pieces, PieceKind.QUOTED, STREAM)
            elif char in "$`":
                self._expansion(pieces, quoted=False)
            else:
                self._add(pieces, PieceKind.PLAIN, char)
                self._at += 1
        return tuple(pieces)

    @staticmethod
    def _add(pieces: list[Piece], kind: PieceKind, text: str) -> None:
        if pieces and pieces[-1].kind is kind and kind in (PieceKind.PLAIN, PieceKind.QUOTED):
            text = pieces.pop().text + text
        pieces.append(Piece(kind, text))

    def _streams(self) -> bool:
        return (self._looks_at("<(") or self._looks_at(">(")) and not self._in_test()

    def _single(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise unreadable("a quote that does not end")
        text = self._text[self._at + 1 : end]
        self._at = end + 1
        return text

    def _double(self, pieces: list[Piece]) -> None:
        self._at += 1
        self._add(pieces, PieceKind.QUOTED, "")
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == '"':
                self._at += 1
                return
            if char == "\\" and self._text[self._at + 1 : self._at + 2] in ("$", "`", '"', "\\", "\n"):
                after = self._text[self._at + 1]
                self._add(pieces, PieceKind.QUOTED, "" if after == "\n" else after)
                self._at += 2
            elif char in "$`":
                self._expansion(pieces, quoted=True)
            else:
                self._add(pieces, PieceKind.QUOTED, char)
                self._at += 1
        raise unreadable("a quote that does not end")

    def _expansion(self, pieces: list[Piece], *, quoted: bool) -> None:
        after = self._text[self._at + 1 : self._at + 2]
        if self._text[self._at] == "`":
            self._backticks()
            pieces.append(Piece(PieceKind.UNKNOWN))
        elif after == "(":
            self._at += 1
            if not (self._looks_at("((") and self._arithmetic(1)):
                self._substitution()
            pieces.append(Piece(PieceKind.UNKNOWN))
        elif after == "{":
            self._braced(pieces)
        elif after == "'" and not quoted:
            text, self._at = escaped(self._text, self._at + 1)
            self._add(pieces, PieceKind.QUOTED, text)
        elif after == '"' and not quoted:
            self._at += 1
        elif after in _NAME_CHARS and after:
            end = self._at + 1
            while after.isdecimal() is False and end < len(self._text) and self._text[end] in _NAME_CHARS:
                end += 1
            name = self._text[self._at + 1 : end]
            pieces.append(Piece(PieceKind.VARIABLE, name) if name else Piece(PieceKind.UNKNOWN))
            self._at = max(end, self._at + 2)
        elif after and after in "@*#?$!-":
            pieces.append(Piece(PieceKind.UNKNOWN))
            self._at += 2
        else:
            self._add(pieces, PieceKind.QUOTED if quoted else PieceKind.PLAIN, "$")
            self._at += 1

    def _substitution(self) -> None:
        """Read `(...)`, at its opening bracket, as a script of its own."""
        inner = _Reader(self._text, self._depth + 1)
        if inner._depth > _DEEPEST:
            raise unreadable("a command line of that depth")
        inner._at = self._at + 1
        inner.script(until=")")
        self.commands += inner.commands
        self._at = inner._at + 1

    def _backticks(self) -> None:
        end, inner = self._at + 1, ""
        while end < len(self._text) and self._text[end] != "`":
            if self._text[end] == "\\" and self._text[end + 1 : end + 2] in ("`", "\\", "$"):
                end += 1
            inner += self._text[end : end + 1]
            end += 1
        if end >= len(self._text):
            raise unreadable("a substitution that does not end")
        self.commands += commands_of(inner, self._depth + 1)
        self._at = end + 1

    def _arithmetic(self, opening: int) -> bool:
        """Take `((...))` at its brackets; False where it is a substitution that holds a group."""
        depth, end = 0, self._at
        while end < len(self._text):
            depth += {"(": 1, ")": -1}.get(self._text[end], 0)
            end += 1
            if depth == 0:
                break
        if depth or self._text[end - 2 : end] != "))":
            if opening == 2:
                raise unreadable("brackets that are no arithmetic")
            return False
        inner = self._text[self._at + 2 : end - 2]
        if _NO_NUMBERS.search(inner):
            raise unreadable("double brackets with what is no arithmetic")
        self._inside(inner)
        if opening == 2:
            # Some shells know no arithmetic there, and take it for a group in a group.
            self.commands += commands_of(inner, self._depth + 1)
        self._at = end
        return True

    def _braced(self, pieces: list[Piece]) -> None:
        depth, end = 0, self._at + 1
        while end < len(self._text):
            char = self._text[end]
            if char == "\\":
                end += 1
            depth += {"{": 1, "}": -1}.get(char, 0)
            end += 1
            if depth == 0:
                break
        if depth:
            raise unreadable("a variable that does not end")
        inner = self._text[self._at + 2 : end - 1]
        self._inside(inner)
        simple = bool(inner) and set(inner) <= _NAME_CHARS and not inner[0].isdecimal()
        pieces.append(Piece(PieceKind.VARIABLE, inner) if simple else Piece(PieceKind.UNKNOWN))
        self._at = end

    def _inside(self, text: str) -> None:
        """Take the commands that are substituted in a text that is no script itself."""
        inner = _Reader(text, self._depth + 1)
        if inner._depth > _DEEPEST:
            raise unreadable("a command line of that depth")
        while inner._at < len(text):
            if text[inner._at] == "\\":
                inner._at += 2
            elif text[inner._at] in "$`" and text[inner._at + 1 : inner._at + 2] not in ("'", '"'):
                inner._expansion([], quoted=True)
            else:
                inner._at += 1
        self.commands += inner.commands

    # Small things

    def _looks_at(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _in_test(self) -> bool:
        words = self._command.words
        return bool(words) and plain(words[0]) == "[[" and plain(words[-1]) != "]]"

    def _skip_blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in " \t":
            self._at += 1

    def _skip_comment(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end
