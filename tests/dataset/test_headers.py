"""Files under a copyleft licence of their own are told by their headers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dataset.__main__ import main
from dataset.headers import has_foreign_copyleft, names_copyleft
from tests.dataset.git_repository import commit, functions, make_repository

LESSER = (
    "# This program is free software; you can redistribute it under the\n"
    "# terms of the GNU Lesser General\n# Public License, version 2.1 or later.\n"
)
DOCSTRING = '"""Grids.\n\nYou may copy this\nfrom here under the terms of the\nGNU GPL v3."""\n'
CHOICE = "# Free under either the MIT licence or the GNU General Public License, version 2.\n"


@pytest.mark.parametrize(
    ("copyleft", "source"),
    [
        (True, "#!/usr/bin/env python\n# SPDX-License-Identifier: GPL-3.0-or-later\n"),
        (True, LESSER),
        (True, DOCSTRING),
        (True, "# Subject to the terms of the Mozilla Public\n#   License, v. 2.0.\n"),
        (True, '__author__ = "Ann"\n__license__ = "LGPL"\n'),
        (True, "import os\n\n__licence__ = 'GPL v2'\n"),
        (True, "# Copyright Ann, AGPLv3\n"),
        (False, "# SPDX-License-Identifier: GPL-2.0-only OR MIT\n"),
        (False, CHOICE),
        (False, "# Under the Python licence, which is GPL-compatible.\n"),
        (False, "# Licensed under the Apache License, Version 2.0.\n"),
        (False, 'import os\n\nTEXT = "GNU General Public License"\n'),
        (False, 'def licence_of(text):\n    """Finds the GNU General Public License."""\n'),
        (False, "# Pictures are released under tests/mpl, drawn with mpl 3.\n"),
        (False, ""),
    ],
)
def test_headers(copyleft: bool, source: str) -> None:
    assert names_copyleft(source.encode()) is copyleft


@pytest.mark.parametrize(
    ("licence", "foreign"),
    [("MIT", True), ("BSD-3-Clause", True), ("LGPL-2.1", False), ("unknown", False), ("", False)],
)
def test_it_depends_on_the_repository(licence: str, foreign: bool) -> None:
    assert has_foreign_copyleft(LESSER.encode(), licence) is foreign


def test_such_a_file_is_counted_and_left_out(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "clones/ann/app")
    files = {"own.py": functions("rows", 2), "taken.py": LESSER + functions("cells", 3)}
    sha = commit(repository, dict(files))
    for licence, rows, left_out in (("MIT", 2, 1), ("LGPL-2.1", 5, 0)):
        manifest = tmp_path / f"{licence}.tsv"
        manifest.write_text(f"ann/app\t{sha}\t{licence}\n")
        out = tmp_path / licence
        given = ["build", "--manifest", str(manifest), "--repositories", str(tmp_path / "clones")]
        assert main([*given, "--validation", "0", "--test", "0", "--out", str(out)]) == 0
        counts = json.loads((out / "stats.json").read_text())["counts"]
        assert counts["rows: train"] == rows
        assert counts.get("file: copyleft header", 0) == left_out


def test_pairs_leave_it_out(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "app")
    text = LESSER + functions("cells", 1)
    commit(
        repository,
        {
            "LICENSE": "Permission is hereby granted, free of charge, to any person"
            " obtaining a copy",
            "taken.py": text,
        },
    )
    commit(repository, {"taken.py": text.replace("load_cells_0", "read_table")})
    out = tmp_path / "pairs.jsonl"
    assert main(["pairs", "--repo", str(repository), "--out", str(out)]) == 0
    assert out.read_text() == ""
    (counts,) = [json.loads(path.read_text()) for path in Path(f"{out}.parts").iterdir()]
    assert counts["file: copyleft header"] == 1
