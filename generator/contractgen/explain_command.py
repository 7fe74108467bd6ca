"""What `contractgen explain ID` does: print the page of a rule."""

from __future__ import annotations

import difflib
import sys

from contractgen import rulebook


def run(word: str) -> int:
    """Print one page; 2 says that there is none of this name."""
    page = rulebook.pages().get(word)
    if page is None:
        near = difflib.get_close_matches(word, rulebook.pages(), 1)
        hint = f"Did you mean {near[0]}?" if near else f"Rules: {', '.join(rulebook.pages())}."
        print(f"contractgen: nothing is named {word}. {hint}", file=sys.stderr)
        return 2
    print(page.text, end="")
    return 0
