"""Build the sdist and the wheel, install them in bare environments, and use them as a user would who has nothing else.

``python -m tests.packaging``; exits 1 with a sentence when something is missing. Every Python that is found here and
that the package supports gets an environment of its own: those on the ``PATH``, and those of pyenv.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.packaging.container import ROOT, pip_commands

#: Minor versions of Python 3 that are searched for.
OLDEST, NEWEST = 10, 19
#: Files that the sdist has besides the package.
IN_SDIST = ("LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "fixtures/worlds/empty.yaml", "tests/__init__.py")
#: uv uses the Pythons that are here.
UV = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}


def run(*command: str | Path, cwd: Path, code: int = 0, variables: Mapping[str, str] | None = None) -> str:
    """Run a command to its end; its output and errors, or the end of this program if its exit code is another one."""
    words = [str(part) for part in command]
    environment = {**os.environ, **(variables or {})}
    done = subprocess.run(
        words, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode != code:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{output}")
    return output


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "a place with spaces"
        place.mkdir()
        wheel, sdist = build(place / "dist")
        python = bare(place / "env", sys.executable, wheel)
        command = python.with_name("autumn-mock")
        loaded = run(python, "-c", "import autumn_mock.cli; import sys; print('flask' in sys.modules)", cwd=place)
        if loaded.strip() != "False":
            sys.exit("the command line imports Flask before it needs it")
        print(f"serve: {serve(command, place)}")
        demonstrate(command, place)
        extras(python, wheel, place)
        others = pythons()
        with ThreadPoolExecutor(2) as pool:
            for line in pool.map(lambda minor: try_python(others[minor], minor, wheel, place), others):
                print(line)
        run_once(wheel, place)
        from_sdist(sdist, place)
        container(place / "container")
        new_project(python, place / "new project")
    print("the wheel stands alone")


def build(folder: Path) -> tuple[Path, Path]:
    """The wheel, built from the sdist, and the sdist; both are checked as an index would."""
    run(sys.executable, "-m", "build", "--installer", "uv", "--outdir", folder, ROOT, cwd=ROOT)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist, cwd=folder)
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    missing = [each for each in IN_SDIST if each not in names]
    if missing:
        sys.exit(f"the sdist lacks {', '.join(missing)}")
    print(f"{wheel.name}: {wheel.stat().st_size >> 10} KB, {sdist.name}: {sdist.stat().st_size >> 10} KB")
    return wheel, sdist


def uv(*words: str | Path, cwd: Path) -> str:
    """Run uv, which installs from its cache."""
    return run(sys.executable, "-m", "uv", *words, cwd=cwd, variables=UV)


def bare(folder: Path, python: str | Path, *packages: str | Path) -> Path:
    """The Python of a new environment that has these packages, and what they need."""
    folder.parent.mkdir(exist_ok=True)
    uv("venv", "--quiet", "--python", python, folder, cwd=folder.parent)
    made = folder / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", made, *packages, cwd=folder.parent)
    return made


def pythons() -> dict[int, str]:
    """A Python of each minor version that is here, except that of this program."""
    found: dict[int, str] = {}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for minor in range(OLDEST, NEWEST + 1):
        candidates = [*sorted(map(str, pyenv.glob(f"versions/3.{minor}.*/bin/python"))), f"python3.{minor}"]
        working = [each for each in candidates if minor != sys.version_info[1] and _minor_of(each) == minor]
        if working:
            found[minor] = working[0]
    return found


def _minor_of(python: str) -> int | None:
    """The minor version of a Python; None if it cannot be run, as one that pyenv has and does not choose."""
    if shutil.which(python) is None:
        return None
    program = "import sys; print(sys.version_info[1])"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else None


def try_python(python: str, minor: int, wheel: Path, place: Path) -> str:
    """Install the wheel for another Python and use it; what to print."""
    folder = place / f"3.{minor}"
    made = bare(folder / "env", python, wheel)
    return f"Python 3.{minor}: {serve(made.with_name('autumn-mock'), folder)}"


def extras(python: Path, wheel: Path, place: Path) -> None:
    """Without an extra there is a sentence that names it; with it the command works."""
    command = python.with_name("autumn-mock")
    refused = run(command, "serve", "--tls", "--port", "0", cwd=place, code=2)
    if "pip install 'autumn-mock[tls]'" not in refused:
        sys.exit(f"serve --tls without its extra does not say what to install: {refused}")
    uv(
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        f"autumn-mock[metrics,prices,tls] @ {wheel.as_uri()}",
        cwd=place,
    )
    program = "import os, urllib.request; print(urllib.request.urlopen(os.environ['AUTUMN_MOCK_URL']).status)"
    print(f"exec --tls: {run(command, 'exec', '--tls', '--', python, '-c', program, cwd=place).strip()}")


def run_once(wheel: Path, place: Path) -> None:
    """``uvx`` and ``pipx run`` of the wheel's path."""
    shown = uv("tool", "run", "--from", wheel, "autumn-mock", "--version", cwd=place)
    print(f"uvx: {shown.strip().splitlines()[-1]}")
    words = (sys.executable, "-m", "pipx", "run", "--spec", wheel, "autumn-mock", "--version")
    shown = run(*words, cwd=place, variables={"PIPX_HOME": str(place / "pipx")})
    print(f"pipx run: {shown.strip().splitlines()[-1]}")


def from_sdist(sdist: Path, place: Path) -> None:
    """The sdist is installed like any package without a wheel."""
    python = bare(place / "from sdist" / "env", sys.executable, sdist)
    print(f"sdist: {run(python.with_name('autumn-mock'), '--version', cwd=place).strip()}")


def container(place: Path) -> None:
    """The steps of the Dockerfile that install, in an environment instead of its two images."""
    place.mkdir()
    uv("venv", "--quiet", "--seed", "--python", sys.executable, place / "env", cwd=place)
    python = place / "env" / "bin" / "python"
    for words in pip_commands():
        run(python, *(each.replace("/wheels", str(place / "wheels")) for each in words[1:]), cwd=ROOT)
    print(f"container: {run(python.with_name('autumn-mock'), '--version', cwd=place).strip()}")


#: The first test of a new user.
PROJECT = """\
from autumn_sdk import Autumn


def test_usage_is_charged_once_in_spite_of_an_outage(autumn_mock):
    autumn_mock.fault("queue:down times=1")
    with Autumn(secret_key=autumn_mock.key, server_url=autumn_mock.url) as autumn:
        for _ in range(2):
            try:
                autumn.batch_track(request=[{"customer_id": "cus_123", "feature_id": "messages", "value": 3}])
            except Exception as error:
                assert error.status_code == 503
                autumn_mock.clock.advance("1s")  # as its Retry-After asks
    autumn_mock.assert_deducted("cus_123", "messages", 3)
    autumn_mock.assert_no_findings()
"""


def new_project(python: Path, place: Path) -> None:
    """An empty directory, the wheel beside pytest and the official client, and one test that uses the fixture."""
    place.mkdir()
    uv("pip", "install", "--quiet", "--python", python, "pytest", "autumn-sdk", cwd=place)
    (place / "test_metering.py").write_text(PROJECT, "utf-8")
    print(run(python, "-m", "pytest", "-q", cwd=place).strip().splitlines()[-1])


def demonstrate(command: Path, place: Path) -> None:
    """The shipped scenarios, cases and adapters are in the wheel, and one of each plays."""
    shown = run(command, "demo", "--fast", "partial-failure", cwd=place)
    print(f"demo: {len(shown.splitlines())} lines")
    shown = run(command, "certify", "--adapter", "httpx", "--case", "track-returns", cwd=place)
    print(f"certify: {shown.splitlines()[-1]}")
    topics = [each["name"] for each in json.loads(run(command, "docs", "--json", cwd=place))["list"]]
    pages = [run(command, "docs", name, "--raw", cwd=place) for name in topics]
    print(f"docs: {len(pages)} pages, {sum(map(len, pages))} characters")


def serve(command: Path, place: Path) -> str:
    """Start an installed server, with the shipped world and a database, and ask it something; its version."""
    server = subprocess.Popen(
        [command, "serve", "--port", "0", "--db", "state of things.json"],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        ready = re.fullmatch(r"autumn-mock ready (http://\S+)\n", server.stdout.readline())
        if ready is None:
            sys.exit(f"the server of {command} did not print that it is ready")
        request = urllib.request.Request(
            f"{ready[1]}/v1/customers.get",
            data=b'{"customer_id": "cus_123"}',
            headers={"Authorization": "Bearer am_sk_test_autumn_mock"},
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            status = reply.status
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(timeout=10)
        if server.stdout is not None:
            server.stdout.close()
    if code:
        sys.exit(f"the server of {command} ended with {code}")
    if not (place / "state of things.json").exists():
        sys.exit(f"the server of {command} left no database")
    return f"{run(command, '--version', cwd=place).strip()}, cus_123: {status}"


if __name__ == "__main__":
    main()
