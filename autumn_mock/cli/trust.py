"""What makes the command of ``exec``, and nothing else, trust a certificate authority and use a proxy: its variables.

Their files are in a private folder that is deleted with the ``with`` block. The key of the authority is in no file.
"""

from __future__ import annotations

import json
import ssl
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

#: The host of Autumn's API, which its SDKs call by default.
AUTUMN_HOST = "api.useautumn.com"
#: Variables that name a file with all authorities that are trusted: by OpenSSL, httpx, Go and Ruby; requests; curl.
_WHOLE = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
#: The one that names further authorities.
_FURTHER = "NODE_EXTRA_CA_CERTS"
_PROXY = ("HTTPS_PROXY", "https_proxy")
_DIRECT = ("NO_PROXY", "no_proxy")

#: Node's own clients know no proxy before Node 24: connections to the hosts lead to the server instead.
_NODE = """\
const tls = require("node:tls");
const { hosts, host, port } = %s;
const connect = tls.connect;
tls.connect = function (...given) {
  const isObject = (each) => each !== null && typeof each === "object";
  const numbers = isObject(given[0]) ? {} : { port: given[0], ...(typeof given[1] === "string" && { host: given[1] }) };
  const options = { ...numbers, ...given.find(isObject) };
  const isHere = !options.socket && !options.path && hosts.includes(options.host) && Number(options.port) === 443;
  if (!isHere) return connect.apply(this, given);
  const listener = given.find((each) => typeof each === "function");
  return connect.call(this, { ...options, servername: options.servername || options.host, host, port }, listener);
};
require("node:module").syncBuiltinESMExports();
"""


@contextmanager
def authority_file(authority: bytes) -> Iterator[Path]:
    """A file with a certificate authority, in a private folder that is deleted at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="autumn-mock-") as folder:
        path = Path(folder, "authority.pem")
        path.write_bytes(authority)
        yield path


@contextmanager
def trusting(authority: bytes, before: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The variables with which a command trusts the authority besides those that it would trust anyway.

    ``before``: the variables that it has otherwise.
    """
    with authority_file(authority) as path:
        variables = {}
        for name in (*_WHOLE, _FURTHER):
            others = _content(before.get(name)) or (_usual_authorities() if name in _WHOLE else b"")
            file = path.with_name(f"{name.lower()}.pem")
            file.write_bytes(authority + b"\n" + others)
            variables[name] = str(file)
        yield variables


def _content(path: str | None) -> bytes:
    try:
        return Path(path).read_bytes() if path else b""
    except OSError:
        return b""


def _usual_authorities() -> bytes:
    """The authorities that programs trust without a variable: the system's, or else those of the package certifi."""
    found = ssl.create_default_context().get_ca_certs(binary_form=True)
    if found:
        return "".join(map(ssl.DER_cert_to_PEM_cert, found)).encode()
    import certifi

    return Path(certifi.where()).read_bytes()


@contextmanager
def proxied(hosts: Collection[str], host: str, port: int, before: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The variables with which a command reaches ``hosts`` through the proxy at ``host`` and ``port``.

    Entries of its ``NO_PROXY`` that name one of the hosts are left out.
    """
    with tempfile.TemporaryDirectory(prefix="autumn-mock-") as folder:
        script = Path(folder, "hosts.cjs")
        script.write_text(_NODE % json.dumps({"hosts": sorted(hosts), "host": host, "port": port}), "utf-8")
        direct = [each for each in before.get("NO_PROXY", "").split(",") if not _covers(each.strip(), hosts)]
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        options = f'--require "{script.as_posix()}"'
        yield {
            **dict.fromkeys(_PROXY, address),
            **dict.fromkeys(_DIRECT, ",".join(direct)),
            "NODE_OPTIONS": f"{before['NODE_OPTIONS']} {options}" if before.get("NODE_OPTIONS") else options,
        }


def _covers(entry: str, hosts: Collection[str]) -> bool:
    """Whether an entry of ``NO_PROXY`` leads to one of the hosts directly."""
    name = entry.lower().removesuffix(":443").removeprefix("*").removeprefix(".")
    return entry == "*" or any(host == name or host.endswith(f".{name}") for host in hosts if name)
