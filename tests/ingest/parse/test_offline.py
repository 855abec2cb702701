"""The one place in ``unstructured`` that is replaced: these fail when a new version moves it."""

from __future__ import annotations

import inspect

from ingest.parse.unstructured_offline import prepare_unstructured


def test_unstructured_reaches_its_model_through_the_one_replaced_function() -> None:
    prepare_unstructured()
    from unstructured.nlp import tokenize

    assert tokenize._load_spacy_model.__module__ == "ingest.parse.unstructured_offline"
    assert "_load_spacy_model()" in inspect.getsource(tokenize._get_nlp.__wrapped__)
    source = inspect.getsource(tokenize)
    assert source.count("spacy.load(") == source[: source.index("def _get_nlp")].count("spacy.load(")


def test_the_blank_pipeline_splits_sentences_of_any_language() -> None:
    prepare_unstructured()
    from unstructured.nlp.tokenize import pos_tag, sent_tokenize

    assert len(sent_tokenize("Bonjour à tous. Les retours sont gratuits ! 退货。可以。")) >= 3
    assert {tag for _, tag in pos_tag("Return the shoes")} == {""}


def test_the_opt_outs_are_still_the_ones_unstructured_reads(monkeypatch) -> None:
    prepare_unstructured()
    from unstructured.utils import _telemetry_opt_out

    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    monkeypatch.setenv("SCARF_NO_ANALYTICS", "true")
    assert _telemetry_opt_out()
    monkeypatch.delenv("SCARF_NO_ANALYTICS")
    assert not _telemetry_opt_out()


def test_short_sentences_in_word_stay_text_and_only_styles_make_titles() -> None:
    import io

    from docx import Document

    from ingest.document import Kind
    from tests.ingest.parse.shapes import parsed, texts

    document = Document()
    document.add_paragraph("Big Red Button")
    document.add_heading("真标题", 2)
    document.add_paragraph("是")
    out = io.BytesIO()
    document.save(out)
    result = parsed(out.getvalue(), "application/octet-stream")
    assert texts(result, Kind.TITLE) == ["真标题"]
    assert texts(result, Kind.TEXT) == ["Big Red Button", "是"]
    assert result.elements[1].level == 2
