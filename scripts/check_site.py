"""Checks the built documentation: links lead somewhere, nothing is fetched from elsewhere.

python scripts/check_site.py site
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser loads by itself when it opens a page; other addresses wait for a click.
LOADED = {"img": "src", "script": "src", "source": "srcset", "iframe": "src", "video": "src"}
LOADING_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch"}


class Page(HTMLParser):
    """Collects the places of a page, its links and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of one element."""
        values = {name: value or "" for name, value in attrs}
        self.places |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and LOADING_LINKS & set(values.get("rel", "").split()):
            self.loaded.append(values["href"])
        elif values.get(LOADED.get(tag, "")):
            self.loaded.append(values[LOADED[tag]])


def problems(site: Path) -> Iterator[str]:
    """One line for each link or file that is not as it should be."""
    pages = {path: read(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        shown = path.relative_to(site)
        for address in page.loaded:
            if urlsplit(address).netloc:
                yield f"{shown}: loads {address}"
        for address in (*page.links, *page.loaded):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or path.name == "404.html":
                continue
            target = resolve(site, path, unquote(parts.path))
            if not target.is_file():
                yield f"{shown}: {address} leads nowhere"
            elif parts.fragment and target in pages and not has(pages[target], parts.fragment):
                yield f"{shown}: {address} has no such place"
    for style in sorted(site.rglob("*.css")):
        if "url(http" in style.read_text(encoding="utf-8") or "url(//" in style.read_text("utf-8"):
            yield f"{style.relative_to(site)}: loads from elsewhere"


def read(path: Path) -> Page:
    """A page's places and links."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def has(page: Page, fragment: str) -> bool:
    """Whether a page has the place; the theme's script makes those of its own toggles."""
    return unquote(fragment) in page.places or fragment.startswith("__")


def resolve(site: Path, page: Path, address: str) -> Path:
    """The file that a server answers with."""
    if not address:
        return page
    base = site if address.startswith("/") else page.parent
    target = (base / address.lstrip("/")).resolve()
    return target / "index.html" if target.is_dir() else target


def main() -> int:
    """Print what is wrong; the exit status is 1 when something is."""
    site = Path(sys.argv[1]).resolve()
    found = list(problems(site))
    pages = len(list(site.rglob("*.html")))
    if not pages:
        found.append(f"{site}: no pages; build them first")
    for line in found:
        sys.stderr.write(f"check_site: {line}\n")
    print(f"{pages} pages, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
