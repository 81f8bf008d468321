"""Build the wheel, install it in an environment of its own, and use it as a user would who has nothing else.

``python -m tests.packaging``; exits 1 with a sentence when something is missing.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command to its end; its output, or the end of this program."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(str(part) for part in command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "a place with spaces"
        place.mkdir()
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place, ROOT, cwd=place)
        wheel = next(place.glob("autumn_mock-*.whl"))
        venv.create(place / "env", with_pip=True)
        python = place / "env" / "bin" / "python"
        command = place / "env" / "bin" / "autumn-mock"
        run(python, "-m", "pip", "install", "--quiet", wheel, cwd=place)
        print(run(command, "--version", cwd=place).strip())
        loaded = run(
            python,
            "-X",
            "importtime",
            "-c",
            "import autumn_mock.cli; import sys; print('flask' in sys.modules)",
            cwd=place,
        )
        if loaded.strip() != "False":
            sys.exit("the command line imports Flask before it needs it")
        serve(command, place)
        demonstrate(command, place)
        new_project(python, place / "new project")
    print("the wheel stands alone")


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
    run(python, "-m", "pip", "install", "--quiet", "pytest", "autumn-sdk", cwd=place)
    (place / "test_metering.py").write_text(PROJECT, "utf-8")
    print(run(python, "-m", "pytest", "-q", cwd=place).strip().splitlines()[-1])


def demonstrate(command: Path, place: Path) -> None:
    """The shipped scenarios, cases and adapters are in the wheel, and one of each plays."""
    shown = run(command, "demo", "--fast", "partial-failure", cwd=place)
    print(f"demo: {len(shown.splitlines())} lines")
    shown = run(command, "certify", "--adapter", "httpx", "--case", "track-returns", cwd=place)
    print(f"certify: {shown.splitlines()[-1]}")


def serve(command: Path, place: Path) -> None:
    """Start the installed server, with the shipped world and a database, and ask it something."""
    server = subprocess.Popen(
        [command, "serve", "--port", "0", "--db", "state of things.json"], cwd=place, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        ready = re.fullmatch(r"autumn-mock ready (http://\S+)\n", server.stdout.readline())
        if ready is None:
            sys.exit("the installed server did not say that it is ready")
        request = urllib.request.Request(
            f"{ready[1]}/v1/customers.get",
            data=b'{"customer_id": "cus_123"}',
            headers={"Authorization": "Bearer am_sk_test_autumn_mock"},
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            print(f"GET cus_123: {reply.status}")
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(timeout=10)
        if server.stdout is not None:
            server.stdout.close()
    if code:
        sys.exit(f"the installed server ended with {code}")
    if not (place / "state of things.json").exists():
        sys.exit("the installed server left no database")


if __name__ == "__main__":
    main()
