"""The words of the pages, one dictionary for each language. Never holds a fact about a request.

A text is looked up by its key and filled in with `str.format`; templates escape the result. Every language
has the same keys (a test says so).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callback.web.texts.en import TEXTS as EN
from callback.web.texts.en_oncall import TEXTS as EN_ONCALL
from callback.web.texts.en_report import TEXTS as EN_REPORT
from callback.web.texts.nb import TEXTS as NB
from callback.web.texts.nb_oncall import TEXTS as NB_ONCALL
from callback.web.texts.nb_report import TEXTS as NB_REPORT

DEFAULT_LANGUAGE = "nb"
LANGUAGES = {"nb": NB | NB_ONCALL | NB_REPORT, "en": EN | EN_ONCALL | EN_REPORT}
LANGUAGE_NAMES = {
    "nb": "Norsk bokmål",
    "nn": "Norsk nynorsk",
    "en": "English",
    "uk": "Українська",
    "ar": "العربية",
    "ru": "Русский",
    "pl": "Polski",
    "ti": "ትግርኛ",
    "so": "Soomaali",
    "sma": "Åarjelsaemien",
}
"""Languages a caller may want to be met in, in their own words."""

Translate = Callable[..., str]


def translator(language: str) -> Translate:
    """`t(key, **values)` for a language; an unknown one gets bokmål. Raises KeyError for an unknown key."""
    texts = LANGUAGES.get(language, LANGUAGES[DEFAULT_LANGUAGE])

    def translate(key: str, **values: Any) -> str:
        return texts[key].format(**values)

    return translate
