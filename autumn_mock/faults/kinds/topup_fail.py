from autumn_mock.faults.options import Option, topup_problem
from autumn_mock.faults.sites import ChargeFault


class FailTopup(ChargeFault):
    """The charge of an auto top-up fails, and the balance stays as it is."""

    name = "topup:fail"
    example = "topup:fail times=3"
    own_options = (Option("reason", topup_problem, "charge_failed (default) or missing_payment_method", "REASON"),)

    def on_charge(self) -> str:
        return str(self.options.get("reason", "charge_failed"))
