"""``import``: CSV files of customers and events, checked as a whole before anything is added."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from autumn_mock.cli import import_, main
from tests.support.client import DEFAULT_KEY
from tests.support.server import ServerProcess

from .conftest import Run, document, runner, text_of

CUSTOMERS = (
    "customer_id,name,email,plans,started_at,balance.messages,usage.messages,entities.seats,metadata.tier\n"
    'imp_1,"Company, One",one@example.com,pro,-40d,,120,desk_1;desk_2,gold\n'
    "imp_2,Two,,free,,500,,,\n"
)
EVENTS = (
    "customer_id,feature_id,value,timestamp,properties.model,entity_id\n"
    "imp_1,messages,5,-3d,large,desk_1\n"
    "imp_2,messages,2.5,2026-01-05T10:00:00Z,,\n"
    "imp_2,messages,,,,\n"
)


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "rows.csv"
    path.write_text(text, "utf-8")
    return str(path)


def test_customers_and_their_events_are_added(run: Run, server: ServerProcess, tmp_path: Path) -> None:
    file = write(tmp_path, CUSTOMERS)
    assert text_of(run("import", "customers", file, "--check")) == f"{file} is valid: 2 customers\n"
    assert text_of(run("import", "customers", file)) == f"imported 2 customers from {file}\n"
    shown = server.ask("/v1/customers.get", {"customer_id": "imp_1"})
    assert (shown["name"], shown["metadata"], shown["balances"]["messages"]["usage"]) == (
        "Company, One",
        {"tier": "gold"},
        120,
    )
    assert server.balance("imp_2") == 600
    done = document(run("import", "events", write(tmp_path, EVENTS), "--json", "--key", DEFAULT_KEY))
    assert done == {"imported": 3, "file": str(tmp_path / "rows.csv")}
    assert server.balance("imp_2") == 596.5
    rows = server.ask("/v1/events.list", {"customer_id": "imp_1"})["list"]
    assert [(each["value"], each["properties"]) for each in rows] == [(5, {"model": "large"})]
    assert text_of(run("import", "events", write(tmp_path, EVENTS), "--history")).startswith("imported 3 events")
    assert server.balance("imp_2") == 596.5
    assert len(server.ask("/v1/events.list", {"customer_id": "imp_2"})["list"]) == 4


def test_standard_input_is_a_file(server: ServerProcess) -> None:
    env = {"AUTUMN_MOCK_URL": server.url, "AUTUMN_SECRET_KEY": None}
    done = CliRunner().invoke(main, ["import", "customers", "-"], env=env, input="customer_id\nin_1\n")
    assert (done.exit_code, done.output) == (0, "imported 1 customer from -\n")
    done = CliRunner().invoke(main, ["import", "customers", "-"], env=env, input="customer_id\nin_1\n")
    assert "standard input:2:1: customer_id: the customer in_1 exists already" in done.output


@pytest.mark.parametrize(
    ("kind", "text", "problems"),
    [
        (
            "customers",
            "customer_id,email,plans,balance.mesages,started_at\n"
            "good,,,,\n"
            "bad 1,x,,,\n"
            "cus_123,,,,\n"
            "good,,,1,\n"
            "bad_4,,free;fre,,\n"
            "bad_5,,free,,2999-01-01\n",
            [
                "3:1: customer_id: cannot contain spaces.",
                "3:2: email: not a valid email address",
                "4:1: customer_id: the customer cus_123 exists already",
                "5:1: customer_id: this customer is already in line 2",
                "5:4: balance.mesages: Feature mesages not found",
                "6:3: plans: Product fre not found",
                "7:3: plans: is in the future;",
            ],
        ),
        (
            "events",
            "customer_id;feature_id;value;timestamp;entity_id;event_name\n"
            "cus_123;messages;1;soon;;\n"
            "cus_9;messages;1;;;\n"
            "cus_123;mesages;1;;;\n"
            "cus_123;messages;1;2999-01-01;;\n"
            "cus_123;messages;1;;seat_9;\n"
            "cus_123;;1;;;\n"
            "cus_123;;1;;;sent\n",
            [
                "2:4: timestamp: must be a date, an instant",
                "3:1: customer_id: Customer cus_9 not found",
                "4:2: feature_id: Feature mesages not found",
                "5:4: timestamp: is in the future;",
                "6:5: entity_id: Entity seat_9 not found",
                "7:1: customer_id: Either feature_id or event_name must be provided",
                "8:6: event_name: No features found for event name: sent",
            ],
        ),
    ],
)
def test_nothing_is_added_from_a_file_with_mistakes(
    run: Run, server: ServerProcess, tmp_path: Path, kind: str, text: str, problems: list[str]
) -> None:
    file = write(tmp_path, text)
    output = text_of(run("import", kind, file), code=2)
    found = [each for each in output.replace("Error: ", "").splitlines() if each.startswith(file)]
    assert [
        each.removeprefix(f"{file}:")[: len(wanted)] for each, wanted in zip(found, problems, strict=True)
    ] == problems
    assert server.post("/v1/customers.get", {"customer_id": "good"}).status == 404
    assert server.ask("/v1/events.list", {})["list"] == []


def test_many_rows_are_sent_in_parts(
    run: Run, server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_, "_CHUNK", 3)
    file = write(tmp_path, "customer_id\n" + "".join(f"many_{number}\n" for number in range(8)) + "bad one\n")
    assert f"{file}:10:1: customer_id: cannot contain spaces" in text_of(run("import", "customers", file), code=2)
    file = write(tmp_path, "customer_id\n" + "".join(f"many_{number}\n" for number in range(8)))
    assert text_of(run("import", "customers", file)) == f"imported 8 customers from {file}\n"
    assert server.post("/v1/customers.get", {"customer_id": "many_7"}).status == 200


def test_a_server_that_stops_half_way_leaves_a_clear_state(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autumn_mock.control_client import ControlClient, ServerUnreachable

    monkeypatch.setattr(import_, "_CHUNK", 2)
    real = ControlClient.post
    calls = []

    def post(self: ControlClient, path: str, body: object, timeout: float = 10) -> object:
        calls.append(body)
        if len(calls) == 4:  # two are checks
            raise ServerUnreachable("no server is listening")
        return real(self, path, body, timeout)

    monkeypatch.setattr(ControlClient, "post", post)
    file = write(tmp_path, "customer_id\nhalf_1\nhalf_2\nhalf_3\n")
    output = text_of(runner(server.url)("import", "customers", file), code=1)
    assert "no server is listening; 2 rows before line 4 were added; import the others from a copy" in output
    assert server.post("/v1/customers.get", {"customer_id": "half_2"}).status == 200
    assert server.post("/v1/customers.get", {"customer_id": "half_3"}).status == 404
