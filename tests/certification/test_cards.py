"""The report cards of the official SDKs are what the SDKs do."""

from __future__ import annotations

import os

import pytest

from tests.certification.cards import CONFIGURATIONS, PAGE, RELEASES, Release, cases, make, verdicts
from tests.support.node import Node

#: Without ``AUTUMN_MOCK_ALL_CARDS=1`` the first and the last configuration are compared.
ALL = list(CONFIGURATIONS)
COMPARED = ALL if os.environ.get("AUTUMN_MOCK_ALL_CARDS") == "1" else [ALL[0], ALL[-1]]
SHOWN = verdicts(PAGE.read_text("utf-8"))


def differences(release: Release, configuration: str) -> dict[str, str]:
    """The cases whose verdict is not that of the page."""
    certificate = make(release, configuration)
    assert str(certificate.client) == release.name
    return {
        each.case.name: f"{each.verdict}: {'; '.join(each.problems)}"
        for each in certificate.results
        if each.verdict != SHOWN[release.name, configuration, each.case.name]
    }


def test_the_page_has_every_case_of_every_release() -> None:
    wanted = {(release.name, name, case.name) for release in RELEASES for name in CONFIGURATIONS for case in cases()}
    assert set(SHOWN) == wanted, "make it again: python -m tests.certification"
    assert set(SHOWN.values()) <= {"passed", "failed", "skipped"}


@pytest.mark.parametrize("configuration", COMPARED)
@pytest.mark.parametrize("release", RELEASES[:2], ids=lambda release: release.name)
def test_javascript(node: Node, release: Release, configuration: str) -> None:
    assert node.packages
    assert differences(release, configuration) == {}


@pytest.mark.parametrize("configuration", COMPARED)
@pytest.mark.parametrize("release", RELEASES[2:], ids=lambda release: release.name)
def test_python(release: Release, configuration: str) -> None:
    assert differences(release, configuration) == {}
