from autumn_mock.domain.payment import Refusal, processing
from autumn_mock.faults.options import duration
from autumn_mock.faults.sites import PLAN, PaymentFault


class LatePayment(PaymentFault):
    """A payment on a page takes effect this much later, on the organisation's clock; the customer is back before."""

    name = "payment:late"
    example = "payment:late 30s plan=pro"
    argument = duration
    argument_placeholder = "TIME"
    own_options = (PLAN,)
    occasions = frozenset({"page"})

    def on_charge(self) -> Refusal:
        return processing(int(self.rule.argument))
