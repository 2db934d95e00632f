"""What a user can set: `Settings` is what the program uses, made from the options on the wire.

Options arrive as JSON by initializationOptions, workspace/configuration or
didChangeConfiguration. A bad value or an unknown key is told once and the default holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias, cast

SECTION = "namewright"
Warn: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Option:
    """How one setting looks on the wire, and what a reader is told about it."""

    key: str
    doc: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


def _option(
    default: object,
    key: str,
    doc: str,
    *,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    option = Option(key, doc, choices, minimum, maximum)
    return field(default=default, metadata={"option": option})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default; immutable, replaced as a whole when options change."""

    predictor: str = _option(
        "auto",
        "predictor",
        "Who suggests names. `embedded` is the model shipped with Namewright, `transformers` the"
        " one of `model` on this machine's GPU, `openai` an engine at `endpoint`. `auto` is"
        " `transformers` where a model is set and fits the GPU, else `embedded`.",
        choices=("auto", "embedded", "transformers", "openai"),
    )
    candidates: int = _option(
        5, "candidates", "The most names offered for one function.", minimum=1, maximum=20
    )
    scope: str = _option(
        "definition",
        "scope",
        "Where names are offered: on the definition (decorators, signature), or in the whole body.",
        choices=("definition", "body"),
    )
    budget_ms: int = _option(
        1000,
        "budgetMs",
        "How long an invoked code action may wait for names, in milliseconds, before it offers"
        " to look for them with progress.",
        minimum=0,
        maximum=10_000,
    )
    minimum_probability: float = _option(
        0.01,
        "minimumProbability",
        "Names less probable than this are not offered.",
        minimum=0.0,
        maximum=1.0,
    )
    use_context: bool = _option(
        True,
        "useContext",
        "Whether the model may read the file name, the class, the docstring and sibling functions.",
    )
    threads: int = _option(
        0, "threads", "Threads of the embedded model; 0 chooses.", minimum=0, maximum=64
    )
    embedded_weights: str = _option(
        "",
        "embedded.weights",
        "A folder of weights for the embedded model, such as one taught with your own code; empty:"
        " those that come with Namewright.",
    )
    endpoint: str = _option(
        "",
        "endpoint",
        "Address of the OpenAI-compatible engine that the predictor `openai` asks.",
    )
    model: str = _option(
        "",
        "model",
        "The model: for `openai` the name the engine serves it under (empty: the first it lists),"
        " for `transformers` a folder, or a name of the Hugging Face hub that is on this machine.",
    )
    openai_api: str = _option(
        "auto",
        "openai.api",
        "Which of the engine's addresses is asked. `auto` is chat, or completions where the engine"
        " cannot chat.",
        choices=("auto", "chat", "completions"),
    )
    openai_timeout_seconds: int = _option(
        10,
        "openai.timeoutSeconds",
        "How long the engine may take for one answer, in seconds, retries included.",
        minimum=1,
        maximum=300,
    )
    openai_concurrency: int = _option(
        4,
        "openai.concurrency",
        "The most requests that are under way to the engine at once.",
        minimum=1,
        maximum=64,
    )
    openai_allow_insecure: bool = _option(
        False,
        "openai.allowInsecure",
        "Whether source text may travel over plain http to another machine.",
    )
    transformers_adapter: str = _option(
        "",
        "transformers.adapter",
        "A PEFT LoRA adapter for `model`: a folder, or a name of the hub that is on this machine.",
    )
    transformers_mode: str = _option(
        "memory",
        "transformers.mode",
        "`memory` keeps the weights in 4 bits (NF4) beside the adapter, `speed` in bfloat16 with"
        " the adapter merged into them (for Code Llama 7B about 5 and 14 GB).",
        choices=("memory", "speed"),
    )
    transformers_device: str = _option(
        "auto",
        "transformers.device",
        "Where the model runs: `auto` is the GPU with the most free memory; or `cuda:1`, or `cpu`.",
    )
    transformers_idle_minutes: int = _option(
        15,
        "transformers.idleMinutes",
        "The model gives the GPU's memory back after so many minutes without a question; 0: never.",
        minimum=0,
        maximum=1440,
    )
    rename_engine: str = _option(
        "namewright",
        "rename.engine",
        "Who renames: Namewright, or the editor's own rename where the client offers to take over.",
        choices=("namewright", "client"),
    )
    rename_doubtful: str = _option(
        "ask",
        "rename.doubtful",
        "Doubtful edits of a rename: `ask` shows them for confirmation where the editor can,"
        " `skip` leaves them out.",
        choices=("ask", "skip"),
    )
    hints: bool = _option(
        False,
        "hints",
        "Whether open files show hints on functions whose names fit badly, with the better names as"
        " quick fixes.",
    )
    rename_second_opinion: str = _option(
        "auto",
        "rename.secondOpinion",
        "Whether a rename asks pyright or basedpyright too, where one is installed: `auto` asks it"
        " in the background and waits for it briefly.",
        choices=("auto", "off"),
    )
    log_level: str = _option(
        "warning",
        "logLevel",
        "How much the server logs; source text appears at `debug` only.",
        choices=("error", "warning", "info", "debug"),
    )


def options_of() -> dict[str, tuple[str, object, Option]]:
    """Wire key to (field name, default, option), in the order of `Settings`."""
    return {
        (option := cast(Option, one.metadata["option"])).key: (one.name, one.default, option)
        for one in fields(Settings)
    }


def resolve(*layers: object, warn: Warn) -> Settings:
    """Settings from option objects, later ones over earlier; `warn` hears each complaint.

    Keys may be dotted (`rename.engine`) or nested; a layer may be wrapped in the section's name.
    """
    known = options_of()
    values: dict[str, Any] = {}
    for layer in layers:
        for key, value in _flat(_unwrapped(layer, warn)).items():
            if key not in known:
                warn(f"unknown setting {SECTION}.{key}; it is ignored")
                continue
            name, default, option = known[key]
            complaint = _complaint(value, default, option)
            if value is None:
                continue
            if complaint:
                warn(f"{SECTION}.{key} {complaint}; using {default!r}")
            else:
                values[name] = value
    return Settings(**values)


def json_schema() -> dict[str, object]:
    """The settings as JSON-schema properties, for an editor extension's manifest."""
    properties: dict[str, object] = {}
    for key, (_, default, option) in options_of().items():
        entry: dict[str, object] = {
            "type": _json_type(default),
            "default": default,
            "markdownDescription": option.doc,
        }
        if option.choices:
            entry["enum"] = list(option.choices)
        if option.minimum is not None:
            entry["minimum"] = option.minimum
        if option.maximum is not None:
            entry["maximum"] = option.maximum
        properties[f"{SECTION}.{key}"] = entry
    return properties


def markdown_table() -> str:
    """The settings as a Markdown table for the documentation."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for key, (_, default, option) in options_of().items():
        choices = f" One of {', '.join(f'`{choice}`' for choice in option.choices)}."
        meaning = option.doc + (choices if option.choices else "")
        rows.append(f"| `{SECTION}.{key}` | `{_as_json(default)}` | {meaning} |")
    return "\n".join(rows) + "\n"


def _unwrapped(layer: object, warn: Warn) -> Mapping[str, object]:
    if layer is None:
        return {}
    if not isinstance(layer, Mapping):
        warn(f"the settings must be an object, not {_kind(layer)}; the defaults hold")
        return {}
    options = cast(Mapping[str, object], layer)
    if set(options) == {SECTION}:
        return _unwrapped(options[SECTION], warn)
    return options


def _flat(options: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in options.items():
        name = f"{prefix}{key}".removeprefix(f"{SECTION}.")
        if isinstance(value, Mapping):
            flat.update(_flat(cast(Mapping[str, object], value), f"{name}."))
        else:
            flat[name] = value
    return flat


def _complaint(value: object, default: object, option: Option) -> str:
    """What is wrong with a value, or nothing."""
    wanted = _json_type(default)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = {
        "boolean": isinstance(value, bool),
        "string": isinstance(value, str),
        "integer": number and isinstance(value, int),
        "number": number,
    }[wanted]
    if not fits:
        return f"must be of type {wanted}, not {_kind(value)}"
    if option.choices and value not in option.choices:
        return f"must be one of {', '.join(option.choices)}, not {value!r}"
    low, high = option.minimum, option.maximum
    if low is not None and high is not None and not low <= cast(float, value) <= high:
        return f"must be from {low} to {high}, not {value!r}"
    return ""


def _json_type(default: object) -> str:
    names: dict[type[object], str] = {
        bool: "boolean",
        int: "integer",
        float: "number",
        str: "string",
    }
    return names[type(default)]


def _kind(value: object) -> str:
    names = {"dict": "object", "list": "array", "str": "string", "bool": "boolean"}
    name = type(value).__name__
    return names.get(name, name)


def _as_json(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
