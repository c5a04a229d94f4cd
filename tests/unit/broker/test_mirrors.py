"""Maven's mirrors are honoured."""

from pathlib import Path

import pytest

from aimass.broker.mirrors import mirror_of, settings_files, stands_for

OFFICIAL = "https://repository.example/maven"
SETTINGS = """<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0"><mirrors>
<mirror><id>none</id><mirrorOf>external:http:*</mirrorOf><url>http://0.0.0.0/</url><blocked>true</blocked></mirror>
<mirror><id>company</id><mirrorOf>{patterns}</mirrorOf><url>https://mirror.example/all/</url></mirror>
</mirrors></settings>"""


@pytest.mark.parametrize(("patterns", "url"), [("central", "https://mirror.example/all"), ("other", OFFICIAL)])
def test_the_mirror_of_settings_xml_takes_the_place_of_the_repository(tmp_path: Path, patterns: str, url: str) -> None:
    path = tmp_path / "settings.xml"
    path.write_text(SETTINGS.format(patterns=patterns))
    assert mirror_of("central", OFFICIAL, [path]) == url


def test_settings_that_are_not_xml_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "settings.xml"
    path.write_text("<settings>")
    assert mirror_of("central", OFFICIAL, [path]) == OFFICIAL


@pytest.mark.parametrize(
    ("patterns", "covers"),
    [("*", True), ("external:*", True), ("*,!central", False), ("a, central", True), ("external:http:*", False)],
)
def test_mirror_patterns_mean_what_they_mean_to_maven(patterns: str, covers: bool) -> None:
    assert stands_for(patterns, "central", OFFICIAL) is covers


def test_the_settings_of_a_maven_home_are_found(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "settings.xml").write_text("<settings/>")
    assert tmp_path / "conf" / "settings.xml" in settings_files({"MAVEN_HOME": str(tmp_path)})
