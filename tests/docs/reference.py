"""Lists and tables of the documentation that are made from declarations of the package."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import yaml

import autumn_mock
from autumn_mock.cli import SECTIONS as COMMANDS
from autumn_mock.cli import main
from autumn_mock.docs import SECTIONS, topics
from autumn_mock.domain.version import Version
from autumn_mock.domain.webhook import WebhookType
from autumn_mock.faults.kinds import FAULT_KINDS
from autumn_mock.faults.options import MODIFIERS, PHASE
from autumn_mock.fidelity.recordings import directory
from autumn_mock.fidelity.suites import SUITES
from autumn_mock.input_files import shipped_files
from autumn_mock.journal.finding_kinds import FINDING_KINDS
from autumn_mock.scenarios import read_scenario
from autumn_mock.settings import declarations, variable
from autumn_mock.web.control.guide import call_statuses
from tests.certification.cards import RELEASES
from tests.docs.tables import table
from tests.fidelity.counts import COMPARED

_ROOT = Path(autumn_mock.__file__).parents[1]

#: Columns of the help of a command: it is read on narrow screens, too.
_WIDTH = 100
#: Options that are described once for all commands.
_SHARED = ("url", "key", "control_token", "help")


def settings() -> str:
    """Every setting of ``serve``."""
    rows = []
    for name, setting in declarations().items():
        written = name.replace("_", "-")
        option = f"--{written}" if setting["flag"] else f"--{written} {setting['metavar']}"
        rows.append((f"`{written}`", f"`{option}`", f"`{variable(name)}`", setting["help"]))
    return table(("in the file", "option", "variable", "meaning"), rows)


def support() -> str:
    """What the tests run with: Python, systems, API versions, and releases of the SDKs."""
    matrix = yaml.safe_load((_ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"]["tests"][
        "strategy"
    ]["matrix"]
    systems = [
        {"ubuntu": "Linux", "macos": "macOS", "windows": "Windows"}[each.partition("-")[0]] for each in matrix["system"]
    ]
    releases: dict[str, list[str]] = {}
    for release in RELEASES:
        releases.setdefault(release.client, []).append(release.version)
    rows = [
        ("Python", ", ".join(matrix["python"])),
        ("systems", ", ".join(systems)),
        ("API versions", f"{Version.V0_1.value} to {Version.NEWEST.value}; later ones are answered as the newest"),
        *((f"`{client}`", " and ".join(sorted(versions))) for client, versions in releases.items()),
    ]
    return table(("", "in the workflow of the tests"), rows)


def fault_kinds() -> str:
    """Every kind of fault with its own options."""
    rows = []
    for kind in FAULT_KINDS.values():
        argument = f" {kind.argument_placeholder}" if kind.argument_placeholder else ""
        options = [f"`{each.name}={each.placeholder}` {each.text}" for each in kind.own_options]
        if kind.has_phase:
            options.append(f"`before={PHASE}` (default) or `after={PHASE}`")
        rows.append((f"`{kind.name}{argument}`", kind.summary(), "; ".join(options)))
    return table(("rule", "effect", "its options"), rows)


def fault_options() -> str:
    """The options of every rule."""
    return "".join(f"- `{each.name}={each.placeholder}`: {each.text}\n" for each in MODIFIERS.values())


def finding_kinds() -> str:
    """Every kind of finding."""
    rows = [(f"`{code}`", kind.title, kind.why) for code, kind in FINDING_KINDS.items()]
    return table(("code", "meaning", "why it matters"), rows)


#: When a webhook of each type is sent.
_WEBHOOKS: dict[WebhookType, str] = {
    "balances.limit_reached": "Usage reached what is included, or a limit of purchases, spending or usage.",
    "balances.usage_alert_triggered": "Usage reached the threshold of a usage alert.",
    "billing.auto_topup_succeeded": "A balance fell below its threshold, and more was bought.",
    "billing.auto_topup_failed": "A balance fell below its threshold, and the card was declined or is missing.",
    "billing.updated": "The plans of a customer changed, by a call or due by time.",
    "customer.products.updated": "The same as `billing.updated`, for older clients.",
    "customer.threshold_reached": "Only what costs extra is allowed, or nothing (calls of versions below 2.1).",
}


def webhook_types() -> str:
    """The types of webhooks."""
    return table(("type", "sent when"), [(f"`{each}`", _WEBHOOKS[each]) for each in get_args(WebhookType)])


def scenarios() -> str:
    """The shipped scenarios, with what each shows."""
    found = [(name, read_scenario(path)) for name, path in shipped_files("scenario").items()]
    return table(("name", "shows"), [(f"`{name}`", f"{each.title}. {each.story}".strip()) for name, each in found])


def worlds() -> str:
    """The shipped worlds, with the first sentence of their comments."""
    rows = []
    for name, path in shipped_files("world").items():
        comment = re.match(r"(?:#.*\n)+", path.read_text("utf-8"))
        assert comment is not None
        text = " ".join(line.removeprefix("#").strip() for line in comment[0].splitlines())
        rows.append((f"`{name}`", text.partition(". ")[0].rstrip(".") + "."))
    return table(("name", "is"), rows)


def pages() -> str:
    """The topics, as links from the README."""
    rows = []
    for heading, names in SECTIONS.items():
        links = [f"[{topics()[name].title}](autumn_mock/docs/{name}.md)" for name in names]
        rows.append((heading, ", ".join(links)))
    return table(("", "pages"), rows)


# -- calls


def calls() -> str:
    """The calls that are served, by resource; those with a note in a table."""
    served = [each for each in call_statuses() if each["status"] != "not"]
    by_group: dict[str, list[str]] = defaultdict(list)
    by_path: dict[str, list[str]] = defaultdict(list)
    for each in served:
        group, dot, name = each["call"].partition(".")
        if dot:
            by_group[group].append(f"`.{name}`")
        else:
            for route in each["routes"]:
                method, path = route.split(" ")
                by_path[path].append(method)
    rows = [(f"`{group}`", " ".join(names)) for group, names in by_group.items()]
    others = [(f"`{path}`", " ".join(methods)) for path, methods in sorted(by_path.items())]
    noted = [(f"`{each['call']}`", each["note"]) for each in served if each["note"]]
    return (
        f"{table(('group', 'calls'), rows)}\n{table(('served in part', 'difference'), noted)}\n"
        f"{table(('routes of older clients, and others without such a name', 'methods'), others)}"
    )


def calls_not_served() -> str:
    """The calls that are refused, by the reason."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for each in call_statuses():
        if each["status"] == "not":
            name, _, reason = each["note"].partition(" is not emulated: ")
            by_reason[reason[0].upper() + reason[1:]].append(name)
    return table(
        ("calls", "reason, and what to use instead"),
        [(", ".join(f"`{name}`" for name in names), reason) for reason, names in by_reason.items()],
    )


# -- the command line


def commands() -> str:
    """The commands under their headings."""
    context = click.Context(main, info_name="autumn-mock")
    parts = []
    for heading, places in COMMANDS.items():
        found = [(name, main.get_command(context, name)) for name in places]
        rows = [(f"[`{name}`](#{name})", each.get_short_help_str(_WIDTH), _parts(each)) for name, each in found if each]
        parts.append(f"**{heading}**\n\n{table(('command', 'does', 'with'), rows)}")
    return "\n".join(parts)


def _parts(command: click.Command) -> str:
    return " ".join(f"`{name}`" for name in command.commands) if isinstance(command, click.Group) else ""


def command_help() -> str:
    """The help of every command, without the options that are described once for all."""
    return "\n".join(_help_of(main, click.Context(main, info_name="autumn-mock"), ()))


def _help_of(group: click.Group, context: click.Context, above: tuple[str, ...]) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if command.hidden:
            continue
        inner = click.Context(command, parent=context, info_name=name, terminal_width=_WIDTH, max_content_width=_WIDTH)
        path = (*above, name)
        yield f"{'###' if not above else '####'} {' '.join(path)}\n\n```text\n{_help(command, inner)}\n```\n"
        if isinstance(command, click.Group):
            yield from _help_of(command, inner, path)


def _help(command: click.Command, context: click.Context) -> str:
    """Usage, text and own options of a command."""
    left_out = {*_SHARED, *declarations()}
    records = [each.get_help_record(context) for each in command.params if each.name not in left_out]
    formatter = context.make_formatter()
    command.format_usage(context, formatter)
    command.format_help_text(context, formatter)
    options = [record for record in records if record is not None]
    if options:
        with formatter.section("Options"):
            formatter.write_dl(options)
    return formatter.getvalue().strip()


# -- the comparison with the real service


def fidelity() -> str:
    """How many exchanges, runs and cases are compared, and how many of them are known to differ."""
    counts = [(suite.name, *COMPARED[suite.name]) for suite in SUITES]
    counts.append(("together", *(sum(numbers) for numbers in zip(*COMPARED.values(), strict=True))))
    rows = [(name, str(match + differ), str(match), str(differ)) for name, match, differ in counts]
    return table(("suite", "compared", "match", "known to differ"), rows)


def known_differences() -> str:
    """What is known to differ, with the reason."""
    found: dict[str, str] = yaml.safe_load((directory() / "known.yaml").read_text("utf-8"))
    return table(("recorded answer", "reason"), [(f"`{name}`", reason) for name, reason in found.items()])
