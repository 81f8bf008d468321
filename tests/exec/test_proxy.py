"""``exec --proxy``: clients whose host is fixed, by their default URL, and only inside of the command."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from autumn_mock.cli.trust import AUTUMN_HOST, proxied, trusting
from autumn_mock.web.certificates import make_certificate
from tests.exec.running import Done, execute
from tests.support.node import Node

CLIENTS = Path(__file__).with_name("proxied")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on the PATH")


class Outcome(NamedTuple):
    """What the clients printed, and the end of the run."""

    said: dict[str, Any]
    done: Done


def outcome(done: Done) -> Outcome:
    assert done.code == 0, done.err
    return Outcome(dict(done.lines), done)


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    """Variables that the command has without ``--proxy``."""
    return {"NO_PROXY": f"intranet,{AUTUMN_HOST},.useautumn.com", "HTTPS_PROXY": "http://127.0.0.1:1"}


@pytest.fixture(scope="module")
def python(before: Mapping[str, str]) -> Outcome:
    return outcome(execute("--proxy", "--", sys.executable, str(CLIENTS / "client.py"), env=before))


@needs_curl
@pytest.mark.parametrize(
    ("client", "wanted"),
    [
        ("curl", [0, 200]),
        ("httpx", 200),
        ("requests", 200),
        ("autumn-sdk", 1100),
        ("direct", 200),
    ],
)
def test_proxy_serves_clients_with_their_default_url(python: Outcome, client: str, wanted: object) -> None:
    assert python.said[client] == wanted


@needs_curl
def test_proxy_resets_connections_of_clients(python: Outcome) -> None:
    # Some releases of Python report a reset of an SSLSocket as its end.
    assert python.said["httpx, reset"] in ("ReadError", "RemoteProtocolError")


@needs_curl
def test_proxy_refuses_other_hosts_and_says_so(python: Outcome) -> None:
    assert python.said["curl of another host"] == [56, 0]
    line = f"autumn-mock: refused to connect to 'other.example': the proxy serves {AUTUMN_HOST}:443 only; "
    assert python.done.err.splitlines()[0] == line + "NO_PROXY leads past it"


@needs_curl
def test_proxy_leads_payment_pages_to_the_server_itself(python: Outcome) -> None:
    assert python.said["payment_url"].startswith(f"{python.said['variables']['AUTUMN_MOCK_URL']}/checkout/")


@needs_curl
def test_proxy_sets_variables_of_the_command_and_removes_their_files(python: Outcome) -> None:
    variables = python.said["variables"]
    assert variables["HTTPS_PROXY"] == variables["https_proxy"] == variables["AUTUMN_MOCK_URL"]
    assert variables["NO_PROXY"] == variables["no_proxy"] == "intranet,127.0.0.1,localhost"
    certificates = python.said["certificates"]
    assert min(certificates.values()) >= 1
    assert certificates["SSL_CERT_FILE"] > 20  # the usual authorities, too
    assert python.said["keys"] is False
    for name in certificates:
        assert not Path(variables[name]).parent.exists()


def test_proxy_serves_programs_in_node(node: Node, tmp_path: Path) -> None:
    node.link_packages(tmp_path)
    shutil.copy(CLIENTS / "client.mjs", tmp_path)
    done = execute("--proxy", "--", node.executable, "client.mjs", cwd=tmp_path, env={"NODE_OPTIONS": "--no-warnings"})
    assert outcome(done).said == {"autumn-js": 1100, "fetch, reset": "ECONNRESET", "https": 200, "tls": True}


def test_proxy_is_for_this_machine_only() -> None:
    done = execute("--proxy", "--host", "0.0.0.0", "--control-token", "t", "--", "true")
    assert done.code == 2
    assert "--proxy is for this machine only, and --host 0.0.0.0 lets others in" in done.err


@pytest.mark.parametrize("hosts", ["", "localhost", "a b", "api.example.com,"])
def test_proxy_refuses_invalid_names_of_hosts(hosts: str) -> None:
    done = execute(f"--proxy={hosts}", "--", "true")
    assert done.code == 2
    assert "must be the names of hosts, separated by commas" in done.err


def test_exec_with_tls_has_the_command_trust_the_server(tmp_path: Path) -> None:
    program = tmp_path / "ask.py"
    program.write_text(
        "import os, httpx\n"
        "print(httpx.get(os.environ['AUTUMN_MOCK_URL'] + '/_mock/health', trust_env=True).status_code)\n"
        "print(os.environ['AUTUMN_MOCK_URL'].split(':')[0], 'NODE_OPTIONS' in os.environ)\n"
    )
    done = execute("--tls", "--", sys.executable, str(program))
    assert (done.code, done.out.split()) == (0, [b"200", b"https", b"False"]), done.err


# -- variables


def test_trusting_adds_the_authority_to_those_that_are_trusted_before(tmp_path: Path) -> None:
    authority = make_certificate(["localhost"]).authority or b""
    other = make_certificate(["localhost"]).authority or b""
    own = tmp_path / "own.pem"
    own.write_bytes(other)
    with trusting(authority, {"SSL_CERT_FILE": str(own), "CURL_CA_BUNDLE": "/no such file"}) as variables:
        content = {name: Path(path).read_bytes() for name, path in variables.items()}
        assert {Path(path).stat().st_mode & 0o077 for path in variables.values()} <= {0o044, 0}
        assert os.name == "nt" or Path(variables["SSL_CERT_FILE"]).parent.stat().st_mode & 0o077 == 0
    assert content["SSL_CERT_FILE"].split() == (authority + other).split()
    assert content["NODE_EXTRA_CA_CERTS"].split() == authority.split()
    assert content["REQUESTS_CA_BUNDLE"] == content["CURL_CA_BUNDLE"]
    context = ssl.create_default_context(cadata=content["CURL_CA_BUNDLE"].decode())
    assert len(context.get_ca_certs()) > 20


@pytest.mark.parametrize(
    ("direct", "kept"),
    [
        ("", ""),
        ("localhost,10.0.0.0/8", "localhost,10.0.0.0/8"),
        ("*", ""),
        ("useautumn.com,.useautumn.com,*.useautumn.com,API.useautumn.com:443,a.useautumn.com", "a.useautumn.com"),
        ("autumn.com,other.example", "autumn.com,other.example"),
    ],
)
def test_proxied_leaves_out_what_would_lead_past_the_proxy(direct: str, kept: str) -> None:
    with proxied([AUTUMN_HOST], "127.0.0.1", 80, {"NO_PROXY": direct}) as variables:
        assert variables["NO_PROXY"] == variables["no_proxy"] == kept


def test_proxied_keeps_the_options_of_node() -> None:
    with proxied([AUTUMN_HOST], "::1", 80, {"NODE_OPTIONS": "--no-warnings"}) as variables:
        words = variables["NODE_OPTIONS"].split(" ", 2)
        assert words[:2] == ["--no-warnings", "--require"]
        assert json.loads(words[2]).endswith("hosts.cjs")
        assert variables["HTTPS_PROXY"] == "http://[::1]:80"
