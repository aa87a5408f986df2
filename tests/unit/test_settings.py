"""Settings: read once, every fault at once, and nothing dangerous together."""

from pathlib import Path

import pytest

from api.settings import SANDBOX_KEY, SANDBOX_TOKEN, SettingsError, read_settings

LIVE = "live_" + "a" * 30


def faults(**environment: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        read_settings(environment)
    return caught.value.faults


def test_an_empty_environment_is_the_sandbox_on_this_machine() -> None:
    settings = read_settings({})
    assert (settings.port, settings.origin, settings.book_id) == (8000, "http://127.0.0.1:8000", "main")
    assert settings.mollie_key == SANDBOX_KEY
    assert settings.is_sandbox
    assert settings.database_url == f"sqlite:///{settings.data / 'bxl.sqlite3'}"


def test_every_fault_is_reported_at_once() -> None:
    found = faults(BXL_PORT="80a", BXL_ORIGIN="nowhere", BXL_BOOK="Main book", BXL_MOLLIE_KEY="secret")
    assert [fault.split("=")[0].split(" ")[0] for fault in found] == [
        "BXL_PORT",
        "BXL_ORIGIN",
        "BXL_MOLLIE_KEY",
        "BXL_BOOK",
    ]
    assert all("secret" not in fault for fault in found)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "eight"])
def test_a_port_is_a_port(port: str) -> None:
    assert faults(BXL_PORT=port) == (f"BXL_PORT={port} is no port: a number from 1 to 65535",)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"BXL_SANDBOX": "http://127.0.0.1:8001"}, ("BXL_MOLLIE_KEY", "BXL_SANDBOX")),
        ({"BXL_MOLLIE_ENDPOINT": "http://api.mollie.com"}, ("BXL_MOLLIE_ENDPOINT", "https")),
        ({"BXL_MOLLIE_ENDPOINT": "https://127.0.0.1:8001"}, ("BXL_MOLLIE_ENDPOINT", "this machine")),
        ({"BXL_ORIGIN": "http://bxl-invest.example"}, ("BXL_ORIGIN", "https")),
    ],
)
def test_a_live_key_never_meets_a_sandbox_or_an_open_line(more: dict[str, str], named: tuple[str, str]) -> None:
    safe = {"BXL_MOLLIE_KEY": LIVE, "BXL_ORIGIN": "https://bxl-invest.example"}
    assert not read_settings(safe).is_sandbox
    (fault,) = faults(**(safe | more))
    assert all(word in fault for word in named)
    assert LIVE not in fault


def test_an_organisations_token_belongs_to_a_live_key_or_to_the_sandbox() -> None:
    token = "access_" + "t" * 30
    live = {"BXL_MOLLIE_KEY": LIVE, "BXL_ORIGIN": "https://bxl-invest.example"}
    assert read_settings(live).mollie_token is None
    known = read_settings(live | {"BXL_MOLLIE_ACCESS_TOKEN": token})
    assert (known.mollie_token, token in repr(known)) == (token, False)
    assert read_settings({"BXL_SANDBOX": "http://127.0.0.1:8001"}).mollie_token == SANDBOX_TOKEN
    test_key = {"BXL_MOLLIE_KEY": "test_" + "s" * 30}
    assert read_settings(test_key | {"BXL_SANDBOX": "http://127.0.0.1:8001"}).mollie_token is None
    (fault,) = faults(**test_key, BXL_MOLLIE_ACCESS_TOKEN=token)
    assert "real settlements" in fault
    (fault,) = faults(**live, BXL_MOLLIE_ACCESS_TOKEN="a-token")
    assert "BXL_MOLLIE_ACCESS_TOKEN" in fault
    assert "a-token" not in fault


def test_webhooks_are_signed_with_one_secret_or_two() -> None:
    one, two = "first-secret-of-all", "second-secret-of-all"
    assert read_settings({"BXL_MOLLIE_WEBHOOK_SECRETS": one}).webhook_secrets == (one,)
    assert read_settings({"BXL_MOLLIE_WEBHOOK_SECRETS": f"{one} {two}"}).webhook_secrets == (one, two)
    for wrong in ("short", f"{one} short", f"{one} {two} {one}"):
        (fault,) = faults(BXL_MOLLIE_WEBHOOK_SECRETS=wrong)
        assert "one or two secrets" in fault
        assert wrong not in fault


def test_secrets_are_kept_out_of_the_text_form() -> None:
    settings = read_settings(
        {
            "BXL_MOLLIE_KEY": "test_" + "s" * 30,
            "BXL_SMTP_URL": "smtp://user:hunter2@host",
            "BXL_DATABASE": "postgresql://user:hunter3@host/bxl",
            "BXL_KEY_PASSPHRASE": "hunter4",
            "BXL_MOLLIE_WEBHOOK_SECRETS": "hunter5-hunter5-hunter5",
        }
    )
    text = repr(settings)
    assert "hunter" not in text
    assert "ssss" not in text


def test_a_timestamp_authority_comes_with_the_certificate_to_check_it() -> None:
    known = {"BXL_TSA_URL": "https://tsa.example/", "BXL_TSA_CERTIFICATE": "root.pem"}
    settings = read_settings(known)
    assert (settings.tsa_url, settings.tsa_certificate.name) == ("https://tsa.example/", "root.pem")
    assert settings.tsa_certificate.is_absolute()
    for name, value in known.items():
        assert "go together" in faults(**{name: value})[0]


def test_the_witnesses_of_new_books_stand_in_a_file(tmp_path: Path) -> None:
    assert read_settings({}).witnesses_file is None
    (tmp_path / "quorum").touch()
    assert read_settings({"BXL_WITNESSES": str(tmp_path / "quorum")}).witnesses_file == tmp_path / "quorum"
    assert faults(BXL_WITNESSES=str(tmp_path)) == (f"BXL_WITNESSES={tmp_path} is no file",)


AT_A_BANK = {
    "BXL_BANK": "folder:/srv/bank",
    "BXL_CLIENT_IBAN": "BE71 0961 2345 6769",
    "BXL_CLIENT_BIC": "GKCCBEBB",
    "BXL_CREDITOR_ID": "BE69ZZZ050D000000008",
}


def test_where_a_sandbox_runs_it_plays_the_bank() -> None:
    settings = read_settings({"BXL_SANDBOX": "http://127.0.0.1:8001", "BXL_OPERATOR": "Coop SC (fictive)"})
    assert settings.bank == "http://127.0.0.1:8001"
    assert settings.bank_token.startswith("test_")
    account = settings.client_account
    assert account is not None
    assert (account.name, account.iban) == ("Coop SC", "BE42096550100054")
    assert account.creditor_identifier == "BE81ZZZ0801234549"
    assert settings.own_iban == "BE03096550200084"


def test_without_a_bank_its_files_are_carried_by_hand() -> None:
    settings = read_settings({"BXL_CLIENT_IBAN": "BE71 0961 2345 6769"})
    assert settings.bank is None
    assert settings.client_account is not None
    assert read_settings({}).client_account is None
    assert read_settings({"BXL_SANDBOX": "http://127.0.0.1:8001", "BXL_BANK": "none"}).bank is None


def test_a_bank_is_reached_by_a_folder_or_by_an_address_with_a_token() -> None:
    settings = read_settings(AT_A_BANK)
    assert (str(settings.bank_folder), settings.client_iban) == ("/srv/bank", "BE71096123456769")
    live = {"BXL_MOLLIE_KEY": LIVE, "BXL_ORIGIN": "https://bxl-invest.example", "BXL_BANK_TOKEN": "live_" + "b" * 30}
    settings = read_settings(AT_A_BANK | live | {"BXL_BANK": "https://bank.example/"})
    assert (settings.bank_folder, settings.bank) == (None, "https://bank.example")
    assert "bbbb" not in repr(settings)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"BXL_BANK": "somewhere"}, "BXL_BANK=somewhere is no bank"),
        ({"BXL_BANK": "folder:bank"}, "BXL_BANK=folder:bank is no bank"),
        ({"BXL_BANK": "https://bank.example"}, "BXL_BANK_TOKEN is missing"),
        ({"BXL_BANK": "https://bank.example", "BXL_BANK_TOKEN": "live_" + "b" * 30}, "not both test or both live"),
        ({"BXL_BANK_TOKEN": "hunter2"}, "BXL_BANK_TOKEN is no token"),
        ({"BXL_CLIENT_IBAN": "BE71 0961 2345 6768"}, "BXL_CLIENT_IBAN=BE71 0961 2345 6768 is no account number"),
        ({"BXL_CLIENT_IBAN": ""}, "BXL_BANK is set without BXL_CLIENT_IBAN"),
        ({"BXL_CLIENT_IBAN": "", "BXL_BANK": ""}, "BXL_CREDITOR_ID is set without BXL_CLIENT_IBAN"),
        ({"BXL_OWN_IBAN": "BE71096123456768"}, "BXL_OWN_IBAN=BE71096123456768 is no account number"),
        ({"BXL_OWN_IBAN": "BE71096123456769"}, "BXL_OWN_IBAN is BXL_CLIENT_IBAN"),
        ({"BXL_CLIENT_BIC": "GKCC"}, "BXL_CLIENT_BIC=GKCC is no BIC"),
        ({"BXL_CREDITOR_ID": "BE70ZZZ050D000000008"}, "BXL_CREDITOR_ID=BE70ZZZ050D000000008 is no creditor identifier"),
    ],
)
def test_nonsense_of_a_bank_is_refused_at_the_start(changed: dict[str, str], fault: str) -> None:
    found = faults(**(AT_A_BANK | changed))
    assert any(fault in each for each in found)
    assert all("hunter2" not in each for each in found)


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"BXL_BANK": "http://bank.example"}, "BXL_BANK is not https"),
        ({"BXL_BANK": "https://localhost"}, "BXL_BANK is this machine"),
        ({"BXL_BANK_TOKEN": "test_" + "b" * 30}, "not both test or both live"),
    ],
)
def test_live_money_never_meets_a_bank_that_only_plays(more: dict[str, str], fault: str) -> None:
    live = {"BXL_MOLLIE_KEY": LIVE, "BXL_ORIGIN": "https://bxl-invest.example", "BXL_BANK_TOKEN": "live_" + "b" * 30}
    (found,) = faults(**(AT_A_BANK | live | {"BXL_BANK": "https://bank.example"} | more))
    assert fault in found
