from autumn_mock.domain.payment import DECLINED, NO_CARD, Refusal
from autumn_mock.faults.options import Option, topup_problem
from autumn_mock.faults.sites import PaymentFault


class FailTopup(PaymentFault):
    """The charge of an auto top-up fails, and the balance stays as it is."""

    name = "topup:fail"
    example = "topup:fail times=3"
    own_options = (Option("reason", topup_problem, "charge_failed (default) or missing_payment_method", "REASON"),)
    occasions = frozenset({"topup"})

    def on_charge(self) -> Refusal:
        return NO_CARD if self.options.get("reason") == "missing_payment_method" else DECLINED
