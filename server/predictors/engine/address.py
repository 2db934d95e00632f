"""The address of an engine, and whether source text may travel there."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from server.errors import NamewrightError

_SETTING = "the setting `endpoint`"
_OPERATIONS = ("/chat/completions", "/completions", "/models")


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine listens; `base` is the path before `/chat/completions`."""

    scheme: str
    host: str
    port: int
    base: str

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent there stays on this machine."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def authority(self) -> str:
        """Host and port as they stand in an address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.base}"


def read_address(text: str, allow_insecure: bool) -> Address:
    """The address that a user wrote, with `/v1` added where there is no path.

    Raises NamewrightError when it is none, or when it would carry source text over plain http to
    another machine and `allow_insecure` does not let it.
    """
    text = text.strip()
    if not text:
        raise NamewrightError(
            f"the predictor 'openai' needs {_SETTING} (on a command line --endpoint),"
            " for example http://localhost:8000/v1"
        )
    shown = _shown(text)
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port
        host.encode("idna")
    except ValueError as error:
        raise NamewrightError(f"{_SETTING} is no address: {shown}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise NamewrightError(f"{_SETTING} must begin with https:// or http://, not {shown}")
    if parts.username is not None or parts.password is not None:
        raise NamewrightError(
            f"{_SETTING} holds a name or a key; give the key in NAMEWRIGHT_API_KEY instead"
        )
    if parts.query or parts.fragment:
        raise NamewrightError(f"{_SETTING} must end with its path (…/v1), without ? or #: {shown}")
    address = Address(
        parts.scheme, host, port or {"http": 80, "https": 443}[parts.scheme], _base(parts.path)
    )
    if address.scheme == "http" and not address.is_loopback and not allow_insecure:
        raise NamewrightError(
            f"{address} is another machine and would get source text over plain http; use https, or"
            " set `openai.allowInsecure`"
        )
    return address


def _base(path: str) -> str:
    path = path.rstrip("/")
    for operation in _OPERATIONS:
        path = path.removesuffix(operation)
    return path or "/v1"


def _shown(text: str) -> str:
    """The text without what may be a secret before an @ or after a ?."""
    text = text.partition("?")[0].partition("#")[0]
    scheme, marks, rest = text.rpartition("//")
    return f"{scheme}{marks}{rest.rpartition('@')[2]}"[:120]
