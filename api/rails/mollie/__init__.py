"""Mollie, through its own client library, behind the ports of `ledger.payments.rail`."""

from api.rails.mollie.books import MollieBooks as MollieBooks
from api.rails.mollie.rail import MollieRail as MollieRail
