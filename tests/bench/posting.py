"""Entries posted per second, as `bxl bench posting` measures it on a database of one's own.

*one* is a single caller who waits for each answer; *500* are units of work of 500 entries over 1,000 accounts;
*32 callers* post at once on the same two accounts, each waiting for its answer; *bare* is the driver's own insert of
the rows that the batches wrote, into the same tables without triggers and foreign keys. Figures are medians of rounds.
"""

from api.bench.posting import measure_posting
from ledger.storage.engine import open_engine
from tests.bench.bars import number
from tests.bench.databases import KINDS, NAMES, Databases
from tests.bench.scale import Scale
from tests.bench.sections import Findings, Section


def run(databases: Databases, scale: Scale, findings: Findings) -> None:
    """Both databases, one after the other."""
    findings.table(
        "database", "one, /s", "median, ms", "500, /s", "32 callers, /s", "bare, /s", "500 / bare", "server, µs"
    )
    for kind in KINDS:
        engine = open_engine(databases.make(kind, "posting"))
        rates = measure_posting(engine, rounds=scale.rounds, seconds=scale.seconds)
        engine.dispose()
        databases.drop(kind, "posting")
        ratio = rates.batch500_per_s / rates.raw500_per_s
        figures = {
            "single": rates.single_per_s, "p50": rates.single_p50_ms, "batch500": rates.batch500_per_s,
            "hot32": rates.hot32_per_s, "bare": rates.raw500_per_s, "raw": round(ratio, 3),
        }  # fmt: skip
        if rates.server_cpu_us_per_entry is not None:
            figures["cpu"] = rates.server_cpu_us_per_entry
        findings.measured |= {f"{name}.{kind}": figure for name, figure in figures.items()}
        findings.row(
            NAMES[kind], *(number(figure) for figure in figures.values()), *([] if "cpu" in figures else ["-"])
        )


SECTION = Section("Posting", 3, __doc__ or "", run)
