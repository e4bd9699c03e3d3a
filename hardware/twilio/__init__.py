"""Twilio: only this package imports its SDK, and only where it is configured."""
