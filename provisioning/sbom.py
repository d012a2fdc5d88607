"""The bill of materials of one installed version, as CycloneDX 1.6 JSON on stdout.

    sbom.py --site DIRECTORY --wheels DIRECTORY... --packages NAME...

Python distributions are read from the version's own site-packages, with the SHA-256 of the wheels
they came from; Debian packages from dpkg, with the hash that apt's lists have. The same contents
make the same file; its time is $SOURCE_DATE_EPOCH, if that is set. Standard library only: it runs
where nothing else is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import time
import uuid
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

Component = dict[str, Any]
SELF = "pressel"
OS_RELEASE = Path("/etc/os-release")
DOC = Path("/usr/share/doc")


def main() -> None:
    """Write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--wheels", type=Path, nargs="+", required=True)
    parser.add_argument("--packages", nargs="*", default=[])
    asked = parser.parse_args()
    python = [_of_python(one, asked.wheels) for one in distributions(path=[str(asked.site)])]
    parts = sorted([*python, *_of_debian(asked.packages)], key=lambda part: str(part["bom-ref"]))
    print(json.dumps(_bill(parts), indent=1, sort_keys=True))


def _bill(parts: list[Component]) -> Component:
    device = [part for part in parts if part["name"] == SELF]
    others = [part for part in parts if part["name"] != SELF]
    made = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time()))
    content = json.dumps(parts, sort_keys=True)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, content).urn,
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", made),
            **({"component": {**device[0], "type": "application"}} if device else {}),
        },
        "components": others,
        "dependencies": [
            {"ref": part["bom-ref"], "dependsOn": [other["bom-ref"] for other in others]}
            for part in device
        ],
    }


def _of_python(found: Distribution, wheels: Iterable[Path]) -> Component:
    name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
    purl = f"pkg:pypi/{name}@{found.version}"
    if name == SELF:
        purl = f"pkg:generic/{name}@{found.version}"  # it is on no index
    stem = f"{name.replace('-', '_')}-{found.version}-"
    files = [path for folder in wheels for path in sorted(folder.glob("*.whl"))]
    sums = [_sha256(path) for path in files if path.name.lower().startswith(stem)]
    return _component(name, found.version, purl, _licences(found), sums[:1])


def _licences(found: Distribution) -> list[Component]:
    """As the project states it: an SPDX expression, else its own words, else its classifiers."""
    expressions = found.metadata.get_all("License-Expression")
    if expressions:
        return [{"expression": expressions[0]}]
    stated = "".join(found.metadata.get_all("License") or []).strip()
    classes = found.metadata.get_all("Classifier") or []
    classed = [one.split(" :: ")[-1] for one in classes if one.startswith("License :: ")]
    # Some put the whole text there.
    names = [stated] if stated and "\n" not in stated else classed
    return [{"license": {"name": name}} for name in names]


def _of_debian(packages: list[str]) -> Iterator[Component]:
    if not packages:
        return
    # No quotes around values that need none: the same lines that a shell reads.
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', OS_RELEASE.read_text(), re.MULTILINE))
    form = "${Package} ${Version} ${Architecture}\n"
    for line in sorted(_said("dpkg-query", "-W", "-f", form, *packages).splitlines()):
        name, version, architecture = line.split()
        place = f"arch={architecture}&distro={release['VERSION_CODENAME']}"
        version_in_url = version.replace(":", "%3A").replace("+", "%2B")
        purl = f"pkg:deb/{release['ID']}/{name}@{version_in_url}?{place}"
        listed = _said("apt-cache", "show", f"{name}={version}")
        sums = re.findall(r"^SHA256: (\w+)$", listed, re.MULTILINE)
        yield _component(name, version, purl, _copyright(name), sums[:1])


def _copyright(package: str) -> list[Component]:
    """The short names of a machine-readable debian/copyright, else where to read it."""
    page = DOC / package / "copyright"
    text = page.read_text(errors="replace") if page.exists() else ""
    names = sorted(set(re.findall(r"^License: *(\S.*?) *$", text, re.MULTILINE))) or [str(page)]
    return [{"license": {"name": name}} for name in names]


def _component(
    name: str, version: str, purl: str, licences: list[Component], sums: list[str]
) -> Component:
    part: Component = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
    }
    if licences:
        part["licenses"] = licences
    if sums:
        part["hashes"] = [{"alg": "SHA-256", "content": sums[0]}]
    return part


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _said(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout


if __name__ == "__main__":
    main()
