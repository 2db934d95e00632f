"""Files of any age become UTF-8."""

from __future__ import annotations

import pytest

from dataset.decoding import to_utf8

CASES = [
    ("ascii", b"a = 1\n", "a = 1\n"),
    ("utf-8", "é = 1\n".encode(), "é = 1\n"),
    ("byte-order mark", b"\xef\xbb\xbfa = 1\n", "a = 1\n"),
    ("declared", "# coding: cp1251\ns = 'я'\n".encode("cp1251"), "# coding: cp1251\ns = 'я'\n"),
    ("second line", b"#!/x\n# -*- coding: latin-1 -*-\n\xe9", "#!/x\n# -*- coding: latin-1 -*-\né"),
    ("undeclared", b"s = '\xe9'\n", "s = 'é'\n"),
    ("unknown codec", b"# coding: nonsense\ns = '\xe9'\n", "# coding: nonsense\ns = 'é'\n"),
    ("not a text codec", b"# coding: hex\ns = '\xe9'\n", "# coding: hex\ns = 'é'\n"),
]


@pytest.mark.parametrize(("data", "text"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_decodes(data: bytes, text: str) -> None:
    assert to_utf8(data).decode() == text
