"""E-mail through the office's own server, with the standard library, in a thread."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage

from config.model import MailSettings
from hardware.message import MessageNotSent, MessageRefused, MessageUncertain

_SECONDS = 10.0
"""For each step of the conversation."""


class SmtpMail:
    """See hardware.message.MailGateway. One connection for each e-mail: there are few."""

    def __init__(
        self, settings: MailSettings, password: str | None, context: ssl.SSLContext | None = None
    ) -> None:
        self._settings = settings
        self._password = password
        self._context = context or ssl.create_default_context()

    async def send(self, to: str, subject: str, text: str, key: str) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._settings.sender, to, subject
        domain = self._settings.sender.rpartition("@")[2]
        mail["Message-ID"] = f"<{key}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text)
        await asyncio.to_thread(self._send, mail)

    def _send(self, mail: EmailMessage) -> None:
        stage = "connecting"
        try:
            with self._connected() as server:
                stage = "sending"
                server.send_message(mail)
                stage = "sent"
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal(next(iter(error.recipients.values()))[0]) from None
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code) from None
        except smtplib.SMTPNotSupportedError:
            raise MessageRefused("smtp_unsupported") from None
        except (smtplib.SMTPException, OSError):
            if stage != "sent":  # else only the goodbye failed
                raise (MessageUncertain if stage == "sending" else MessageNotSent)("no_connection") from None

    def _connected(self) -> smtplib.SMTP:
        host, port = self._settings.host, self._settings.port
        if self._settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_SECONDS, context=self._context)
        else:
            server = smtplib.SMTP(host, port, timeout=_SECONDS)
        try:
            if self._settings.security == "starttls":
                server.starttls(context=self._context)
            if self._settings.user and self._password:
                server.login(self._settings.user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def _refusal(code: int) -> MessageNotSent | MessageRefused:
    """4xx of SMTP is "later", 5xx is "never" (RFC 5321, 4.2.1)."""
    return (MessageNotSent if code < 500 else MessageRefused)(f"smtp_{code}")
