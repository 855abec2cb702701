"""A mail's own words."""

from __future__ import annotations

import pytest

from connectors.mail_text import own_words

QUOTE = "On Mon, 1 Jan 2025 at 10:00, Bob <bob@x.org> wrote:\n> Which label?\n> Bob"


@pytest.mark.parametrize(
    ("mail", "own"),
    [
        (f"Take the label.\n\n{QUOTE}", "Take the label."),
        ("Danke, passt.\n\nAm 01.02.2025 um 10:00 schrieb Max Muster <max@x.de>:\n> Frage", "Danke, passt."),
        ("Merci beaucoup.\n\nLe lun. 3 févr. 2025 à 10:11, Anne <a@x.fr> a écrit :\n> Bonjour", "Merci beaucoup."),
        ("ありがとう。\n\n2025年1月1日(水) 10:00 Bob <bob@x.org>:\n> どのラベル", "ありがとう。"),
        (
            "Please see below.\n\nFrom: Bob <bob@x.org>\nSent: Monday, January 1, 2025 10:00 AM\n"
            "To: help@x.org\nSubject: Label\n\nWhich label?",
            "Please see below.",
        ),
        ("It is in the box.\n\n-- \nAnn Smith\nHead of Support\n+1 212 555 0123", "It is in the box."),
        ("Die Ware kommt.\n\nMit freundlichen Grüßen\nMax Muster", "Die Ware kommt."),
        ("Ok thanks\n\nSent from my iPhone", "Ok thanks"),
    ],
)
def test_what_is_quoted_and_signed_is_left_out(mail: str, own: str) -> None:
    assert own_words(mail) == own
    assert own_words(mail.replace("\n", "\r\n")) == own


@pytest.mark.parametrize(
    "mail",
    [
        "",
        "Where is my parcel?",
        "> Which label?\nThe red one.\n> And when?\nTomorrow.",
        "> all of it\n> quoted",
        "From: what I see the box is broken.\nPlease help.",
        "On Monday I wrote you a mail:\nno answer yet.",
        "Best regards is what he wrote.\nI want a refund.",
        "Thanks,\nthat worked. But now the other shoe is broken.",
    ],
)
def test_words_are_not_lost_to_a_guess(mail: str) -> None:
    assert own_words(mail) == mail


def test_a_long_thread_below_a_short_answer_goes() -> None:
    assert own_words(f"Take the label.\n\n{QUOTE}\n" + "> and on it goes\n" * 20_000) == "Take the label."


def test_a_mail_longer_than_a_person_writes_stays_whole() -> None:
    mail = "A line of it.\n" * 10_000 + QUOTE
    assert own_words(mail) == mail
    log = "A line of a log.\n" * 2000 + "-- \n" + "More of it.\n" * 3000 + "The end."
    assert own_words(log) == log


def test_a_long_paragraph_is_kept_and_what_it_quotes_is_not() -> None:
    paragraph = "On the whole it is " + "very " * 300 + "good."
    assert own_words(f"{paragraph}\n\n{QUOTE}") == paragraph


@pytest.mark.parametrize("part", ["On ", "On x wrote", "Am ", "Le ", "From: ", "-- \n", "> ", f"On {'y' * 390}\n"])
def test_a_hostile_mail_takes_no_time(part: str) -> None:
    # By the square of its length it would take minutes, and the test runner would end it.
    own_words(part * (150_000 // len(part)))
