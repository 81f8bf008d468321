"""Plans of customers: how they are bought, billed, changed and ended.

A purchase: ``attach`` decides what the request does (``attachments``), refuses what is not allowed (``billing_rules``,
``purchase_rules``), and computes what it costs (``invoice_lines``) and how it is paid (``purchases``). An invoice is
paid by card (``invoicing``); otherwise a page is opened (``checkouts``) and the change waits until it is paid there
(``settlement``). Then the plan begins (``grants``), takes over from the plan it replaces (``carry``), and is billed
(``subscriptions``). From then on time changes it (``due_changes``, ``renewals``).

Each module imports only from those above it in these lists.

What a plan consists of:

- ``customization``: the plan as one customer has it, with other items, another price, trial or controls
- ``pools``: balances that several plans add their grants to
- ``grants``: plans begin and end, and with them the rows of balances that they grant
- ``carry``: what of the replaced rows goes to the new ones
- ``pauses``: plans that wait while a trial runs
- ``licenses``: seats of a plan, for the customer's entities

What a request does, decided without a change:

- ``attachments``: the effects of attaching a plan, and of changing an attached one
- ``billing_rules``: what ``billing.attach`` and ``billing.update`` refuse
- ``eligibility``: what attaching a plan would do, as lists of plans show it
- ``subscriptions``: which plans are billed together, and how they bill

What it costs and how it is paid:

- ``rewards``: coupons, which reduce the lines
- ``invoice_lines``: the lines of the invoice of a change
- ``forecasts``: the next invoices
- ``payment_methods``: the customer's card, as a test sets it
- ``invoicing``: makes invoices, and charges cards for them
- ``invoices``: lists and refunds of invoices
- ``purchases``: whether a plan is billed, on which subscription, and on which page it is paid
- ``purchase_rules``: what is refused because of how it would be paid
- ``checkouts``: sessions of payment pages
- ``unpaid_changes``: changes that wait for the payment of an invoice, one of each plan at a time

What happens without a request:

- ``topups``: units that are bought when a balance is low
- ``due_changes``: when time changes something next, and the loop that makes what is due
- ``past_due``: renewals that are not paid
- ``renewals``: what becomes due: plans begin, end, and renew

The calls:

- ``attach``: ``billing.attach``
- ``multi_attach``: ``billing.multi_attach``
- ``schedules``: ``billing.create_schedule``
- ``update``: ``billing.update``
- ``transfer``: ``transfer``, a plan moves between a customer and its entities
- ``card_setup``: ``billing.setup_payment`` and ``billing.open_customer_portal``
- ``preview``: ``billing.preview_attach``, ``billing.preview_update``
- ``old_attach``: ``attach`` of older clients
- ``old_checkout``: ``checkout`` and ``attach/preview`` of older clients
- ``settlement``: payment pages are completed, invoices paid, and the changes made that waited for it
- ``confirmations``: the service's own page, as its public calls serve it
"""
