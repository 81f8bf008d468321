"""The border with HTTP bodies: what a request may hold, the exact words that refuse it, and what is answered.

From the lowest to the highest; ``tests/test_imports.py`` holds the direction. The operations are between the requests
and the answers: they take the one and return what the other is made from.

=====================  =============================================================================
``body``               reads the JSON of a body; at worst an empty object
``schema``             how a request is described, checked and parsed
``versions``           what differs between API versions: one module each, of requests and of answers
``requests``           what each call takes
``answer``             the structs that answers are made of
``batch``              parses a batch, and a single use
*operations*
``cursor``             pages of lists
``responses``          what each call answers
``webhooks``           the webhooks that show whole customers, made from the answers
=====================  =============================================================================
"""
