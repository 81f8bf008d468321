"""Write the generated parts of the documentation again."""

from __future__ import annotations

from autumn_mock.docs import TOPICS
from tests.docs.generated import FOLDER, filled

for _name in TOPICS:
    _path = FOLDER / f"{_name}.md"
    _path.write_text(filled(_path.read_text("utf-8")), "utf-8")
