"""The bill of materials, of a folder of packages made for the purpose."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from contract.source import ROOT


def distribution(site: Path, name: str, *lines: str) -> None:
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir(parents=True)
    about = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *lines, ""]
    (folder / "METADATA").write_text("\n".join(about))


def bill(site: Path, wheels: Path, *packages: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-I", "-B", str(ROOT / "provisioning/sbom.py"), "--site", str(site),
         "--wheels", str(wheels), "--packages", *packages],
        env={"PATH": "/usr/bin:/bin", "SOURCE_DATE_EPOCH": "0"},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_it_names_what_is_installed_with_licence_and_the_sum_of_its_wheel(tmp_path: Path) -> None:
    distribution(tmp_path / "site", "pressel", "License-Expression: Apache-2.0")
    distribution(tmp_path / "site", "Lamp-Post", "License: BSD")
    wheel = tmp_path / "lamp_post-1.0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    said = bill(tmp_path / "site", tmp_path)
    assert said["metadata"]["component"]["licenses"] == [{"expression": "Apache-2.0"}]
    [lamp] = said["components"]
    assert lamp["purl"] == "pkg:pypi/lamp-post@1.0"
    assert lamp["licenses"] == [{"license": {"name": "BSD"}}]
    assert lamp["hashes"][0]["content"] == hashlib.sha256(b"wheel").hexdigest()


def test_a_licence_given_as_its_whole_text_is_named_by_its_classifier(tmp_path: Path) -> None:
    whole = "License: Long\n        text"
    classifier = "Classifier: License :: OSI Approved :: MIT License"
    distribution(tmp_path / "site", "lamp", whole, classifier)
    [lamp] = bill(tmp_path / "site", tmp_path)["components"]
    assert lamp["licenses"] == [{"license": {"name": "MIT License"}}]


def test_a_package_of_debian_is_named_with_its_version_and_licences(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    [dpkg] = bill(tmp_path / "site", tmp_path, "dpkg")["components"]
    assert dpkg["purl"].startswith("pkg:deb/debian/dpkg@1.")
    assert dpkg["licenses"]


def test_the_same_contents_make_the_same_bill(tmp_path: Path) -> None:
    distribution(tmp_path / "site", "lamp", "License: MIT")
    assert bill(tmp_path / "site", tmp_path) == bill(tmp_path / "site", tmp_path)
