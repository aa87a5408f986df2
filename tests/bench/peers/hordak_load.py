"""Post a load to django-hordak and print `{"per_s", "p50_ms", "server_cpu_us"}`; runs in `.venv-peers`, by itself.

    prepare    its migrations, one account that receives and 1,000 that give
    single     `Account.transfer_to` in a database transaction of its own, one after the other
    batch500   500 transactions and their legs by two `bulk_create` in one database transaction
    hot32      32 threads, each with a connection of its own: `transfer_to` between the same two accounts

Figures that a load does not have are null.
"""

import argparse
import json
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings

ACCOUNTS, CALLERS, BATCH = 1_000, 32, 500


def main() -> None:
    """One load."""
    parser = argparse.ArgumentParser()
    parser.add_argument("load", choices=["prepare", *LOADS])
    parser.add_argument("--database", required=True)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    _set_up(options.database)
    if options.load == "prepare":
        _prepare()
    else:
        print(json.dumps(LOADS[options.load](options.seconds)))  # noqa: T201 -- its answer


def _set_up(url: str) -> None:
    parts = urlsplit(url)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": parts.username or "postgres",
        "HOST": parse_qs(parts.query).get("host", [parts.hostname or ""])[0],
        "PORT": parts.port or "",
        "CONN_MAX_AGE": None,
    }
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        SECRET_KEY="measuring",
        DEFAULT_CURRENCY="EUR",
        CURRENCIES=["EUR"],
    )
    django.setup()


def _prepare() -> None:
    from django.core.management import call_command
    from hordak.models import Account, AccountType

    call_command("migrate", verbosity=0)
    Account.objects.create(name="received", code="R", type=AccountType.asset, currencies=["EUR"])
    for i in range(ACCOUNTS):
        Account.objects.create(name=f"c{i}", code=str(i), type=AccountType.liability, currencies=["EUR"])


def _accounts() -> tuple:
    from hordak.models import Account

    found = list(Account.objects.order_by("id"))
    return found[0], found[1:]


def _single(seconds: int) -> dict:
    from django.db import transaction

    received, givers = _accounts()
    chance, spent = random.Random(1), []
    started = ended = time.perf_counter()
    while ended - started < seconds:
        before = time.perf_counter()
        with transaction.atomic():
            chance.choice(givers).transfer_to(received, _money(chance))
        ended = time.perf_counter()
        spent.append(ended - before)
    return {"per_s": round(len(spent) / (ended - started)), "p50_ms": round(median(spent) * 1000, 3)}


def _batches(seconds: int) -> dict:
    from django.db import transaction
    from hordak.models import Leg, Transaction

    received, givers = _accounts()
    chance, posted = random.Random(2), 0
    cpu, started = _server_time(), time.perf_counter()
    while time.perf_counter() - started < seconds:
        with transaction.atomic():
            made = Transaction.objects.bulk_create([Transaction(description="payment-received") for _ in range(BATCH)])
            legs = []
            for each in made:
                amount = _money(chance)
                legs += [
                    Leg(transaction=each, account=received, debit=amount),
                    Leg(transaction=each, account=chance.choice(givers), credit=amount),
                ]
            Leg.objects.bulk_create(legs)
        posted += BATCH
    spent, cpu_spent = time.perf_counter() - started, _server_time() - cpu
    return {"per_s": round(posted / spent), "server_cpu_us": round(cpu_spent * 1e6 / posted)}


def _callers(seconds: int) -> dict:
    from django.db import connection, transaction

    received, givers = _accounts()
    posted = [0] * CALLERS
    ready = threading.Barrier(CALLERS + 1)

    def call(caller: int) -> None:
        connection.ensure_connection()
        ready.wait()
        deadline, chance = time.perf_counter() + seconds, random.Random(caller)
        while time.perf_counter() < deadline:
            with transaction.atomic():
                givers[0].transfer_to(received, _money(chance))
            posted[caller] += 1
        connection.close()

    threads = [threading.Thread(target=call, args=(i,)) for i in range(CALLERS)]
    for thread in threads:
        thread.start()
    ready.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return {"per_s": round(sum(posted) / (time.perf_counter() - started))}


def _money(chance: random.Random) -> object:
    from decimal import Decimal

    from moneyed import Money

    return Money(Decimal(chance.randrange(1, 10**6)) / 100, "EUR")


def _server_time() -> float:
    """Seconds of processor time that the server's process for this connection has taken (Linux)."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [process] = cursor.fetchone()
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


LOADS: dict[str, Callable[[int], dict]] = {"single": _single, "batch500": _batches, "hot32": _callers}

if __name__ == "__main__":
    main()
