"""The rules of deduction: pure arithmetic over records. No HTTP, no storage, no threads, no clock of its own.

Two words run through all of it. *Units* are what is tracked: messages, tokens. *Native* is what a row counts in: the
same, unless the row belongs to a credit system, which pays ``units * cost`` credits.

Read it in this order; each module states its rule and works one example:

========================  =====================================================================
:mod:`~.account`          what a deduction reads: one customer's rows, and which of them count
:mod:`~.order`            in which order rows are spent
:mod:`~.deduction`        how an amount is taken from rows, and given back
:mod:`~.limits`           usage limits, spend limits, and leave to overdraw
:mod:`~.intervals`        calendar arithmetic
:mod:`~.resets`           a new period: the grant renewed, the rest rolled over
:mod:`~.locks`            a deduction held, then confirmed, changed or undone
:mod:`~.views`            the balance as the API shows it, and whether it allows a use
:mod:`~.alerts`           what a deduction has changed that webhooks report
========================  =====================================================================
"""
