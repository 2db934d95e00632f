"""Packages as they are published: code, licence and origin, without installing them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dataset.__main__ import main
from dataset.errors import DatasetError
from dataset.sources.releases import read_release

FUNCTION = "def parse_line(text):\n    parts = text.strip().split(',')\n    return parts\n"
MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy of this"
GPL = "GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007"


def make_wheel(
    folder: Path, name: str, fields: str = "", more: Mapping[str, str] | None = None
) -> Path:
    """A wheel `name` 1.0 of one module, with the header fields given."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    header = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{fields}"
    files = {
        f"{name}/lines.py": FUNCTION,
        f"{name}/data.txt": "def not_python(): pass",
        f"{name}/_vendor/other.py": FUNCTION.replace("parse_line", "parse_other"),
        f"{about}/METADATA": header + "\nAbout.\n",
        f"{about}/RECORD": f"{name}/lines.py,sha256=x,1\n",
        **{key.format(about=about): text for key, text in (more or {}).items()},
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path


@pytest.mark.parametrize(
    ("fields", "files", "licence"),
    [
        ("License-Expression: MIT OR GPL-3.0-only\n", {}, "MIT"),
        ("License-Expression: ISC AND (MIT OR GPL-3.0-only)\n", {}, "ISC, MIT"),
        ("Classifier: License :: OSI Approved :: BSD License\n", {"{about}/LICENSE": GPL}, "BSD"),
        (
            "Classifier: License :: OSI Approved :: MIT License\n"
            "Classifier: License :: OSI Approved :: GNU General Public License (GPL)\n",
            {},
            "MIT, GNU General Public License (GPL)",
        ),
        ("Classifier: License :: OSI Approved\n", {"{about}/licenses/LICENSE.txt": MIT}, "MIT"),
        ("", {"{about}/COPYING": GPL}, "GPL-3.0"),
        ("", {}, "unknown"),
    ],
)
def test_the_licence_is_the_stated_one_or_that_of_its_files(
    tmp_path: Path, fields: str, files: Mapping[str, str], licence: str
) -> None:
    assert read_release(make_wheel(tmp_path, "alpha", fields, files)).package.licence == licence


def test_documents_are_its_own_python_files(tmp_path: Path) -> None:
    wheel = read_release(make_wheel(tmp_path, "Alpha_Beta"))
    counts: Counter[str] = Counter()
    (document,) = wheel.documents(counts)
    assert (document.path, document.data) == ("Alpha_Beta/lines.py", FUNCTION.encode())
    assert (document.repository, document.commit) == ("alpha-beta", "1.0")
    assert counts == {"file: vendored folder": 1}


def test_a_corpus_leaves_out_excluded_and_unlicensed_packages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    mit = "License-Expression: MIT\n"
    make_wheel(wheels, "alpha", mit)
    make_wheel(wheels, "beta", mit + "Project-URL: Source, https://github.com/Ann/Measured.git\n")
    make_wheel(wheels, "own_name", mit)
    make_wheel(wheels, "strict", "License-Expression: GPL-3.0-only\n")
    (wheels / "torn-1.0-py3-none-any.whl").write_bytes(b"PK\x03\x04 half a file")
    excluded = tmp_path / "excluded.txt"
    excluded.write_text("ann/measured\nbob/own.name\n")
    out = tmp_path / "corpus"
    arguments = ["--path", str(wheels), "--excluded", str(excluded), "--licence", "MIT"]
    assert main(["build", "--source", "releases", *arguments, "--out", str(out)]) == 0
    told = capsys.readouterr().err
    assert "beta: ann/measured is excluded from training data" in told
    assert "own-name: bob/own.name is excluded from training data" in told
    assert "strict: has the licence GPL-3.0-only, which is not allowed" in told
    assert "torn-1.0-py3-none-any.whl: cannot be read" in told
    rows = [row for shard in out.glob("*-*.parquet") for row in pq.read_table(shard).to_pylist()]
    assert [(row["name"], row["repository"], row["licence"]) for row in rows] == [
        ("parse_line", "alpha", "MIT")
    ]


def test_what_is_no_wheel_is_told(tmp_path: Path) -> None:
    path = tmp_path / "plain-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("plain.py", FUNCTION)
    with pytest.raises(DatasetError, match="no METADATA in it; is it a wheel"):
        read_release(path)
    assert main(["build", "--source", "releases", "--path", str(tmp_path / "absent")]) == 2


def make_sdist(
    folder: Path, name: str, fields: str = "", more: Mapping[str, str] | None = None
) -> Path:
    """A source archive `name` 1.0 of one module beside its setup script."""
    path = folder / f"{name}-1.0.tar.gz"
    files = {
        "PKG-INFO": f"Metadata-Version: 1.1\nName: {name}\nVersion: 1.0\n{fields}\nAbout.\n",
        f"{name}.egg-info/PKG-INFO": "Name: another\nVersion: 2.0\n",
        f"src/{name}/lines.py": FUNCTION,
        f"{name}/_vendor/other.py": FUNCTION.replace("parse_line", "parse_other"),
        "README.rst": "def not_python(): pass",
        **(more or {}),
    }
    with tarfile.open(path, "w:gz") as archive:
        for file, text in files.items():
            data = text.encode()
            member = tarfile.TarInfo(f"{name}-1.0/{file}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    ("fields", "files", "licence"),
    [
        ("License: MIT\n", {}, "MIT"),
        ("License: The MIT License\n", {}, "MIT"),
        ("License: BSD 3-Clause\n", {}, "unknown"),
        ("License: 3-clause BSD\n", {}, "BSD"),
        ("License: Apache License, Version 2.0\n", {}, "Apache-2.0"),
        ("License: see LICENSE\n", {"LICENSE": MIT}, "MIT"),
        ("License: MIT\n", {"COPYING": GPL}, "GPL-3.0"),
        ("License: MIT\nClassifier: License :: OSI Approved :: BSD License\n", {}, "BSD"),
        ("License: MIT or whatever you like\n", {}, "unknown"),
    ],
)
def test_the_licence_of_a_source_archive(
    tmp_path: Path, fields: str, files: Mapping[str, str], licence: str
) -> None:
    assert read_release(make_sdist(tmp_path, "alpha", fields, files)).package.licence == licence


def test_documents_of_a_source_archive_lie_below_its_folder(tmp_path: Path) -> None:
    release = read_release(make_sdist(tmp_path, "Alpha_Beta"))
    counts: Counter[str] = Counter()
    (document,) = release.documents(counts)
    assert (document.path, document.data) == ("src/Alpha_Beta/lines.py", FUNCTION.encode())
    assert (document.repository, document.commit) == ("alpha-beta", "1.0")
    assert counts == {"file: vendored folder": 1}


def test_both_forms_make_one_corpus_and_damaged_archives_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    releases = tmp_path / "releases"
    releases.mkdir()
    make_wheel(releases, "alpha", "License-Expression: MIT\n")
    other = FUNCTION.replace("parse_line", "read_fields").replace("','", "';'")
    make_sdist(releases, "beta", "License: MIT\n", {"src/beta/lines.py": other})
    torn = make_sdist(releases, "torn", "License: MIT\n", {"more.py": other * 200})
    torn.write_bytes(torn.read_bytes()[:-40])
    with tarfile.open(releases / "plain-1.0.tar.gz", "w:gz"):
        pass
    out = tmp_path / "corpus"
    assert main(["build", "--source", "releases", "--path", str(releases), "--out", str(out)]) == 0
    told = capsys.readouterr().err
    assert "torn-1.0.tar.gz: cannot be read" in told
    assert "plain-1.0.tar.gz: no PKG-INFO in it; is it a source archive?" in told
    rows = [row for shard in out.glob("*-*.parquet") for row in pq.read_table(shard).to_pylist()]
    found = sorted((row["name"], row["repository"]) for row in rows)
    assert found == [("parse_line", "alpha"), ("read_fields", "beta")]
