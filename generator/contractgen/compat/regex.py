"""Read a pattern as a small automaton, as far as it is regular; anchors are kept as edges that not every place allows.

The characters are those jsonschema-rs means: `\\d` and `\\w` are ASCII, `.` is anything but a line feed.
What is not regular (lookaround, back references) or not read here (`\\p`, `\\b`) raises Unreadable.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LAST = 0x10FFFF
Ranges = tuple[tuple[int, int], ...]
START, END = "^", "$"
MOST_STATES = 4000

DIGIT: Ranges = ((48, 57),)
WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
SPACE: Ranges = ((9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
                 (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF))  # fmt: skip
_CLASSES = {"d": DIGIT, "w": WORD, "s": SPACE}
_CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "0": 0}


class Unreadable(ValueError):
    """Report a pattern that this reader does not know."""


@dataclass
class Nfa:
    """Hold an automaton: by state, the edges on characters and the edges without (with the anchor they need, or "")."""

    on: list[list[tuple[Ranges, int]]] = field(default_factory=list)
    free: list[list[tuple[str, int]]] = field(default_factory=list)
    start: int = 0
    accept: int = 0

    def state(self) -> int:
        """Add a state."""
        if len(self.on) >= MOST_STATES:
            raise Unreadable("too large")
        self.on.append([])
        self.free.append([])
        return len(self.on) - 1


def complement(ranges: Ranges) -> Ranges:
    """Give the characters outside."""
    out, after = [], 0
    for low, high in sorted(ranges):
        if low > after:
            out.append((after, low - 1))
        after = max(after, high + 1)
    return (*out, (after, LAST)) if after <= LAST else tuple(out)


def read(pattern: str) -> Nfa:
    """Build the automaton of every text that has a match of the pattern anywhere in it."""
    reader = _Reader(pattern)
    nfa = reader.nfa
    before, after = nfa.state(), nfa.state()
    start, accept = reader.either()
    if reader.at < len(pattern):
        raise Unreadable("a closing bracket too many")
    anything: Ranges = ((0, LAST),)
    nfa.on[before].append((anything, before))
    nfa.on[after].append((anything, after))
    nfa.free[before].append(("", start))
    nfa.free[accept].append(("", after))
    nfa.start, nfa.accept = before, after
    return nfa


class _Reader:
    """Read a pattern from left to right, each part as a pair of states."""

    def __init__(self, pattern: str) -> None:
        self.text, self.at, self.nfa = pattern, 0, Nfa()

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def take(self) -> str:
        if self.at >= len(self.text):
            raise Unreadable("ends too soon")
        self.at += 1
        return self.text[self.at - 1]

    def either(self) -> tuple[int, int]:
        parts = [self.sequence()]
        while self.peek() == "|":
            self.take()
            parts.append(self.sequence())
        start, end = self.nfa.state(), self.nfa.state()
        for first, last in parts:
            self.nfa.free[start].append(("", first))
            self.nfa.free[last].append(("", end))
        return start, end

    def sequence(self) -> tuple[int, int]:
        start = end = self.nfa.state()
        while self.peek() not in ("", "|", ")"):
            first, last = self.repeated()
            self.nfa.free[end].append(("", first))
            end = last
        return start, end

    def repeated(self) -> tuple[int, int]:
        begin = self.at
        part = self.atom()
        finish = self.at
        least, most = self.count()
        if (least, most) == (1, 1):
            return part
        start = end = self.nfa.state()
        for number in range(most if most is not None else least + 1):
            first, last = part if number == 0 else self.again(begin, finish)
            into, out = self.nfa.state(), self.nfa.state()
            self.nfa.free[end].append(("", into))
            self.nfa.free[into].append(("", first))
            self.nfa.free[last].append(("", out))
            if number >= least:
                self.nfa.free[into].append(("", out))
                if most is None:
                    self.nfa.free[out].append(("", into))
            end = out
        return start, end

    def again(self, begin: int, finish: int) -> tuple[int, int]:
        here, self.at = self.at, begin
        part = self.atom()
        assert self.at == finish
        self.at = here
        return part

    def count(self) -> tuple[int, int | None]:
        sign = self.peek()
        if sign not in ("*", "+", "?", "{") or (sign == "{" and not self.braced()):
            return 1, 1
        self.take()
        bounds: tuple[int, int | None] = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(sign, (0, None))
        if sign == "{":
            inside = self.text[self.at : self.text.index("}", self.at)]
            self.at += len(inside) + 1
            low, comma, high = inside.partition(",")
            bounds = int(low), int(low) if not comma else int(high) if high else None
        if self.peek() == "?":
            self.take()
        if max(bounds[0], bounds[1] or 0) > MOST_STATES:
            raise Unreadable("too large")
        return bounds

    def braced(self) -> bool:
        inside, closed, _ = self.text[self.at + 1 :].partition("}")
        low, _, high = inside.partition(",")
        if not (closed and low.isdecimal() and (not high or high.isdecimal())):
            raise Unreadable("a brace that counts nothing")
        return True

    def atom(self) -> tuple[int, int]:
        sign = self.take()
        if sign == "(":
            return self.group()
        start, end = self.nfa.state(), self.nfa.state()
        if sign in (START, END):
            self.nfa.free[start].append((sign, end))
            return start, end
        if sign in "*+?{}])":
            raise Unreadable(f"an odd {sign}")
        ranges = self.ranges(sign)
        self.nfa.on[start].append((ranges, end))
        return start, end

    def ranges(self, sign: str) -> Ranges:
        if sign == ".":
            return complement(((10, 10),))
        if sign == "[":
            return self.bracket()
        return self.escape() if sign == "\\" else ((ord(sign), ord(sign)),)

    def group(self) -> tuple[int, int]:
        if self.peek() == "?":
            if self.text[self.at : self.at + 2] != "?:":
                raise Unreadable("a group that looks around")
            self.at += 2
        part = self.either()
        if self.take() != ")":
            raise Unreadable("an open group")
        return part

    def escape(self) -> Ranges:
        sign = self.take()
        if sign.lower() in _CLASSES:
            ranges = _CLASSES[sign.lower()]
            return ranges if sign.islower() else complement(ranges)
        if sign in _CONTROLS:
            code = _CONTROLS[sign]
        elif sign in "xu":
            digits = 2 if sign == "x" else 4
            try:
                code = int(self.text[self.at : self.at + digits], 16)
            except ValueError:
                raise Unreadable("an escape without its digits") from None
            self.at += digits
        elif sign.isalnum():
            raise Unreadable(f"\\{sign}")
        else:
            code = ord(sign)
        return ((code, code),)

    def bracket(self) -> Ranges:
        negated = self.peek() == "^"
        if negated:
            self.take()
        found: list[tuple[int, int]] = []
        while (sign := self.take()) != "]":
            if sign == "[" or (sign in "&-~" and self.peek() == sign):
                raise Unreadable("a class in a class")
            low = self.escape() if sign == "\\" else ((ord(sign), ord(sign)),)
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", "") and len(low) == 1:
                self.take()
                sign = self.take()
                high = self.escape() if sign == "\\" else ((ord(sign), ord(sign)),)
                found.append((low[0][0], high[0][1]))
            else:
                found += low
        return complement(tuple(found)) if negated else tuple(sorted(found))
