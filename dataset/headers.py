"""Tells files whose own header puts them under a copyleft licence, whatever their repository says.

Permissive projects carry such files of other authors; the repository's licence does not cover them.
"""

from __future__ import annotations

import re

from dataset.licences import UNKNOWN

COPYLEFT_HEADER = "copyleft header"
_HEAD = 6_000
# The header ends where the code begins, but for a setting such as `__license__ = "GPL"`.
_CODE = re.compile(
    r"^(?:import [\w., ]+$|from [\w.]+ import\b|(?:async )?def \w+\(|class \w+[(:])", re.MULTILINE
)
_SETTING = re.compile(r"^__licen[cs]e__\s*=.*$", re.MULTILINE)
_FAMILIES = r"(?:[LA]?GPL|[la]?gpl|MPL|EPL|EUPL|CDDL|OSL|CC[- ]BY[- ](?:NC[- ])?SA)"
_SPDX = re.compile(r"SPDX-License-Identifier:\s*([^\r\n]+)")
_FULL_NAME = re.compile(
    r"GNU (?:Affero |Lesser |Library )?(?:General )?Public Licen[cs]e"
    r"|Mozilla Public Licen[cs]e|Eclipse Public Licen[cs]e|European Union Public Licen[cs]e"
    r"|Common Development and Distribution Licen[cs]e|Attribution-(?:NonCommercial-)?ShareAlike",
    re.IGNORECASE,
)
# A short name says something only beside a word of licensing or with its version.
_SHORT_NAME = re.compile(
    rf"\b(?i:licen[cs]e[ds]?|under|terms|copying|released|distributed)\b.{{0,60}}?\b{_FAMILIES}\b"
    rf"|\b{_FAMILIES}(?:[ -]?[vV](?:ersion)?\.? ?|[- ])\d"
    rf"|\b{_FAMILIES} [lL]icen[cs]e"
)
_NOT_MEANT = re.compile(rf"\b(?:non|not|un)[- ]?{_FAMILIES}\b|{_FAMILIES}[- ][cC]ompatible")
_CHOICE = re.compile(r"\b(?:dual|tri|either|or)\b", re.IGNORECASE)
_PERMISSIVE = re.compile(
    r"\b(?:MIT|[23]?-?(?:clause )?BSD|Apache|ISC|PSF|Python licen[cs]e)\b", re.I
)


def has_foreign_copyleft(data: bytes, licence: str) -> bool:
    """Whether a file is under a copyleft licence and its repository under a permissive one."""
    if licence in ("", UNKNOWN) or re.search(rf"\b{_FAMILIES}\b", licence, re.IGNORECASE):
        return False
    return names_copyleft(data)


def names_copyleft(data: bytes) -> bool:
    """Whether the comments, docstring and settings above the code tell of a copyleft licence.

    A file that also may be used under a permissive one (`GPL-2.0 OR MIT`) is not such a file.
    """
    head = data[:_HEAD].decode(errors="replace")
    code = _CODE.search(head)
    header = "\n".join([head[: code.start()] if code else head, *_SETTING.findall(head)])
    identifier = _SPDX.search(header)
    if identifier is not None:
        found, flat = re.search(_FAMILIES, identifier.group(1)), identifier.group(1)
    else:
        flat = _NOT_MEANT.sub(" ", " ".join(re.sub(r"[#*_=\"']+", " ", header).split()))
        found = _FULL_NAME.search(flat) or _SHORT_NAME.search(flat)
    if found is None:
        return False
    around = flat[max(0, found.start() - 120) : found.end() + 120]
    return not (_CHOICE.search(around) and _PERMISSIVE.search(around))
