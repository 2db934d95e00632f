"""Tells common licences by sentences that only they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

UNKNOWN = "unknown"
# The first match wins, so the narrower text stands before the wider one.
_SIGNS: tuple[tuple[str, str], ...] = (
    ("AGPL-3.0", r"GNU AFFERO GENERAL PUBLIC LICENSE"),
    ("LGPL", r"GNU (LESSER|LIBRARY) GENERAL PUBLIC LICENSE"),
    ("GPL-3.0", r"GNU GENERAL PUBLIC LICENSE Version 3"),
    ("GPL-2.0", r"GNU GENERAL PUBLIC LICENSE Version 2"),
    ("MPL-2.0", r"Mozilla Public License,? (Version|v\.?) ?2\.0"),
    ("Apache-2.0", r"Apache License,? Version 2\.0"),
    ("Unlicense", r"This is free and unencumbered software released into the public domain"),
    ("ISC", r"Permission to use, copy, modify, and/?(or)? distribute this software for any"),
    ("BSD-4-Clause", r"All advertising materials mentioning features"),
    (
        "BSD-3-Clause",
        r"Redistribution and use in source.*Neither the names? of",
    ),
    ("BSD-2-Clause", r"Redistribution and use in source and binary forms"),
    ("MIT", r"Permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("PSF-2.0", r"PYTHON SOFTWARE FOUNDATION LICENSE"),
    ("CC0-1.0", r"CC0 1\.0 Universal"),
)
_PATTERNS = tuple((name, re.compile(sign, re.IGNORECASE)) for name, sign in _SIGNS)


def detect_licence(text: str) -> str:
    """The SPDX-like name of a licence text, or `unknown`."""
    flat = " ".join(text.split())
    for name, pattern in _PATTERNS:
        if pattern.search(flat):
            return name
    return UNKNOWN


def is_allowed(licence: str, allowed: Sequence[str]) -> bool:
    """Whether a licence, or the family before its number (`BSD-3-Clause`: `BSD`), is listed.

    Of several, joined by commas, each must be.
    """
    known = {entry.lower() for entry in allowed}
    return all(
        each in known or each.split("-")[0] in known
        for each in (part.strip().lower() for part in licence.split(","))
    )
