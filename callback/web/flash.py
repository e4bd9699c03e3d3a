"""One message to show on the next page. Never text: a cookie holds a code, and at most an id to look up.

So nothing personal travels, and a forged cookie can only show one of our own sentences.
"""

from __future__ import annotations

from aiohttp import web

from callback.web.words import Words

COOKIE = "tast1_flash"
GOOD = frozenset(
    {
        "result",
        "stopped",
        "withdrawn",
        "decided",
        "reassigned",
        "number_saved",
        "number_elsewhere",
        "lifted",
        "acknowledged",
        "logged_out",
        "reloaded",
        "disqualified",
        "qualified",
        "interpreter",
        "number_kept_away",
        "protected",
        "unprotected",
        "office_confirmed",
        "office_said",
        "office_unsaid",
        "roster_saved",
        "roster_removed",
        "roster_swapped",
        "roster_imported",
        "address_renewed",
    }
)
_PLAIN = (GOOD - {"reassigned"}) | {
    "number_in_call", "caseworker_in_call", "no_telephone", "no_number", "out_of_reach", "never_call", "line_down", "line_forbidden", "not_possible", "result_first", "reload_refused",
}  # fmt: skip
_WITH_PERSON = frozenset({"held", "held_now", "reassigned"})


def set_flash(response: web.StreamResponse, code: str, person_id: str = "") -> None:
    value = f"{code}.{person_id}" if person_id else code
    response.set_cookie(COOKIE, value, max_age=60, httponly=True, samesite="Lax", path="/")


def read_flash(request: web.Request, words: Words) -> tuple[str, str] | None:
    """(`good` or `bad`, sentence), or None."""
    code, _, person_id = request.cookies.get(COOKIE, "").partition(".")
    if code in _WITH_PERSON:
        text = words.t(f"flash.{code}", name=words.person(person_id))
    elif code in _PLAIN:
        text = words.t(f"flash.{code}")
    else:
        return None
    return ("good" if code in GOOD else "bad"), text


def clear_flash(response: web.StreamResponse) -> None:
    response.del_cookie(COOKIE, path="/")
