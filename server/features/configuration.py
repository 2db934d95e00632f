"""Settings by all three roads: with initialize, asked of the client, or sent when they change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from lsprotocol import types as lsp

from server.errors import NamewrightError
from server.session import Session
from server.settings import SECTION

_ANSWER_SECONDS = 1.0


async def ask_configuration(session: Session) -> None:
    """Ask the client for this server's section, where the client can answer."""
    if not session.profile.configuration:
        return
    question = lsp.ConfigurationParams([lsp.ConfigurationItem(section=SECTION)])
    with suppress(NamewrightError, TimeoutError):
        answers = await asyncio.wait_for(
            session.client.request(lsp.WORKSPACE_CONFIGURATION, question), _ANSWER_SECONDS
        )
        answer = as_json(answers)
        if isinstance(answer, list) and answer:
            session.configure("workspace", cast(list[object], answer)[0])


async def register_configuration(session: Session) -> None:
    """Ask to be told when the section changes, where the client wants to be asked."""
    if not session.profile.registers_configuration:
        return
    registration = lsp.Registration(
        id="namewright-configuration",
        method=lsp.WORKSPACE_DID_CHANGE_CONFIGURATION,
        register_options={"section": SECTION},
    )
    with suppress(NamewrightError, TimeoutError):
        await asyncio.wait_for(
            session.client.request(
                lsp.CLIENT_REGISTER_CAPABILITY, lsp.RegistrationParams([registration])
            ),
            _ANSWER_SECONDS,
        )


async def change_configuration(session: Session, params: lsp.DidChangeConfigurationParams) -> None:
    """The settings changed: they are in the message, or to be asked for."""
    sent = as_json(params.settings)
    if isinstance(sent, Mapping):
        options = cast(Mapping[str, object], sent)
        if SECTION in options:
            session.configure("workspace", options[SECTION])
            return
        if session.profile.configuration or not options:
            await ask_configuration(session)
            return
        # Clients without sections send the options of this server alone.
        session.configure("workspace", options)
    elif sent is None or session.profile.configuration:
        await ask_configuration(session)
    else:
        session.configure("workspace", sent)


def as_json(value: object) -> object:
    """Plain JSON of what the protocol library made of it (objects become named tuples)."""
    as_dict = getattr(value, "_asdict", None)
    if callable(as_dict):
        value = as_dict()
    if isinstance(value, Mapping):
        return {key: as_json(one) for key, one in cast(Mapping[str, object], value).items()}
    if isinstance(value, (list, tuple)):
        return [as_json(one) for one in cast(list[object], value)]
    return value
