"""The acceptance scenarios of money movement, each named by its sentence: shops over the sandbox, and towns."""

from tests.functional.conftest import sqlite_town as sqlite_town
from tests.functional.conftest import town as town
from tests.integration.payments.conftest import control as control
from tests.integration.payments.conftest import sandbox as sandbox
from tests.integration.payments.conftest import shop as shop
from tests.integration.payments.conftest import sqlite_shop as sqlite_shop
