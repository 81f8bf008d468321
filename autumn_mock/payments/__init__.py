"""The arithmetic of payments: what prices cost, which part of a cycle is left, the lines of invoices, discounts.

Nothing here knows of requests, of the store or of the time of day.
"""
