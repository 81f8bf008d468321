"""CSV files: titles, values, and the place of what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autumn_mock.data.csv_rows import CsvFile, CsvRow, Kind
from autumn_mock.input_files import InputFileError


def lines(tmp_path: Path, kind: Kind, text: str | bytes) -> list[Any]:
    """The entries of a file, or ``LINE:COLUMN: TITLE: TEXT`` for what is wrong with a row, or with the whole file."""
    path = tmp_path / "rows.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        found = list(CsvFile(path, kind).rows())
    except InputFileError as error:
        return [each.removeprefix(f"{path}:") for each in str(error).splitlines()]
    return [each.entry if isinstance(each, CsvRow) else str(each).removeprefix(f"{path}:") for each in found]


def test_customers_have_all_that_a_world_gives_them(tmp_path: Path) -> None:
    text = (
        "\ufeffcustomer_id,name,plans,started_at,balance.messages,balance.words,"
        "usage.words,entities.seats,metadata.a b\n"
        '"c","Two\nlines","free; more",-3d,5,2.5,1,s1;s2,"x, y"\n'
        "\n"
        "d,,,,,,,,\n"
    )
    assert lines(tmp_path, "customers", text) == [
        {
            "customer_id": "c",
            "name": "Two\nlines",
            "plans": [{"plan_id": "free", "started_at": "-3d"}, {"plan_id": "more", "started_at": "-3d"}],
            "balances": [
                {"feature_id": "messages", "included_grant": 5},
                {"feature_id": "words", "included_grant": 2.5},
            ],
            "usage": [{"feature_id": "words", "usage": 1}],
            "entities": [{"entity_id": "s1", "feature_id": "seats"}, {"entity_id": "s2", "feature_id": "seats"}],
            "metadata": {"a b": "x, y"},
        },
        {"customer_id": "d"},
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_events_may_have_other_delimiters(tmp_path: Path, delimiter: str) -> None:
    text = "customer_id,feature_id,value,timestamp,properties.model\nc,messages,3,1790000000000,007\n"
    assert lines(tmp_path, "events", text.replace(",", delimiter)) == [
        {
            "customer_id": "c",
            "feature_id": "messages",
            "value": 3,
            "timestamp": "1790000000000",
            "properties": {"model": "007"},
        }
    ]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["1:1: the first line has no column customer_id"]),
        ("name\n", ["1:1: the first line has no column customer_id"]),
        ("customer_id,nmae\n", ["1:2: nmae: unknown column, did you mean 'name'?"]),
        ("customer_id,metadata.\n", ["1:2: metadata.: unknown column, did you mean 'metadata.NAME'?"]),
        ("customer_id,name,name\n", ["1:3: name: a second column with this title"]),
        ("customer_id,name\nc\n", ["2:2: has 1 values, and there are 2 columns"]),
        ("customer_id,name\nc,x,y\n", ["2:3: has 3 values, and there are 2 columns"]),
        ("name,customer_id\nx,\n", ["2:2: customer_id: is missing"]),
        (
            'customer_id,name,usage.a\nc,"two\nlines",1\nd,x,"1,5"\ne,x,nan\n',
            [
                {"customer_id": "c", "name": "two\nlines", "usage": [{"feature_id": "a", "usage": 1}]},
                "4:3: usage.a: must be a number (it is '1,5'); a decimal point is a point",
                "5:3: usage.a: must be a number (it is 'nan'); a decimal point is a point",
            ],
        ),
        ('customer_id\na\n"b\n', ["3:1: invalid CSV: unexpected end of data"]),
        (b"customer_id\n\xff\n", ["1:1: not UTF-8"]),
        ("\0" * 9_000_000, ["1:1: invalid CSV: a line has at most 8388608 characters"]),
        (f"customer_id\n{'x' * 9_000_000}\n", ["2:1: invalid CSV: a line has at most 8388608 characters"]),
        (b"customer_id\n" + b"c\n" * 9000 + b"\xff\n", None),
    ],
)
def test_mistakes_have_their_line_and_column(tmp_path: Path, text: str | bytes, problems: list[Any] | None) -> None:
    found = lines(tmp_path, "customers", text)
    if problems is None:
        assert "not UTF-8" in found[0]
    else:
        assert found == problems


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="No such file"):
        CsvFile(tmp_path / "none.csv", "events")
