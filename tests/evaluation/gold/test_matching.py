"""Where a quote stands in a text, whatever happened to it on the way into a gold file."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.gold.matching import Haystack

TEXT = (
    "Returns\n\nYou have 60 days to send it back — “unworn”, in its box. The price is 5 €.\n\n"
    "| Paid with | Days |\n| --- | --- |\n| Card | 3 to 5 working days |\n| PayPal | 1 to 2 working days |\n\n"
    "Combien coûte-t-il ? Écrivez-nous : c’est gratuit.\n\n"
    "Worn shoes can be exchanged within 30 days if they are not damaged, and only once in a calendar year."
)


def standing(quote: str, text: str = TEXT, near: int | None = None) -> list[tuple[str, str]]:
    return [(text[match.start : match.end], match.way) for match in Haystack(text).find(quote, near)]


@pytest.mark.parametrize(
    ("quote", "found", "way"),
    [
        ("You have 60 days", "You have 60 days", "exact"),
        ("  send it back\n", "send it back", "exact"),
        ('back - "unworn", in its box.', "back — “unworn”, in its box.", "typographic"),
        ("You have\n**60 days** to  send", "You have 60 days to send", "typographic"),
        ("PayPal 1 to 2 working days", "PayPal | 1 to 2 working days", "typographic"),
        ("| PayPal | 1 to 2 working days |", "| PayPal | 1 to 2 working days |", "exact"),
        ("Combien coûte-t-il?", "Combien coûte-t-il ?", "typographic"),
        ("E\u0301crivez-nous : c'est gratuit", "Écrivez-nous : c’est gratuit", "typographic"),
        ("5\u00a0€", "5 €", "typographic"),
        (
            "WORN SHOES CAN BE EXCHANGED WITHIN 30 DAYS",
            "Worn shoes can be exchanged within 30 days",
            "approximate",
        ),
        (
            "Worn shoes can be exchanged within 30 days if they are nott damaged",
            "Worn shoes can be exchanged within 30 days if they are not damaged",
            "approximate",
        ),
        (
            "Worn shoes can be exchanged within 30 days if they are not damaged, only once in a calendar year",
            "Worn shoes can be exchanged within 30 days if they are not damaged, and only once in a calendar year",
            "approximate",
        ),
        (
            "Worn shoes may be exchanged within 30 days if they are not damaged",
            "Worn shoes can be exchanged within 30 days if they are not damaged",
            "approximate",
        ),
    ],
)
def test_a_quote_is_found_however_it_was_copied(quote: str, found: str, way: str) -> None:
    assert standing(quote) == [(found, way)]


@pytest.mark.parametrize(
    "quote",
    [
        "Worn shoes can be exchanged within 60 days if they are not damaged",  # the document was changed
        "Gift cards can be used within two years",
        "never",
        "…",
        "You have 60 days … unicorns",
        "Worn shoes can … You have 60 days",  # the other way round
    ],
)
def test_what_the_text_does_not_say_is_not_found(quote: str) -> None:
    assert standing(quote) == []


def test_no_word_and_no_number_is_cut_in_two() -> None:
    assert standing("5 days", "15 days, then 5 days") == [("5 days", "exact")]
    assert Haystack("15 days, then 5 days").find("5 days")[0].start == 14
    # Where words are not set apart, any place will do.
    assert standing("返品", "商品の返品は可能です") == [("返品", "exact")]


@pytest.mark.parametrize("left_out", ["…", "...", " [...] ", "\n(…)\n"])
def test_a_quote_with_an_ellipsis_is_its_parts_in_order(left_out: str) -> None:
    assert standing(f"You have 60 days{left_out}The price is 5 €.") == [
        ("You have 60 days", "exact"),
        ("The price is 5 €.", "exact"),
    ]
    # Of several ways the one that leaves out least.
    text = "start b b b b b end start a end"
    assert [match.start for match in Haystack(text).find("start … end")] == [20, 28]
    assert [match.start for match in Haystack(text).find("start … end", near=0)] == [0, 16]
    assert standing("and so on... is said", "He said: and so on… is said") == [("and so on… is said", "typographic")]
    assert standing("…in its box.") == [("in its box.", "exact")]


def test_of_several_places_the_first_or_the_nearest_is_taken() -> None:
    text = "| Shoes | 2 years |\n| Jackets | 3 years |\n| Tents | 3 years |"
    [first] = Haystack(text).find("3 years")
    assert (first.start, first.places) == (text.index("3 years"), 2)
    assert Haystack(text).find("3 years", near=len(text))[0].start == text.rindex("3 years")


letters = st.text(string.ascii_letters + " \n.,'-—“”éß–½ﬁ", max_size=120)


@settings(max_examples=150, deadline=None)
@given(before=letters, quote=st.text(string.ascii_letters + " .,'éß", min_size=1, max_size=80), after=letters)
def test_every_piece_of_a_text_is_found_and_is_what_it_was(before: str, quote: str, after: str) -> None:
    text = f"{before} {quote} {after}"
    matches = Haystack(text).find(quote)
    if not quote.strip():
        return
    # A piece such as "." stands in other places too; what was found always reads like the quote.
    assert "".join(text[match.start : match.end] for match in matches).split() != []
    if len(matches) == 1 and matches[0].way == "exact":
        assert text[matches[0].start : matches[0].end] == quote.strip()


@settings(max_examples=150, deadline=None)
@given(st.text(string.ascii_lowercase + "   ", min_size=30, max_size=200), st.data())
def test_white_space_and_typography_never_matter(text: str, data: st.DataObject) -> None:
    words = text.split()
    if not words:
        return
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    document = " ".join(words)
    altered = data.draw(st.sampled_from(["\n", "  ", "\u00a0", "\t* ", " | ", "\u200b "])).join(words[start:end])
    [match] = Haystack(document).find(altered)
    # The first place at which these words stand.
    assert document[match.start : match.end].replace(" ", "") == "".join(words[start:end])


@pytest.mark.parametrize("dropped", ["shoes ", "calendar ", "not "])
def test_a_quote_that_lacks_a_word_is_still_the_whole_passage(dropped: str) -> None:
    passage = TEXT[TEXT.index("Worn shoes") :]
    assert standing(passage.replace(dropped, ""), f"{TEXT} Nothing else matters.") == [(passage, "approximate")]


def test_a_long_quote_of_a_long_document_is_found_nearly() -> None:
    sentences = [f"Sentence number {n} speaks of the letter {string.ascii_letters[n % 52]}." for n in range(4_000)]
    text = " ".join(sentences)
    quote = " ".join(sentences[2_000:2_030]).replace("speaks", "spaeks", 2)
    [match] = Haystack(text).find(quote)
    assert match.way == "approximate"
    assert text[match.start : match.end] == " ".join(sentences[2_000:2_030])
