"""``autumn-mock certify``: a conformance suite for clients of the API.

A client is driven through an adapter, a small program that reads instructions and answers each with what its client
returned or raised (``docs/certify.md``). A case is a file in the format of scenarios: it arranges faults, instructs the
client, and compares what the client reported with the journal, the balances and the findings of the server.
"""
