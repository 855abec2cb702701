"""Confluence's storage format becomes HTML that loses nothing, as the shelf's own parser reads it."""

from __future__ import annotations

import pytest

from configs.schema import Parser
from connectors.confluence.storage import StorageError, rendered_html, storage_html
from connectors.contract import SourceDocument
from ingest.document import Document, Kind
from ingest.parse import parse


def parsed(storage: str, **options: str) -> Document:
    converted = storage_html(storage, **options)
    raw = SourceDocument("1", converted.html.encode(), "text/html", "Title", "v1")
    return parse("wiki", raw, Parser(keep_links=True))


def macro(name: str, body: str = "", **parameters: str) -> str:
    given = "".join(f'<ac:parameter ac:name="{key}">{value}</ac:parameter>' for key, value in parameters.items())
    return f'<ac:structured-macro ac:name="{name}" ac:schema-version="1">{given}{body}</ac:structured-macro>'


def rich(body: str) -> str:
    return f"<ac:rich-text-body>{body}</ac:rich-text-body>"


def plain(text: str) -> str:
    return f"<ac:plain-text-body><![CDATA[{text}]]></ac:plain-text-body>"


CODE = """def f(a):
    if a < 3 && "x" > 'y':   # &nbsp; &amp; <b>not bold</b>

\t\treturn   a
    é 返品 …"""


@pytest.mark.parametrize("name", ["code", "noformat"])
def test_code_keeps_every_space(name: str) -> None:
    document = parsed(f"<p>Before</p>{macro(name, plain(CODE), language='python')}<p>After</p>")
    code = [element for element in document.elements if element.kind is Kind.CODE]
    assert len(code) == 1
    assert document.text[code[0].start : code[0].end].strip("\n") == CODE
    assert document.text.index("Before") < document.text.index("def f") < document.text.index("After")


def test_code_names_its_language_and_title() -> None:
    html = storage_html(macro("code", plain("x = 1"), language="C++", title="a.cpp")).html
    assert html == '<p><strong>a.cpp</strong></p><pre><code class="language-c++">x = 1</code></pre>'
    assert 'class="language-onclickx"' in storage_html(macro("code", plain(""), language="&quot; onclick=x")).html


def test_code_that_holds_the_end_of_a_cdata_section_is_whole() -> None:
    split = "<ac:plain-text-body><![CDATA[a[b[0]]]]><![CDATA[> 1]]></ac:plain-text-body>"
    assert "a[b[0]]> 1" in parsed(macro("code", split)).text


def test_code_in_a_list_in_a_panel_in_an_expand_in_a_table_is_found() -> None:
    inner = macro("code", plain("  indented\n\tcode"))
    nested = macro("expand", rich(macro("info", rich(f"<ul><li>Step{inner}</li></ul>"), title="Mind")), title="More")
    text = parsed(
        f"<table><tbody><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>{nested}</td></tr></tbody></table>"
    ).text
    for part in ("More", "Mind", "Step", "indented", "code"):
        assert part in text
    text = parsed(nested).text
    assert [text.index(part) for part in ("More", "Mind", "Step", "  indented\n\tcode")] == sorted(
        text.index(part) for part in ("More", "Mind", "Step", "  indented\n\tcode")
    )


def test_entities_of_html_are_characters_and_loose_ampersands_stay() -> None:
    text = parsed(
        "<p>caf&eacute;&nbsp;&hellip; &amp; &lt;b&gt; R&D &unknown; &#233; &#x20AC; &#0; &#60;i&#62;</p>"
    ).text
    assert text == "café\xa0… & <b> R&D &unknown; é € � <i>"


def test_tables_keep_their_cells() -> None:
    table = (
        "<table><colgroup><col/></colgroup><tbody><tr><th><p>Size</p></th><th>EU</th></tr>"
        "<tr><td>S</td><td><p>36</p><p>37</p></td></tr>"
        f"<tr><td colspan='2'>{macro('status', title='NEW')}</td></tr></tbody></table>"
    )
    document = parsed(table)
    assert [element.kind for element in document.elements] == [Kind.TABLE]
    assert "| Size | EU |" in document.text
    assert "| S | 36<br>37 |" in document.text
    assert "NEW" in document.text


@pytest.mark.parametrize("name", ["panel", "info", "note", "warning", "tip"])
def test_panels_keep_title_and_text(name: str) -> None:
    assert parsed(macro(name, rich("<p>Text.</p>"), title="Careful")).text == "Careful\n\nText."


def test_an_expand_keeps_its_title() -> None:
    assert (
        parsed(macro("expand", rich("<p>Inside.</p>"), title="Show the details")).text == "Show the details\n\nInside."
    )


def test_layouts_and_excerpts_are_their_text_in_order() -> None:
    cells = "".join(f"<ac:layout-cell><p>{side}</p></ac:layout-cell>" for side in ("Left", "Right"))
    section = f"<ac:layout-section>{cells}</ac:layout-section>"
    storage = f"<ac:layout>{section}</ac:layout>{macro('excerpt', rich('<p>Excerpt</p>'), hidden='true')}<p>End</p>"
    assert parsed(storage).text == "Left\n\nRight\n\nExcerpt\n\nEnd"


def test_task_lists_say_what_is_done() -> None:
    task = "<ac:task><ac:task-id>7</ac:task-id>"
    task += "<ac:task-status>{}</ac:task-status><ac:task-body>{}</ac:task-body></ac:task>"
    tasks = task.format("complete", "Ask <em>Ann</em>") + task.format("incomplete", "Ship")
    assert parsed(f"<ac:task-list>{tasks}</ac:task-list>").text == "- ☑ Ask Ann\n- ☐ Ship"


def test_dates_statuses_emoticons_and_mentions_are_inline() -> None:
    storage = (
        f'<p>Due <time datetime="2026-11-24"/>: {macro("status", title="IN PROGRESS", colour="Yellow")}'
        '<ac:emoticon ac:name="tick"/><ac:emoticon ac:name="blue-star" ac:emoji-fallback="🚀"/>'
        '<ac:link><ri:user ri:account-id="12"/></ac:link> end</p>'
    )
    assert parsed(storage).text == "Due 2026-11-24: IN PROGRESS ✅🚀 end"


def test_links_lead_to_pages_and_keep_their_text() -> None:
    base = {"base": "https://acme.atlassian.net/wiki", "space": "DOC"}
    links = {
        '<ac:link><ri:page ri:content-title="Worn &amp; torn"/></ac:link>': (
            "Worn & torn (https://acme.atlassian.net/wiki/display/DOC/Worn%20%26%20torn)"
        ),
        '<ac:link><ri:page ri:content-title="A"/><ac:link-body>see <b>A</b></ac:link-body></ac:link>': (
            "see A (https://acme.atlassian.net/wiki/display/DOC/A)"
        ),
        '<ac:link ac:anchor="top"><ac:plain-text-link-body><![CDATA[to <top>]]></ac:plain-text-link-body></ac:link>': (
            "to <top>"
        ),
        '<ac:link><ri:attachment ri:filename="sizes.pdf"/></ac:link>': "sizes.pdf",
        '<a href="https://x.org/?a=1&amp;b=2">there</a>': "there (https://x.org/?a=1&b=2)",
    }
    for storage, text in links.items():
        assert parsed(f"<p>{storage}</p>", **base).text == text


def test_images_are_their_alternative_text_and_caption() -> None:
    caption = "<ac:caption><p>Fig. 1</p></ac:caption>"
    image = f'<ac:image ac:alt="A boot"><ri:attachment ri:filename="b.png"/>{caption}</ac:image>'
    assert parsed(image).text.split() == ["A", "boot", "Fig.", "1"]
    assert storage_html('<ac:image><ri:url ri:value="https://x.org/a.png"/></ac:image>').html == ""


def test_a_text_that_the_new_editor_holds_twice_is_there_once() -> None:
    storage = (
        '<ac:adf-extension><ac:adf-node type="panel"><ac:adf-attribute key="panel-type">note</ac:adf-attribute>'
        "<ac:adf-content><p>Mind the gap.</p></ac:adf-content></ac:adf-node>"
        '<ac:adf-fallback><div class="panel"><p>Mind the gap.</p></div></ac:adf-fallback></ac:adf-extension>'
    )
    assert parsed(storage).text == "Mind the gap."


def test_comments_on_the_page_leave_its_text_and_templates_hints_go() -> None:
    storage = (
        '<p>A <ac:inline-comment-marker ac:ref="1">marked</ac:inline-comment-marker> word'
        "<ac:placeholder>Type here</ac:placeholder><!-- no --><script>alert(1)</script>.</p>"
    )
    assert parsed(storage).text == "A marked word."


def test_what_only_confluence_can_show_is_named() -> None:
    link = '<ac:link><ri:page ri:space-key="OPS" ri:content-title="Rules"/></ac:link>'
    page = f'<ac:parameter ac:name="">{link}</ac:parameter>'
    storage = (
        f"<p>A</p>{macro('toc')}{macro('jira', key='AB-1')}{macro('children')}{macro('include', page)}"
        f"{macro('acme-box', rich('<p>kept</p>'))}{macro('acme-text', plain('  kept too'))}{macro('acme-empty')}"
    )
    converted = storage_html(storage)
    assert converted.dynamic == {"jira", "children", "include", "acme-empty"}
    assert converted.included == {("OPS", "Rules")}
    assert "kept" in converted.html
    assert "<pre><code>  kept too</code></pre>" in converted.html
    assert "AB-1" not in converted.html


def test_what_confluence_rendered_loses_its_table_of_contents_only() -> None:
    contents = '<div class="toc-macro rbtoc1"><ul><li>One</li></ul></div>'
    view = f"<p>Before</p>x{contents}tail<h1>One</h1><pre>a\n  b</pre><script>x</script>"
    assert rendered_html(view) == "<div><p>Before</p>xtail<h1>One</h1><pre>a\n  b</pre></div>"
    assert rendered_html("  ") == ""


@pytest.mark.parametrize(
    "storage",
    [
        '<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><p>&lol2;</p>',
        '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><p>&x;</p>',
        "<p>never closed",
        "</root><root>",
        "<p><b>crossed</p></b>",
        "<x:y>unknown prefix</x:y>",
    ],
)
def test_what_is_no_storage_format_is_refused(storage: str) -> None:
    with pytest.raises(StorageError, match="malformed"):
        storage_html(storage)


def test_nesting_beyond_reason_is_refused_and_a_deep_page_is_not() -> None:
    assert "deep" in parsed("<div>" * 200 + "deep" + "</div>" * 200).text
    with pytest.raises(StorageError):
        storage_html("<div>" * 5000 + "</div>" * 5000)


def test_characters_that_xml_forbids_are_dropped() -> None:
    assert parsed("<p>a\x00\x0b\x1fb\ufffe</p>").text == "ab"


def test_markup_in_text_and_attributes_stays_text() -> None:
    html = storage_html('<p onclick="x()" style="y">&lt;script&gt;</p><a href="a&quot;b">c</a>', base="b").html
    assert html == '<p>&lt;script&gt;</p><a href="a&quot;b">c</a>'


def test_an_empty_page_is_empty() -> None:
    assert storage_html("").html == ""
