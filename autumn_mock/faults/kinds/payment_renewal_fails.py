from autumn_mock.faults.sites import PaymentFault


class FailRenewal(PaymentFault):
    """The payment of a renewal is declined: the plan stays, and is past due until the invoice is paid."""

    name = "payment:renewal-fails"
    example = "payment:renewal-fails plan=pro"
    occasions = frozenset({"renewal"})
