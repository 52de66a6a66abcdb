"""The extracted bag is valid for those who check bags, and for ``sha256sum -c``."""

import json
import tarfile
from pathlib import Path

import pytest

from tests.conformance.foreign import program, run, run_python
from tests.conformance.samples import BTR, SAMPLES, SMALL, Sample, profiled

VALIDATORS = {
    "bagit-python": "import bagit, sys; bagit.Bag(sys.argv[1]).validate()",
    "bdbag": "from bdbag import bdbag_api as api; import sys; api.validate_bag(sys.argv[1], fast=False)",
    "bagit-utils": "from bagit_utils import Bag; from pathlib import Path; import sys; report = Bag(Path(sys.argv[1])).validate(); "
    "assert report.valid, report",
}
PROFILE = (
    "import bagit, bagit_profile, sys; profile = bagit_profile.Profile(sys.argv[2], profile=open(sys.argv[3]).read()); "
    "assert profile.validate(bagit.Bag(sys.argv[1])), profile.report; assert profile.validate_serialization(sys.argv[4])"
)
OWN_PROFILE = Path(__file__).parents[2] / "docs" / "bagit-profile.json"
BTR_RULES = {
    "BagIt-Profile-Info": {
        "BagIt-Profile-Identifier": BTR,
        "Source-Organization": "Beyond the Repository",
        "External-Description": "The requirements of version 1.0, without its recommendations",
        "Version": "1.0",
        "BagIt-Profile-Version": "1.3.0",
    },
    "Bag-Info": {name: {"required": True} for name in ("Source-Organization", "Bagging-Date", "Payload-Oxum")},
    "Manifests-Required": [],
    "Manifests-Allowed": ["md5", "sha1", "sha256", "sha512"],
    "Tag-Manifests-Allowed": ["md5", "sha1", "sha256", "sha512"],
    "Allow-Fetch.txt": False,
    "Serialization": "optional",
    "Accept-Serialization": ["application/zip", "application/tar", "application/x-tar", "application/gzip", "application/x-7z-compressed"],
    "Accept-BagIt-Version": ["0.97", "1.0"],
    "Tag-Files-Allowed": ["*"],
}


def _extract(sample: Sample, home: Path) -> Path:
    archive = home / "bag.tar"
    archive.write_bytes(sample.write())
    with tarfile.open(archive) as tar:
        tar.extractall(home, filter="data")
    return home / "bag"


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("validator", VALIDATORS)
def test_the_bag_is_valid_for_others(validator: str, name: str, tmp_path: Path) -> None:
    run_python(VALIDATORS[validator], str(_extract(SAMPLES[name], tmp_path)), home=tmp_path)


@pytest.mark.parametrize("validator", VALIDATORS)
def test_the_others_do_see_damage(validator: str, tmp_path: Path) -> None:
    bag = _extract(SAMPLES["small"], tmp_path)
    (bag / "data" / "a.txt").write_bytes(b"Alpha")
    with pytest.raises(AssertionError):
        run_python(VALIDATORS[validator], str(bag), home=tmp_path)


@pytest.mark.parametrize("files", [SMALL, {}], ids=["small", "empty"])
def test_the_bag_satisfies_the_btr_profile(files: dict[str, bytes], tmp_path: Path) -> None:
    bag = _extract(profiled(BTR, files), tmp_path)
    rules = tmp_path / "btr.json"
    rules.write_text(json.dumps(BTR_RULES), encoding="utf-8")
    run_python(PROFILE, str(bag), BTR, str(rules), str(tmp_path / "bag.tar"), home=tmp_path)


def test_the_bag_satisfies_our_own_profile(tmp_path: Path) -> None:
    identifier = json.loads(OWN_PROFILE.read_text(encoding="utf-8"))["BagIt-Profile-Info"]["BagIt-Profile-Identifier"]
    bag = _extract(profiled(identifier, SMALL), tmp_path)
    run_python(PROFILE, str(bag), identifier, str(OWN_PROFILE), str(tmp_path / "bag.tar"), home=tmp_path)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("busybox", [False, True], ids=["coreutils", "busybox"])
def test_both_manifests_are_what_the_checksum_programs_read(name: str, busybox: bool, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    algorithm = sample.plan.algorithm
    command = [program("busybox"), f"{algorithm}sum"] if busybox else [program(f"{algorithm}sum")]
    bag = _extract(sample, tmp_path)
    manifests = [f"tagmanifest-{algorithm}.txt"]
    if sample.files:  # these programs take a list of nothing for an error
        manifests.append(f"manifest-{algorithm}.txt")
    for manifest in manifests:
        run([*command, "-c", manifest], home=tmp_path, cwd=bag)
