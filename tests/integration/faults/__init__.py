"""Peers that misbehave, one way each."""
