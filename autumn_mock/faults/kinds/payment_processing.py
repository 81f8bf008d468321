from autumn_mock.domain.payment import Refusal, processing
from autumn_mock.faults.options import duration
from autumn_mock.faults.sites import PLAN, PaymentFault


class ProcessedPayment(PaymentFault):
    """The charge of a call is processed for so long, on the organisation's clock: payment_processing, then it
    succeeds."""

    name = "payment:processing"
    example = "payment:processing 30s plan=pro"
    argument = duration
    argument_placeholder = "TIME"
    own_options = (PLAN,)
    occasions = frozenset({"purchase"})

    def on_charge(self) -> Refusal:
        return processing(int(self.rule.argument))
