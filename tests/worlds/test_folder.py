"""A folder of worlds: all of its files are seeded together."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from autumn_mock.cli import main
from autumn_mock.engine import Engine
from autumn_mock.input_files import InputFileError, shipped_files


def write(folder: Path, name: str, slug: str, key: str, body: str = "") -> Path:
    path = folder / name
    path.write_text(f"organisations:\n  - slug: {slug}\n    keys: [{key}]\n{body}", "utf-8")
    return path


def test_each_file_adds_its_organisations(tmp_path: Path) -> None:
    write(tmp_path, "b.yaml", "second", "am_sk_test_b")
    write(tmp_path, "a.yml", "first", "am_sk_test_a")
    (tmp_path / "notes.txt").write_text("not a world")
    engine = Engine(world=str(tmp_path))
    assert [each.slug for each in engine.state.organisations.snapshot()] == ["first", "second"]
    assert engine.first_key == "am_sk_test_a"
    assert engine.find_key("am_sk_test_b") is not None


def test_a_reset_restores_all_of_them(tmp_path: Path) -> None:
    body = "    sandbox:\n      customers: [{customer_id: c1}]\n"
    for slug in ("first", "second"):
        write(tmp_path, f"{slug}.yaml", slug, f"am_sk_test_{slug}", body)
    with Engine(world=str(tmp_path)) as engine:
        for environment in engine.state.environments():
            environment.clear()
        engine.reset()
        assert sum(len(each.customers) for each in engine.state.environments()) == 2


@pytest.mark.parametrize("again", ["slug: first\n    keys: [am_sk_test_b]", "slug: other\n    keys: [am_sk_test_a]"])
def test_a_name_in_two_files_is_reported_with_both(tmp_path: Path, again: str) -> None:
    first = write(tmp_path, "a.yaml", "first", "am_sk_test_a")
    (tmp_path / "b.yaml").write_text(f"organisations:\n  - {again}\n", "utf-8")
    with pytest.raises(InputFileError, match=rf"b\.yaml:.*is already used in {first}, line \d"):
        Engine(world=str(tmp_path))


def test_an_error_of_a_call_names_the_file(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "first", "am_sk_test_a")
    wrong = "    sandbox:\n      customers: [{customer_id: c1, plans: [{plan_id: none}]}]\n"
    path = write(tmp_path, "b.yaml", "second", "am_sk_test_b", wrong)
    with pytest.raises(InputFileError, match=rf"^{path}:5:.*none"):
        Engine(world=str(tmp_path))


def test_a_folder_without_worlds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="there is no world in this folder"):
        Engine(world=str(tmp_path))


def test_what_world_init_writes_is_a_folder_of_worlds(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["world", "init", str(tmp_path / "team.yaml")])
    assert done.exit_code == 0, done.output
    assert len(list(tmp_path.iterdir())) == 2, "the world, and a schema for editors"
    assert len(Engine(world=str(tmp_path)).state.organisations) == 1


def test_a_folder_with_a_schema_alone_has_no_world(tmp_path: Path) -> None:
    (tmp_path / "autumn-mock-world.schema.json").write_text("{}", "utf-8")
    with pytest.raises(InputFileError, match="there is no world in this folder"):
        Engine(world=str(tmp_path))


def test_a_snapshot_among_worlds_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "first", "am_sk_test_a")
    (tmp_path / "b.json").write_bytes(Engine().snapshot())
    with pytest.raises(InputFileError, match=r"b\.json: a snapshot cannot be one of several worlds"):
        Engine(world=str(tmp_path))


def test_the_shipped_worlds_that_share_no_name_can_be_together(tmp_path: Path) -> None:
    for name in ("default", "recordings"):
        shutil.copy(shipped_files("world")[name], tmp_path)
    alone = sum(len(Engine(world=name).state.organisations) for name in ("default", "recordings"))
    assert len(Engine(world=str(tmp_path)).state.organisations) == alone
