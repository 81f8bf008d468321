"""Write the generated parts of the documentation again."""

from __future__ import annotations

from tests.docs.generated import FILES, filled

for _path in FILES.values():
    _path.write_text(filled(_path.read_text("utf-8")), "utf-8")
