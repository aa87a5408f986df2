"""Mollie, through its own client library, behind `ledger.payments.rail.PaymentRail`."""

from api.rails.mollie.rail import MollieRail as MollieRail
