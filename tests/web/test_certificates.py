"""Certificates that are made or given, what is wrong with them, and servers that have one."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path

import httpx
import pytest
import trustme
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from autumn_mock import Emulator
from autumn_mock.cli import main
from autumn_mock.control_client import ControlClient, ControlError
from autumn_mock.web.certificates import make_certificate, names_of, read_certificate
from autumn_mock.web.errors import CertificateError
from tests.exec.running import wait_until
from tests.support.server import ServerProcess


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``cert``, ``key``, ``both``, ``locked`` (the key with a password), ``other`` (another key), ``text``."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    made = authority.issue_cert("localhost", "127.0.0.1")
    key = made.private_key_pem.bytes()
    locked = load_pem_private_key(key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    content = {
        "ca": authority.cert_pem.bytes(),
        "cert": made.cert_chain_pems[0].bytes(),
        "key": key,
        "both": made.private_key_and_cert_chain_pem.bytes(),
        "locked": locked,
        "other": authority.issue_cert("localhost").private_key_pem.bytes(),
        "text": b"hello",
    }
    for name, each in content.items():
        (folder / name).write_bytes(each)
    return folder


@pytest.mark.parametrize(("certificate", "key"), [("cert", "key"), ("both", None)])
def test_read_certificate_takes_one_file_or_two(files: Path, certificate: str, key: str | None) -> None:
    found = read_certificate(str(files / certificate), str(files / key) if key else None)
    assert found.authority is None
    assert found.context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("certificate", "key", "message"),
    [
        ("cert", None, "--tls-cert FOLDER/cert: there is no certificate in PEM with its key; give the file of the key"),
        ("cert", "other", "--tls-cert FOLDER/cert with the key FOLDER/other: the key belongs to another certificate"),
        ("cert", "locked", "--tls-key: the key has a password"),
        ("text", "key", "--tls-cert FOLDER/text with the key FOLDER/key: there is no certificate in PEM with its key"),
        ("cert", "none", "--tls-key FOLDER/none: No such file or directory"),
        ("none", "key", "--tls-cert FOLDER/none: No such file or directory"),
        ("pipe", "key", "--tls-cert FOLDER/pipe: it is not a regular file"),
        ("cert", "pipe", "--tls-key FOLDER/pipe: it is not a regular file"),
    ],
)
def test_read_certificate_says_what_is_wrong(files: Path, certificate: str, key: str | None, message: str) -> None:
    if "pipe" in (certificate, key):
        if not hasattr(os, "mkfifo"):
            pytest.skip("there are no such pipes on Windows")
        if not (files / "pipe").exists():
            os.mkfifo(files / "pipe")
    with pytest.raises(CertificateError) as caught:
        read_certificate(str(files / certificate), str(files / key) if key else None)
    assert str(caught.value).replace(str(files), "FOLDER").startswith(message)


def test_make_certificate_without_trustme_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    result = CliRunner().invoke(main, ["serve", "--tls", "--port", "0"])
    assert result.exit_code == 2
    assert "pip install 'autumn-mock[tls]'; or give one with --tls-cert FILE and --tls-key FILE" in result.output


def test_make_certificate_refuses_an_invalid_name() -> None:
    with pytest.raises(CertificateError, match="no certificate can be made for a_name with spaces"):
        make_certificate(["a_name with spaces"])


def test_names_of_an_address_are_those_that_clients_use() -> None:
    assert names_of("127.0.0.1") == ["127.0.0.1", "localhost", "127.0.0.1", "::1"]
    assert names_of("build.internal")[0] == "build.internal"
    assert {"0.0.0.0", "localhost", "127.0.0.1", "::1"} <= set(names_of("0.0.0.0"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["serve", "--tls-key", "k"], "--tls-key is the key of a certificate; give that with --tls-cert FILE"),
        (["exec", "--proxy", "--tls-cert", "c", "--", "true"], "--proxy makes a certificate for api.useautumn.com; "),
        (["serve", "--tls-cert", "no such file"], "--tls-cert no such file: No such file or directory"),
    ],
)
def test_options_that_do_not_fit_end_the_start(options: list[str], message: str) -> None:
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 2
    assert message in result.output


def test_emulator_speaks_tls_with_an_authority_to_trust() -> None:
    emulator = Emulator(tls=True)
    with emulator as mock:
        assert mock.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cadata=(emulator.authority or b"").decode())
        head = {"Authorization": f"Bearer {mock.key}"}
        body = {"customer_id": "cus_456", "plan_id": "pro"}
        with httpx.Client(base_url=mock.url, headers=head, verify=context) as client:
            reply = client.post("/v1/billing.attach", json=body).json()
            assert reply["payment_url"].startswith(f"{mock.url}/checkout/")
            # The server calls itself to play a scenario.
            run = client.post("/_mock/scenarios/partial-failure/runs").json()
            played = client.post(f"/_mock/scenarios/runs/{run['id']}/next", json={"all": True}).json()
            assert (played["over"], played["unmet"]) == (True, [])
            assert client.delete(f"/_mock/scenarios/runs/{run['id']}").status_code == 200
        with ControlClient(mock.url, trusted=context) as control:
            assert control.get("/health")["status"] == "ok"
        with (
            ControlClient(mock.url) as control,
            pytest.raises(ControlError, match="is not trusted; SSL_CERT_FILE names the file with its authority"),
        ):
            control.get("/health")
    assert emulator.authority is None


def test_serve_with_a_given_certificate(files: Path) -> None:
    options = ("--tls-cert", str(files / "cert"), "--tls-key", str(files / "key"))
    with ServerProcess(*options) as server:
        assert server.url.startswith("https://")
        context = ssl.create_default_context(cafile=files / "ca")
        assert httpx.get(f"{server.url}/_mock/health", verify=context).status_code == 200
        assert "authority" not in server.stderr()


def test_serve_names_the_file_of_the_authority_it_made() -> None:
    with ServerProcess("--tls", "--host", "::1") as server:
        assert server.url.startswith("https://[::1]:")
        wait_until(lambda: "authority.pem" in server.stderr(), "the start of the log")
        (path,) = (Path(each) for each in server.stderr().split() if each.endswith("authority.pem"))
        context = ssl.create_default_context(cafile=path)
        for _ in range(2):
            assert httpx.get(f"{server.url}/_mock/health", verify=context).status_code == 200
    assert not path.parent.exists()
