"""Which names a function may be given at all, wherever it stands."""

import keyword
import unicodedata

from server.refactoring.plan import RenameError


def check_new_name(old: str, new: str) -> str:
    """Return the new name in the form Python compares (NFKC); raises RenameError on a bad one."""
    name = unicodedata.normalize("NFKC", new.strip())
    if not name.isidentifier():
        raise RenameError(f"{new!r} is not a Python identifier; choose another name")
    if keyword.iskeyword(name):
        raise RenameError(f"{new!r} is a Python keyword; choose another name")
    if is_dunder(name):
        raise RenameError(f"{new!r} has a meaning for Python itself; choose another name")
    if is_dunder(old):
        raise RenameError(f"{old!r} is called by Python itself; renaming it would unplug it")
    if name == old:
        raise RenameError(f"the function is already called {new!r}")
    return name


def is_dunder(name: str) -> bool:
    """Whether Python or a library gives the name its meaning (`__init__`)."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")
