"""What the command line does with passwords and tokens: takes what it needs, returns the text to print.

Never reads arguments, never prints, and never shows a secret except the one just made.
"""

from __future__ import annotations

from callback.access import Access, AccessError
from config.model import Role
from scheduler.clock import to_local


async def create_token(access: Access, name: str, role: str, office_no: str | None) -> str:
    """The secret alone, so that a script can read it. Raises AccessError kinds, StoreError."""
    try:
        known = Role(role)
    except ValueError:
        raise AccessError(f"no role {role!r}; known: {', '.join(Role)}") from None
    return await access.create_token(name, known, office_no)


async def list_tokens(access: Access) -> str:
    """One line for each token, oldest first."""
    lines = []
    for token in await access.tokens():
        made = f"{to_local(token.created_at):%Y-%m-%d %H:%M}"
        state = f"revoked {to_local(token.revoked_at):%Y-%m-%d %H:%M}" if token.revoked_at else "in use"
        lines.append(f"{token.name}  {token.role}  {token.office_no or 'every office'}  made {made}  {state}")
    return "\n".join(lines) or "No tokens."


async def revoke_token(access: Access, name: str) -> str:
    """Raises AccessError when no token in use has the name."""
    if not await access.revoke(name):
        raise AccessError(f"no token in use is called {name!r}")
    return f"Revoked {name}. It is refused from now on."


async def set_password(access: Access, person_id: str, password: str) -> str:
    """Raises AccessError (unknown person), WeakPassword."""
    await access.set_password(person_id, password)
    return f"The password of {person_id} is set."
