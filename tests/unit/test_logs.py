"""Logging: where it goes, and that the protocol library's records lose their bodies."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from server import logs
from server.errors import NamewrightError


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in list(root.handlers):
        root.removeHandler(handler)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    logging.getLogger("pygls").setLevel(logging.NOTSET)


def test_bodies_and_tracebacks_stay_out_of_the_log(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    logs.set_up("info", file)
    log = logging.getLogger("pygls.protocol.json_rpc")
    try:
        raise ValueError("def secret(): pass")
    except ValueError:
        log.exception("Failed to handle %s %r", "textDocument/didOpen", {"text": "def secret()"})
    log.error("Unable to deserialize message\n%s", "Traceback\ndef secret()")
    log.info("Sending data: %s", "def secret(): return 1")
    text = file.read_text()
    assert "secret" not in text
    assert "Failed to handle textDocument/didOpen 'dict' (ValueError)" in text


@pytest.mark.parametrize(("level", "lines"), [("error", 0), ("warning", 1), ("nonsense", 1)])
def test_the_level_decides(tmp_path: Path, level: str, lines: int) -> None:
    file = tmp_path / "server.log"
    logs.set_up(level, file)
    logs.LOGGER.warning("told")
    assert len(file.read_text().splitlines()) == lines


def test_a_file_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(NamewrightError, match="choose another --log-file"):
        logs.set_up("info", tmp_path / "missing" / "server.log")
