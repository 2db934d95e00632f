"""What is read from the capabilities of the editors that pytest-lsp knows."""

import pytest
from lsprotocol import types as lsp
from pytest_lsp import client_capabilities

from server.features.client_profile import ClientProfile, read_profile

FLAGS = (
    "code_action_literals",
    "resolves_edit",
    "shows_disabled",
    "document_changes",
    "change_annotations",
    "apply_edit",
    "configuration",
    "progress",
)


@pytest.mark.parametrize(
    ("client", "flags"),
    [
        ("visual-studio-code", "11111111"),
        ("neovim@v0.11.0", "11000111"),
        ("neovim@v0.7.0", "11000101"),
        ("emacs", "10010111"),
    ],
)
def test_editors_differ(client: str, flags: str) -> None:
    profile = read_profile(client_capabilities(client), None)
    assert "".join(str(int(getattr(profile, flag))) for flag in FLAGS) == flags


def test_a_bare_client_can_do_nothing() -> None:
    assert read_profile(lsp.ClientCapabilities(), "utf-16") == ClientProfile()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_the_encoding_agreed_on_is_kept(encoding: str) -> None:
    assert read_profile(lsp.ClientCapabilities(), encoding).encoding == encoding


@pytest.mark.parametrize("experimental", [None, 3, {}, {"commands": 3}, {"commands": {}}])
def test_odd_announcements_are_no_commands(experimental: object) -> None:
    capabilities = lsp.ClientCapabilities(experimental=experimental)
    assert read_profile(capabilities, None).commands == frozenset()


def test_commands_are_read_from_the_announcement() -> None:
    capabilities = lsp.ClientCapabilities(experimental={"commands": {"commands": ["a.b", 3]}})
    assert read_profile(capabilities, None).commands == {"a.b"}
