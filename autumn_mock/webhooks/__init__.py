"""Webhooks: sent to endpoints in the background, signed as Svix does, retried when refused (contract 12)."""
