"""Pages of Markdown in the terminal, with code as it is written."""

from __future__ import annotations

from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Markdown, MarkdownElement
from rich.syntax import Syntax


class _Code(CodeBlock):
    """A block of code in the terminal's own colours, without added breaks, margins and blanks: it can be copied."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = Syntax("", self.lexer_name, theme="ansi_dark").highlight(str(self.text))
        text.rstrip()
        text.no_wrap, text.overflow = True, "ignore"
        yield text


class UncroppedMarkdown(Markdown):
    """Markdown whose blocks of code may be wider than the terminal: to be printed without cropping."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": _Code,
        "code_block": _Code,
    }
