"""What the connected editor can do, read once from its capabilities; absent means it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from lsprotocol import types as lsp

from server.line_index import Encoding


@dataclass(frozen=True, slots=True)
class ClientProfile:
    """One flag per difference between editors that the features care about."""

    encoding: Encoding = "utf-16"
    code_action_literals: bool = False
    resolves_edit: bool = False
    shows_disabled: bool = False
    knows_llm_tag: bool = False
    document_changes: bool = False
    change_annotations: bool = False
    apply_edit: bool = False
    configuration: bool = False
    registers_configuration: bool = False
    progress: bool = False
    commands: frozenset[str] = frozenset()


def read_profile(capabilities: lsp.ClientCapabilities, encoding: str | None) -> ClientProfile:
    """The profile of a client; `encoding` is the position encoding agreed on."""
    text = capabilities.text_document or lsp.TextDocumentClientCapabilities()
    workspace = capabilities.workspace or lsp.WorkspaceClientCapabilities()
    action = text.code_action or lsp.CodeActionClientCapabilities()
    edit = workspace.workspace_edit or lsp.WorkspaceEditClientCapabilities()
    window = capabilities.window or lsp.WindowClientCapabilities()
    changes = workspace.did_change_configuration
    resolved = action.resolve_support.properties if action.resolve_support else ()
    tags = action.tag_support.value_set if action.tag_support else ()
    return ClientProfile(
        encoding=cast(Encoding, encoding) if encoding in ("utf-8", "utf-32") else "utf-16",
        code_action_literals=action.code_action_literal_support is not None,
        # Without `data` an action could not say at resolve time what it was about.
        resolves_edit="edit" in resolved and bool(action.data_support),
        shows_disabled=bool(action.disabled_support),
        knows_llm_tag=lsp.CodeActionTag.LlmGenerated in tags,
        document_changes=bool(edit.document_changes),
        change_annotations=bool(edit.document_changes)
        and edit.change_annotation_support is not None,
        apply_edit=bool(workspace.apply_edit),
        configuration=bool(workspace.configuration),
        registers_configuration=changes is not None and bool(changes.dynamic_registration),
        progress=bool(window.work_done_progress),
        commands=_announced_commands(capabilities.experimental),
    )


def assume_encoding(capabilities: lsp.ClientCapabilities, encoding: str) -> None:
    """Let the client agree on an encoding that it uses without saying so; empty: on its own."""
    if encoding:
        general = capabilities.general or lsp.GeneralClientCapabilities()
        general.position_encodings = [lsp.PositionEncodingKind(encoding)]
        capabilities.general = general


def _announced_commands(experimental: object) -> frozenset[str]:
    """Commands the client offers to run for servers: `experimental.commands.commands`."""
    value: object = experimental
    for key in ("commands", "commands"):
        value = (
            cast(Mapping[str, object], value).get(key)
            if isinstance(value, Mapping)
            else getattr(value, key, None)
        )
    if not isinstance(value, (list, tuple)):
        return frozenset()
    return frozenset(name for name in cast(list[object], value) if isinstance(name, str))
