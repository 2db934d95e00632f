"""What a published package's metadata tells: its licence and where its code lives.

The fields are those of PyPA's core metadata specification.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from email.message import Message

from dataset.licences import UNKNOWN, detect_licence

# Licence files in the folder of a package's metadata.
LICENCE_FILE = re.compile(r"[^/]+\.dist-info/(licenses/)?(LICEN[CS]E|COPYING)[^/]*", re.IGNORECASE)
_REPOSITORY = re.compile(r"(?:github|gitlab|bitbucket)\.(?:com|org)/([\w.-]+/[\w.-]+)", re.I)
_CLASSIFIERS = {
    "MIT License": "MIT",
    "BSD License": "BSD",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "The Unlicense (Unlicense)": "Unlicense",
    "Zope Public License": "ZPL",
    "Python Software Foundation License": "PSF-2.0",
}
# What authors write into the field `License`, which is free text.
_WORDS = {
    "MIT": re.compile(r"(the )?(mit|expat)([ -]licen[cs]e)?"),
    "BSD": re.compile(r"(the )?(new |modified |simplified |[23]-clause )?bsd([ -]licen[cs]e)?"),
    "Apache-2.0": re.compile(
        r"(the )?apache([ -]licen[cs]e)?,?( software license)?[ -](v|version )?2(\.0)?"
    ),
    "ISC": re.compile(r"isc([ -]licen[cs]e)?"),
}


@dataclass(frozen=True, slots=True)
class Package:
    """A package; `repositories` are those (`owner/name`) that its metadata names."""

    name: str
    version: str
    licence: str
    repositories: tuple[str, ...]

    def excluded_as(self, excluded: Collection[str]) -> str | None:
        """The excluded repository (lower-cased `owner/name`) that it is published from, or None.

        A repository of the package's own name counts as well: not all metadata says whence it is.
        """
        own = {name.lower() for name in self.repositories}
        called = normalised(self.name)
        same = (n for n in excluded if n in own or normalised(n.partition("/")[2]) == called)
        return min(same, default=None)


def read_package(metadata: Message, licence_texts: Sequence[str]) -> Package:
    """The package of a METADATA file; `licence_texts` are the licence files beside it."""
    addresses = [metadata.get("Home-page", ""), *(metadata.get_all("Project-URL") or ())]
    repositories = (
        found.removesuffix(".git")
        for address in addresses
        for found in _REPOSITORY.findall(str(address))
    )
    return Package(
        normalised(str(metadata.get("Name", ""))),
        str(metadata.get("Version", "")),
        _licence(metadata, licence_texts),
        tuple(dict.fromkeys(repositories)),
    )


def normalised(name: str) -> str:
    """The normalised form of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence(metadata: Message, texts: Sequence[str]) -> str:
    """The licence stated by an SPDX expression or by classifiers, or else told by the files.

    Where none of these tells it, the field for plain words may name a common one.

    Several that hold together are joined by commas.
    """
    expression = str(metadata.get("License-Expression", "")).strip()
    if expression:
        # Of a choice, the first will do.
        parts = (part.split(" OR ")[0].strip("() ") for part in expression.split(" AND "))
        return ", ".join(parts)
    lines = [str(line) for line in metadata.get_all("Classifier") or ()]
    leaves = [line.rpartition(" :: ")[2] for line in lines if line.startswith("License ::")]
    stated = [_CLASSIFIERS.get(leaf, leaf) for leaf in leaves if leaf != "OSI Approved"]
    told = [licence for licence in map(detect_licence, texts) if licence != UNKNOWN]
    words = " ".join(str(metadata.get("License", "")).lower().split())
    named = [licence for licence, pattern in _WORDS.items() if pattern.fullmatch(words)]
    return ", ".join(dict.fromkeys(stated or told or named)) or UNKNOWN
