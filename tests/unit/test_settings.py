"""Settings: three shapes on the wire, bad values and unknown keys told, docs that match."""

import json
from pathlib import Path

import pytest

from server.settings import SECTION, Settings, json_schema, markdown_table, options_of, resolve


def resolved(*layers: object) -> tuple[Settings, list[str]]:
    warnings: list[str] = []
    return resolve(*layers, warn=warnings.append), warnings


@pytest.mark.parametrize(
    "layer",
    [
        {"rename": {"engine": "client"}},
        {"rename.engine": "client"},
        {"namewright": {"rename": {"engine": "client"}}},
        {"namewright.rename.engine": "client"},
    ],
)
def test_keys_may_be_nested_dotted_or_wrapped(layer: object) -> None:
    assert resolved(layer) == (Settings(rename_engine="client"), [])


def test_later_layers_win_and_null_means_unset() -> None:
    settings, warnings = resolved(
        {"candidates": 3, "scope": "body"}, None, {"candidates": 7, "scope": None}
    )
    assert (settings.candidates, settings.scope, warnings) == (7, "body", [])


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        ({"candidates": "many"}, "namewright.candidates must be of type integer, not string"),
        ({"candidates": True}, "namewright.candidates must be of type integer, not boolean"),
        ({"candidates": 0}, "namewright.candidates must be from 1 to 20, not 0"),
        ({"scope": "world"}, "namewright.scope must be one of definition, body, not 'world'"),
        ({"minimumProbability": float("nan")}, "must be from 0.0 to 1.0"),
        ({"useContext": 1}, "must be of type boolean, not int"),
        ({"colour": "red"}, "unknown setting namewright.colour"),
        ([1, 2], "the settings must be an object, not array"),
        ("text", "the settings must be an object, not string"),
        ({"namewright": 3}, "the settings must be an object"),
    ],
)
def test_what_is_wrong_is_told_and_the_default_holds(layer: object, told: str) -> None:
    settings, warnings = resolved(layer)
    assert settings == Settings()
    assert len(warnings) == 1
    assert told in warnings[0]


def test_a_whole_number_is_a_probability() -> None:
    settings, warnings = resolved({"minimumProbability": 0})
    assert (settings.minimum_probability, warnings) == (0.0, [])


def test_every_setting_accepts_its_own_default() -> None:
    layer = {key: default for key, (_, default, _) in options_of().items()}
    assert resolved(layer) == (Settings(), [])


def test_schema_and_table_name_every_setting() -> None:
    schema = json_schema()
    assert list(schema) == [f"{SECTION}.{key}" for key in options_of()]
    assert json.loads(json.dumps(schema)) == schema
    assert all(f"`{name}`" in markdown_table() for name in schema)


def test_the_page_of_settings_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8").endswith(markdown_table())
