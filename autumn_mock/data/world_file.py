"""The text of a world file."""

from __future__ import annotations

import json
from typing import Any

from autumn_mock.input_files import MAX_BYTES, InputFileError, is_text


def world_text(data: Any, comment: str, *, as_json: bool = False) -> str:
    """A world as YAML that begins with a comment, or as JSON, which has none. Raises :class:`InputFileError` when it is
    larger than what is read.
    """
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n" if as_json else f"# {comment}\n{_yaml(data)}"
    if len(text.encode()) > MAX_BYTES:
        raise InputFileError(f"the world would be larger than the limit of {MAX_BYTES >> 20} MiB; take fewer customers")
    return text


def _yaml(data: Any) -> str:
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # CSafeDumper needs libyaml
        def ignore_aliases(self, _data: Any) -> bool:
            return True

    def represent_text(dumper: Any, text: str) -> Any:
        # What is a number or a word like null for the loader, and not for PyYAML, needs quotes.
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_text(text) else "'")

    Dumper.add_representer(str, represent_text)
    text: str = yaml.dump(data, Dumper=Dumper, sort_keys=False, width=120, allow_unicode=True, default_flow_style=False)
    return text
