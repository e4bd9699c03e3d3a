"""What is set of the events for the contact centre's own system: [webhooks] in tast1.toml. Pure data."""

from __future__ import annotations

from config.values import Model


class WebhookSettings(Model):
    url: str | None = None
    """Where events are sent by POST; None: nowhere."""
