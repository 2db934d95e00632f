"""Licences are told by their texts."""

from __future__ import annotations

import pytest

from dataset.licences import detect_licence


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("Permission is hereby granted, free of charge, to any\nperson obtaining a copy", "MIT"),
        ("Apache License\n   Version 2.0, January 2004", "Apache-2.0"),
        ("Redistribution and use in source and binary forms\nare permitted", "BSD-2-Clause"),
        (
            "Redistribution and use in source and binary forms. Neither the name of X",
            "BSD-3-Clause",
        ),
        ("GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007", "GPL-3.0"),
        ("GNU LESSER GENERAL PUBLIC LICENSE Version 3", "LGPL"),
        ("All rights reserved.", "unknown"),
        ("", "unknown"),
    ],
)
def test_detects(text: str, licence: str) -> None:
    assert detect_licence(text) == licence
