"""What clients ask and tell of the predictor beyond the protocol: its status, and a secret key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from server.features.configuration import as_json
from server.predictors.api_key import API_KEY
from server.session import Session

SET_API_KEY_METHOD = "namewright/setApiKey"


def status_of(session: Session) -> dict[str, object]:
    """The answer to the request `namewright/status`."""
    return session.status.to_wire()


def set_api_key(session: Session, params: object) -> None:
    """Take the key from the editor's secret store; the engine is asked anew with it.

    Anything but `{"key": text}` changes nothing: the message may be a client's mistake, and an
    error could repeat the secret.
    """
    value = as_json(params)
    key = cast(Mapping[str, object], value).get("key") if isinstance(value, Mapping) else None
    if isinstance(key, str) and API_KEY.give(key):
        session.renew_remote_predictor()
