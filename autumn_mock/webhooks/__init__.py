"""Webhooks: sent to endpoints in the background, signed as Svix does, retried when refused (contract 12).

This package sends them. Their types are in :mod:`autumn_mock.domain.webhook`. They are made where they are due: in
:mod:`autumn_mock.ledger.alerts` for balances, in :mod:`autumn_mock.wire.webhooks` for plans and thresholds, in
:mod:`autumn_mock.operations.billing.topups` for bought units.
"""
