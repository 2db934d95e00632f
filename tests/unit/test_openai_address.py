"""Which addresses an engine may have, and which source text must not go to."""

from __future__ import annotations

import pytest

from server.errors import NamewrightError
from server.predictors.engine.address import read_address


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("http://127.0.0.1:11434/v1/chat/completions", "http://127.0.0.1:11434/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("https://models.example.org", "https://models.example.org/v1"),
        ("https://gate.example.org:8443/team/v2", "https://gate.example.org:8443/team/v2"),
        ("  https://models.example.org/v1/models ", "https://models.example.org/v1"),
    ],
)
def test_an_address_is_read_as_it_is_meant(written: str, meant: str) -> None:
    assert str(read_address(written, allow_insecure=False)) == meant


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("", "needs the setting `endpoint`"),
        ("localhost:8000", "must begin with https:// or http://"),
        ("ftp://localhost/v1", "must begin with https:// or http://"),
        ("http://", "must begin with https:// or http://"),
        ("http://localhost:99999/v1", "is no address"),
        ("http://[::1/v1", "is no address"),
        ("https://models.example.org/v1?key=abc", "without ? or #"),
        ("http://models.example.org/v1", "plain http"),
        ("http://10.0.0.7:8000/v1", "plain http"),
        ("http://localhost.example.org/v1", "plain http"),
    ],
)
def test_what_is_no_address_is_told_in_one_line(written: str, complaint: str) -> None:
    with pytest.raises(NamewrightError) as error:
        read_address(written, allow_insecure=False)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "written",
    [
        "https://me:sesame@models.example.org/v1",
        "https://a.example.org/?token=sesame",
        "//sesame@h",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(NamewrightError) as error:
        read_address(written, allow_insecure=True)
    assert "sesame" not in str(error.value)


def test_plain_http_to_another_machine_can_be_allowed() -> None:
    address = read_address("http://10.0.0.7:8000", allow_insecure=True)
    assert not address.is_loopback
