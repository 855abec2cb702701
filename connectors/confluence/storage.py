"""Confluence's storage format as plain HTML, with all text, its order and the white space of code kept.

Storage format is XHTML with elements of Atlassian's own (``ac:``, ``ri:``) and HTML's named entities, without a
document type. What the elements mean: Atlassian's page "Confluence Storage Format". A macro whose text Confluence
makes only when a page is shown is named in ``Converted.dynamic``; its place is left empty.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from lxml.etree import _Element

_AC = "{urn:ac}"
_RI = "{urn:ri}"
_NAMESPACES = 'xmlns:ac="urn:ac" xmlns:ri="urn:ri" xmlns:at="urn:at"'
_ENTITY = re.compile(r"<!\[CDATA\[.*?\]\]>|&(#[xX]?[0-9a-fA-F]+;|\w+;)?", re.DOTALL)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_XML_ENTITIES = frozenset({"lt;", "gt;", "amp;", "quot;", "apos;"})
_KEPT = frozenset({"href", "colspan", "rowspan", "datetime", "start", "alt"})
_EMPTY = frozenset({"br", "hr", "img", "col", "wbr"})
_UNSEEN = frozenset({"script", "style", "iframe", "object", "embed", "template", "noscript"})
_PANELS = frozenset({"panel", "info", "note", "warning", "tip", "success", "error"})
_CODE = frozenset({"code", "noformat", "code-block"})
INCLUDES = frozenset({"include", "excerpt-include", "multiexcerpt-include", "multiexcerpt-include-macro"})
"""Macros that show another page's text."""
_SILENT = frozenset(
    {
        "toc",
        "anchor",
        "livesearch",
        "pagetreesearch",
        "recently-updated",
        "contributors",
        "contributors-summary",
        "change-history",
        "create-from-template",
        "favpages",
        "global-reports",
        "profile",
        "profile-picture",
        "popular-labels",
        "related-labels",
        "listlabels",
        "attachments",
        "gallery",
        "space-attachments",
        "view-file",
        "viewpdf",
        "viewdoc",
        "viewxls",
        "viewppt",
        "multimedia",
        "widget",
        "loremipsum",
    }
)
_EMOTICONS = {
    "tick": "✅",
    "cross": "❌",
    "warning": "⚠",
    "information": "ℹ",
    "plus": "➕",
    "minus": "➖",
    "question": "❓",
    "smile": "🙂",
    "sad": "🙁",
    "thumbs-up": "👍",
    "thumbs-down": "👎",
    "light-on": "💡",
    "yellow-star": "⭐",
    "heart": "❤",
}


class StorageError(ValueError):
    """The text is no storage format."""


@dataclass(frozen=True, slots=True)
class Converted:
    """HTML, and what is missing in it.

    Attributes:
        dynamic: names of macros whose text only Confluence can make.
        included: space key (empty: the page's own) and title of pages whose text macros show.
    """

    html: str
    dynamic: frozenset[str] = frozenset()
    included: frozenset[tuple[str, str]] = frozenset()


@dataclass
class _Found:
    dynamic: set[str] = field(default_factory=set)
    included: set[tuple[str, str]] = field(default_factory=set)


def storage_html(storage: str, *, base: str = "", space: str = "") -> Converted:
    """Convert ``storage``.

    Args:
        base: what links to pages start with, for example ``https://acme.atlassian.net/wiki``.
        space: the key of the page's own space, for links that name none.

    Raises:
        StorageError: it is malformed, or nested beyond reason.
    """
    root = _parsed(storage)
    found = _Found()
    try:
        body = _Writer(base, space, found).inner(root)
    except RecursionError:
        raise StorageError("its text is nested too deeply") from None
    return Converted(body, frozenset(found.dynamic), frozenset(found.included))


def rendered_html(view: str) -> str:
    """What Confluence made of a page (``export_view``), without tables of contents.

    Raises:
        StorageError: nothing can be read in it.
    """
    from lxml import etree

    if not view.strip():
        return ""
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=True)
    parser.feed(f"<div>{_NOT_XML.sub('', view)}</div>".encode())
    root = parser.close()
    if root is None:
        raise StorageError("what Confluence shows of it cannot be read")
    for node in list(root.iter("div", "ul", "ol", "script", "style")):
        unwanted = "toc-macro" in (node.get("class") or "") or node.tag in ("script", "style")
        parent = node.getparent()
        if unwanted and parent is not None:
            before = node.getprevious()
            if before is not None:
                before.tail = (before.tail or "") + (node.tail or "")
            else:
                parent.text = (parent.text or "") + (node.tail or "")
            parent.remove(node)
    body = root.find("body")
    return "".join(
        etree.tostring(child, encoding="unicode", method="html") for child in (body if body is not None else root)
    )


def _parsed(storage: str) -> _Element:
    from lxml import etree

    # The wrapper leaves no place for a document type, so no entity can be declared, inside or outside.
    text = f"<root {_NAMESPACES}>{_ENTITY.sub(_numbered, _NOT_XML.sub('', storage))}</root>"
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,
        encoding="utf-8",
    )
    try:
        return etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise StorageError(f"its storage format is malformed (line {error.lineno})") from None


def _numbered(match: re.Match[str]) -> str:
    """XML knows five named entities, HTML two thousand; a lone ``&`` is one that somebody forgot to escape."""
    name = match[1]
    if match[0].startswith("<"):
        return match[0]
    if name in _XML_ENTITIES:
        return match[0]
    if name is None:
        return "&amp;"
    # One way for numbers as well: `&#0;` is no XML, and the rest of HTML's rules are Python's.
    text = html.unescape(match[0])
    if text == match[0]:
        return "&amp;" + name
    return html.escape(_NOT_XML.sub("", text))


class _Writer:
    def __init__(self, base: str, space: str, found: _Found) -> None:
        self._base = base
        self._space = space
        self._found = found
        self._special: dict[str, Callable[[_Element], str]] = {
            "structured-macro": self._macro,
            "macro": self._macro,
            "link": self._link,
            "image": self._image,
            "emoticon": _emoticon,
            "task-list": lambda node: f"<ul>{self.inner(node)}</ul>",
            "task": self._task,
            "adf-extension": self._adf,
            "parameter": _nothing,
            "placeholder": _nothing,
            "adf-attribute": _nothing,
            "task-id": _nothing,
            "task-uuid": _nothing,
            "plain-text-body": lambda node: html.escape(_text(node), quote=False),
            "layout": self._block,
            "layout-section": self._block,
            "layout-cell": self._block,
        }

    def inner(self, node: _Element) -> str:
        """What is in ``node``."""
        pieces = [html.escape(node.text or "", quote=False)]
        for child in node:
            if isinstance(child.tag, str):
                pieces.append(self._element(child))
            pieces.append(html.escape(child.tail or "", quote=False))
        return "".join(pieces)

    def _element(self, node: _Element) -> str:
        tag = str(node.tag)
        if tag.startswith(_AC):
            write = self._special.get(tag.removeprefix(_AC))
            return write(node) if write else self.inner(node)
        if tag.startswith("{"):
            return self.inner(node)
        tag = tag.lower()
        if tag in _UNSEEN:
            return ""
        if tag == "time":
            return html.escape(node.get("datetime") or _text(node), quote=False)
        kept = "".join(f' {name}="{html.escape(value)}"' for name, value in sorted(node.items()) if name in _KEPT)
        if tag in _EMPTY:
            return f"<{tag}{kept}>"
        return f"<{tag}{kept}>{self.inner(node)}</{tag}>"

    def _block(self, node: _Element) -> str:
        return f"<div>{self.inner(node)}</div>"

    def _macro(self, node: _Element) -> str:
        name = (node.get(f"{_AC}name") or "").lower()
        rich, plain = node.find(f"{_AC}rich-text-body"), node.find(f"{_AC}plain-text-body")
        title = _parameter(node, "title")
        if name in _CODE:
            return _heading(title) + _code(plain, _parameter(node, "language") or _parameter(node, ""))
        if name == "status":
            return f" {html.escape(title, quote=False)} "
        if name == "expand":
            body = self.inner(rich) if rich is not None else ""
            summary = f"<summary>{html.escape(title, quote=False)}</summary>" if title else ""
            return f"<details>{summary}<div>{body}</div></details>"
        if rich is not None:
            inline = node.get(f"{_AC}atlassian-macro-output-type", _parameter(node, "atlassian-macro-output-type"))
            if inline.upper() == "INLINE":
                return self.inner(rich)
            return f"<div>{_heading(title if name in _PANELS else '')}{self.inner(rich)}</div>"
        if plain is not None:
            return _code(plain, "")
        if name not in _SILENT:
            self._found.dynamic.add(name)
            if name in INCLUDES:
                page = next(node.iter(f"{_RI}page", f"{_RI}blog-post"), None)
                key = page.get(f"{_RI}space-key", "") if page is not None else ""
                named = page.get(f"{_RI}content-title", "") if page is not None else ""
                self._found.included.add((key, named))
        return ""

    def _link(self, node: _Element) -> str:
        target = next((child for child in node if str(child.tag).startswith(_RI)), None)
        rich, plain = node.find(f"{_AC}link-body"), node.find(f"{_AC}plain-text-link-body")
        shown = self.inner(rich) if rich is not None else ""
        if plain is not None:
            shown = html.escape(_text(plain), quote=False)
        kind = str(target.tag).removeprefix(_RI) if target is not None else ""
        said = (lambda key: target.get(_RI + key, "")) if target is not None else (lambda _: "")
        name = said("content-title") or said("filename") or said("space-key")
        if not shown.strip():
            shown = html.escape(name or node.get(f"{_AC}anchor", ""), quote=False)
        address = said("value") if kind == "url" else ""
        if kind in ("page", "blog-post") and name and self._base:
            space = quote(said("space-key") or self._space, safe="~")
            address = f"{self._base}/display/{space}/{quote(said('content-title'), safe='')}"
        return f'<a href="{html.escape(address)}">{shown}</a>' if address else shown

    def _image(self, node: _Element) -> str:
        alt = node.get(f"{_AC}alt") or node.get(f"{_AC}title") or ""
        caption = node.find(f"{_AC}caption")
        shown = f'<img alt="{html.escape(alt)}">' if alt else ""
        return shown + (f"<div>{self.inner(caption)}</div>" if caption is not None else "")

    def _task(self, node: _Element) -> str:
        body, status = node.find(f"{_AC}task-body"), node.find(f"{_AC}task-status")
        done = status is not None and _text(status).strip() == "complete"
        return f"<li>{'☑' if done else '☐'} {self.inner(body) if body is not None else ''}</li>"

    def _adf(self, node: _Element) -> str:
        # The same text twice: as the new editor holds it, and for those that do not know that.
        content = next(node.iter(f"{_AC}adf-content"), None)
        fallback = node.find(f"{_AC}adf-fallback")
        shown = fallback if fallback is not None and _text(fallback).strip() else content
        return f"<div>{self.inner(shown)}</div>" if shown is not None else ""


def _nothing(_: _Element) -> str:
    return ""


def _text(node: _Element) -> str:
    return "".join(node.itertext())


def _parameter(node: _Element, name: str) -> str:
    for child in node.findall(f"{_AC}parameter"):
        if child.get(f"{_AC}name", "") == name:
            return _text(child).strip()
    return ""


def _heading(title: str) -> str:
    return f"<p><strong>{html.escape(title, quote=False)}</strong></p>" if title else ""


def _code(body: _Element | None, language: str) -> str:
    code = html.escape(_text(body), quote=False) if body is not None else ""
    name = re.sub(r"[^\w+#.-]", "", language.lower())
    kind = f' class="language-{name}"' if name else ""
    return f"<pre><code{kind}>{code}</code></pre>"


def _emoticon(node: _Element) -> str:
    shown = node.get(f"{_AC}emoji-fallback") or _EMOTICONS.get(node.get(f"{_AC}name", ""), "")
    return html.escape(shown, quote=False)
