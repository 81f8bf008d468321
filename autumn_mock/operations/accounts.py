"""The account of a customer as the tables hold it, and its changes."""

from __future__ import annotations

from autumn_mock.domain.customer import Customer
from autumn_mock.ledger.account import Account
from autumn_mock.operations.call import Call
from autumn_mock.store.environment import Transaction


def load_account(call: Call, customer: Customer) -> Account:
    """The account of a customer as it is stored: what is due is not applied."""
    environment = call.environment
    owner, config = customer.internal_id, environment.organisation.config
    return Account(
        customer=customer,
        rows=dict(environment.balances.of(owner)),
        entities={entity.id: entity for entity in environment.entities.of(owner).values()},
        plans=environment.customer_plans.of(owner),
        windows=dict(environment.windows.of(owner)),
        features=environment.features.by_key,
        config=config,
        now=call.now,
        common_alerts=config.sandbox_usage_alerts if environment.env == "sandbox" else config.usage_alerts,
        hides_drained=call.traits.hides_drained,
    )


def store(transaction: Transaction, account: Account) -> None:
    """Put what the ledger changed in an account into a transaction."""
    for row in account.changed.values():
        transaction.put(row)
    for window in account.changed_windows.values():
        transaction.put(window)
    account.changed.clear()
    account.changed_windows.clear()
