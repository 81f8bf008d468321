"""The documentation at ``/_mock/docs``: the pages of :mod:`autumn_mock.docs`, rendered.

It has nothing of the state, so it needs no token.
"""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import pairwise

from flask import Blueprint, Flask, Response, abort, render_template, request
from markdown_it import MarkdownIt
from markupsafe import Markup

from autumn_mock import __version__, docs
from autumn_mock.docs import PICTURES, SECTIONS, Topic, find_topic, topics
from autumn_mock.web.page import with_headers
from autumn_mock.web.replies import text_reply

#: A link to another page of the folder, with a heading of it or without.
_LINK = re.compile(r'href="([a-z-]+)\.md((?:#[a-z0-9-]+)?)"')


def serve(app: Flask) -> None:
    """Add the pages."""
    pages = Blueprint("docs", __name__, url_prefix="/_mock/docs", template_folder="page/templates")
    pages.after_request(with_headers)
    pages.add_url_rule("", "index", _index)
    pages.add_url_rule("/<name>", "page", _page)
    pages.add_url_rule("/<name>.png", "picture", _picture)
    pages.add_url_rule("/<name>.md", "markdown", _markdown)
    app.register_blueprint(pages)


def _index() -> str:
    markdown = MarkdownIt("commonmark")
    summaries = {name: Markup(markdown.renderInline(topic.summary)) for name, topic in topics().items()}  # noqa: S704  # of this package
    words = request.args.get("q", "").strip()
    hits = [(each, slug(each.heading)) for each in docs.search(words)]
    return render_template(
        "docs_index.html", version=__version__, sections=_sections(), summaries=summaries, words=words, hits=hits
    )


def _page(name: str) -> str:
    topic = _topic(name)
    parts = re.findall(r"^## (.+)$", topic.text, re.MULTILINE)
    return render_template(
        "docs_page.html",
        version=__version__,
        sections=_sections(),
        topic=topic,
        parts=[(part.replace("`", ""), slug(part)) for part in parts],
        content=_rendered(topic),
    )


def _picture(name: str) -> Response:
    if f"{name}.png" not in PICTURES:
        abort(404)
    return Response((files(docs) / f"{name}.png").read_bytes(), content_type="image/png")


def _sections() -> dict[str, list[Topic]]:
    return {heading: [topics()[name] for name in names] for heading, names in SECTIONS.items()}


def _markdown(name: str) -> Response:
    return text_reply(_topic(name).text)


def _topic(name: str) -> Topic:
    found = find_topic(name)
    if found is None:
        abort(404)
    return found


def _rendered(topic: Topic) -> Markup:
    """The page as HTML. Comments in it mark what is generated."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = markdown.parse(topic.text)
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", slug(inline.content))
        if inline.children and (picture := inline.children[0]).type == "image":
            picture.attrSet("src", f"/_mock/docs/{picture.attrGet('src')}")
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Markup(_LINK.sub(r'href="/_mock/docs/\1\2"', html))  # noqa: S704  # rendered from files of this package


def slug(heading: str) -> str:
    """The name of a heading in a link, as forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
