from autumn_mock.faults.sites import PaymentFault


class DeclinePayment(PaymentFault):
    """A payment is declined, of a call or on a payment page, whatever the card."""

    name = "payment:decline"
    example = "payment:decline reason=insufficient_funds times=1"
    occasions = frozenset({"purchase", "page"})
