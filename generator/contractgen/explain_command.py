"""What `contractgen explain ID` does: print the page of a rule."""

from __future__ import annotations

import sys

from contractgen import rulebook
from contractgen.nearest import hint


def run(word: str) -> int:
    """Print one page; 2 says that there is none of this name."""
    page = rulebook.pages().get(word)
    if page is None:
        near = hint(word, rulebook.pages()) or f" Rules: {', '.join(rulebook.pages())}."
        print(f"contractgen: nothing is named {word}.{near}", file=sys.stderr)
        return 2
    print(page.text, end="")
    return 0
