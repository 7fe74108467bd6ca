"""Texts that are, or nearly are, of each format."""

from __future__ import annotations

from functools import cache
from typing import Any

SPECIMENS: dict[str, tuple[str, ...]] = {
    "date": ("2024-02-29", "2023-02-29", "2024-1-1"),
    "time": ("12:30:00Z", "12:30:00+02:00", "12:30:00", "25:00:00Z"),
    "date-time": ("2024-02-29T12:30:00Z", "2024-02-29T12:30:00.5+02:00", "2024-02-29 12:30", "2024-02-30T12:30:00Z"),
    "duration": ("P1D", "PT1H30M", "P1Y2M3DT4H5M6S", "P1", "1D", "P2W"),
    "email": ("a@example.com", "ann.b+c@example.org", "a.example.com", "@example.com"),
    "idn-email": ("a@example.com", "é@example.com", "실례@실례.테스트", "2962"),
    "hostname": ("example.com", "a-b.example", "-a.example", "a_b.example", "localhost"),
    "idn-hostname": ("example.com", "bücher.example", "실례.테스트", "-a.example"),
    "ipv4": ("127.0.0.1", "10.0.0.255", "256.0.0.1", "1.2.3"),
    "ipv6": ("::1", "2001:db8::1", "::ffff:192.0.2.1", "12345::", "1::2::3"),
    "uri": ("https://example.com/a?b#c", "urn:a:b", "mailto:a@example.com", "//example.com/a", "a b"),
    "uri-reference": ("/a/b", "a?b", "#c", "https://example.com/a", "\\\\a\\b", "a b"),
    "iri": ("https://example.com/é", "https://example.com/a", "/é", "a b"),
    "iri-reference": ("/é", "a", "#é", "\\\\a\\b"),
    "uri-template": ("/a/{b}", "https://example.com/{?c*}", "/a/{b"),
    "uuid": ("123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000", "123e4567"),
    "json-pointer": ("", "/a/b", "/a~0b/~1", "a/b", "/~2"),
    "relative-json-pointer": ("0", "1/a", "2#", "/a", "-1"),
    "regex": ("^a+$", "[a-z]", "(", "[a"),
}
TEXTS = (
    "",
    "a",
    "b",
    "zz",
    "A",
    "0",
    "-1",
    "1.5",
    "true",
    " ",
    "é",
    "\U0001f600",
    "a\U0001f600",
    "\U0001f600" * 3,
    "a b",
    "\n",
)

# A pattern that every text of a format matches
LOOKS = {
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "uuid": r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
    "ipv4": r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$",
}


@cache
def is_of(text: str, kind: str) -> bool:
    """Say whether jsonschema-rs finds a text to be of a format."""
    return _validator(kind).is_valid(text) is True


@cache
def _validator(kind: str) -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator({"format": kind}, validate_formats=True)
