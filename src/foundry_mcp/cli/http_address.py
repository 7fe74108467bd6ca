"""HOST:PORT among a command's words: where a server is to listen for HTTP."""

from __future__ import annotations

import argparse

_LAST_PORT = 65535


def add_http(parser: argparse.ArgumentParser, told: str) -> None:
    """Add the option, which gives a host and a port."""
    parser.add_argument("--http", type=_place, metavar="HOST:PORT", help=told)


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT, as in 127.0.0.1:8765")
    return host.removeprefix("[").removesuffix("]"), int(port)
