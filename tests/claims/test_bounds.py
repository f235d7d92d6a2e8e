"""Bundles that are made to exhaust an auditor: each fails at a step, soon and in little memory.

All are audited in one child process, which says how long each took and by how much memory grew.
"""

import io
import json
import random
import struct
import subprocess
import sys
import textwrap
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sif.claims.canonical import sha256
from sif.claims.envelope import unseal
from sif.ownership.policy import Policy
from tests.claims.made import (
    MANIFEST,
    TOKENIZER_JSON,
    Claim,
    Files,
    edited,
    lines,
    named_tokenizer,
    packed,
    recommitted,
    resigned,
)

pytestmark = pytest.mark.slow

SECONDS, MEGABYTES = 8.0, 500.0  # a second or two on a machine that does nothing else
COMMITMENT = "claim/commitment.dsse.json"

AUDITING = textwrap.dedent(
    """
    import json, re, sys, time
    from pathlib import Path
    from sif.claims import audit
    from sif.errors import SifError
    def megabytes(what):  # getrusage would know the peak of the process that began this one, too
        said = Path("/proc/self/status").read_text()
        return int(re.search(what + r":\\s+(\\d+) kB", said)[1]) / 1024
    audit(Path(sys.argv[1]))  # so that all is imported
    for path in sys.argv[2:]:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is the present
        before = megabytes("VmRSS")
        start = time.monotonic()
        try:
            report = audit(Path(path))
            found = {"failed": report.failed, "words": report.step(report.failed).sentence
                     if report.failed else ""}
        except SifError as error:
            found = {"failed": type(error).__name__, "words": str(error)}
        found["seconds"] = time.monotonic() - start
        found["megabytes"] = megabytes("VmHWM") - before
        print(json.dumps(found), flush=True)
    """
)


class Found(NamedTuple):
    """What the child says of one bundle."""

    failed: str | None
    words: str
    seconds: float
    megabytes: float


def retokenized(edit: Callable[[dict[str, Any]], Any]) -> Callable[[Files, Claim], None]:
    """Another tokenizer, committed to."""

    def change(files: Files, claim: Claim) -> None:
        content = json.loads(files[TOKENIZER_JSON])
        edit(content)
        files[TOKENIZER_JSON] = json.dumps(content).encode()
        del files["claim/timestamp.tsr"]
        named_tokenizer(files)
        recommitted(files, claim.key)

    return change


def normalised(*steps: dict[str, Any]) -> Callable[[Files, Claim], None]:
    return retokenized(
        lambda content: content.update(
            normalizer={"type": "Sequence", "normalizers": list(steps)},
        )
    )


def doubling(letter: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": letter}, "content": letter * 2}


def pictured(
    width: int, height: int, count: int = 1, *, noisy: int = 0
) -> Callable[[Files, Claim], None]:
    """Black pictures of any size in a few bytes, as all pictures of the first triggers.

    The last rows may be noise, in as many bytes as pixels have.
    """

    def change(files: Files, claim: Claim) -> None:
        picture = black(width, height, noisy)

        def edit(manifest: dict[str, Any]) -> None:
            for record in manifest["triggers"][:count]:
                for kind in ("", "base_"):
                    files[f"fingerprint/{record[f'{kind}file']}"] = picture
                    record[f"{kind}sha256"] = sha256(picture)

        edited(MANIFEST, edit)(files)
        del files["claim/timestamp.tsr"]
        recommitted(files, claim.key)

    return change


def black(width: int, height: int, noisy: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer, rows = zlib.compressobj(9), b"\0" * (3 * width + 1)
    noise = random.Random(1)
    lines = [rows] * (height - noisy)
    lines += [b"\0" + noise.randbytes(3 * width) for _ in range(noisy)]
    data = b"".join(map(packer.compress, lines)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def policied(**changes: Any) -> Callable[[Files, Claim], None]:
    def change(files: Files, claim: Claim) -> None:
        statement = unseal(files[COMMITMENT], claim.key.public, where="it")
        policy = statement.predicate["policy"] | changes
        edited("run/verdict.json", lambda verdict: verdict.update(policy=policy))(files)
        del files["claim/timestamp.tsr"]
        with pytest.MonkeyPatch.context() as patch:  # whoever makes it reads on
            patch.setattr("sif.claims.envelope.read_json", json.loads)
            recommitted(files, claim.key, policy=Policy.model_validate(policy))

    return change


def stuffed(name: str, content: bytes) -> Callable[[Files, Claim], None]:
    def change(files: Files, claim: Claim) -> None:
        files[name] = content
        if name == MANIFEST:
            del files["claim/timestamp.tsr"]
        resigned(files, claim.key)

    return change


def answered(text: str) -> Callable[[Files, Claim], None]:
    def change(files: Files, claim: Claim) -> None:
        lines(lambda rows: rows[0].update(text=text))(files)
        resigned(files, claim.key)

    return change


def million_prompts(files: Files, claim: Claim) -> None:
    def edit(manifest: dict[str, Any]) -> None:
        first = manifest["triggers"][0] | {"generation": {}, "quality": None}
        manifest["triggers"] = []
        manifest["many"] = first

    edited(MANIFEST, edit)(files)
    row = b'{"prompt":"Describe."}'
    files[MANIFEST] = files[MANIFEST].replace(b'"triggers": []', b'"triggers":[' + row + b"]")
    files[MANIFEST] = files[MANIFEST].replace(row, b",".join([row] * 2_000_000))
    resigned(files, claim.key)


CASES: dict[str, tuple[Callable[[Files, Claim], None], str, str]] = {
    "one id of two billion": (
        retokenized(lambda content: content["model"]["vocab"].update(strange=2_000_000_000)),
        "tokenizer",
        "ids from 0 to",
    ),
    "… of an added token": (
        retokenized(
            lambda content: content["added_tokens"].append(
                {
                    "id": 4_000_000_000,
                    "content": "<x>",
                    "single_word": False,
                    "lstrip": False,
                    "rstrip": False,
                    "normalized": False,
                    "special": True,
                }
            )
        ),
        "tokenizer",
        "ids from 0 to",
    ),
    "a normaliser that doubles forty times": (
        normalised(*[doubling("a")] * 40),
        "tokenizer",
        "letters of one",
    ),
    "… by a pattern": (
        normalised({"type": "Replace", "pattern": {"Regex": "."}, "content": "y" * 10**6}),
        "tokenizer",
        "letters of one",
    ),
    "… before every letter": (
        retokenized(lambda content: content["model"].update(continuing_subword_prefix="#" * 10**6)),
        "tokenizer",
        "",
    ),
    "huge pictures": (pictured(5700, 5700), "images", "too large to be opened"),
    "many with some noise": (
        pictured(4000, 4000, count=8, noisy=25),
        "images",
        "pixels in",
    ),
    "many large ones": (pictured(4000, 4000, count=12), "images", "pixels"),
    "twenty million repeats": (policied(repeats=20_000_000), "policy", "at most 100,000 questions"),
    "two million prompts": (million_prompts, "bundle", "more than any claim"),
    "two million further prompts": (
        policied(also_ask=["x"] * 2_000_000),
        "bundle",
        "more than any claim",
    ),
    "a million lines": (stuffed("run/journal.jsonl", b"{}\n" * 1_000_000), "bundle", "lines"),
    "lists in lists": (
        stuffed("run/verdict.json", b"[" * 30_000_000 + b"]" * 30_000_000),
        "bundle",
        "more than any claim",
    ),
    "many lists": (
        stuffed("run/run.json", b"[" + b"[]," * 10_000_000 + b"1]"),
        "bundle",
        "more than any claim",
    ),
    "an answer of fifty million letters": (answered("word " * 10**7), "journal", "characters"),
    "a number of a million digits": (
        stuffed("run/verdict.json", b'{"alpha": ' + b"1" * 1_000_000 + b"}"),
        "policy",
        "",
    ),
}


def overlapping(path: Path) -> None:
    """A thousand members that are all the same hundred megabytes of one small file."""
    data = bytes(1 << 20)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("claim/a.json", (1980, 1, 1, 0, 0, 0)), data)
        (member,) = archive.infolist()
        for number in range(1000):
            again = zipfile.ZipInfo(f"claim/b{number}.json", (1980, 1, 1, 0, 0, 0))
            for name in ("header_offset", "file_size", "compress_size", "CRC", "external_attr"):
                setattr(again, name, getattr(member, name))
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
        archive._didModify = True  # type: ignore[attr-defined]
    path.write_bytes(buffer.getvalue())


@pytest.fixture(scope="module")
def audits(claim: Claim, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    """What the child says of every case."""
    folder = tmp_path_factory.mktemp("bounds")
    whole = claim.files(folder / "unpacked")
    paths = []
    for number, (change, _, _) in enumerate(CASES.values()):
        files = dict(whole)
        change(files, claim)
        paths.append(packed(files, folder / f"{number}.zip"))
        files.clear()
    overlapping(folder / "overlapping.zip")
    ran = subprocess.run(
        [sys.executable, "-c", AUDITING, claim.bundle, *paths, folder / "overlapping.zip"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    said = [Found(**json.loads(line)) for line in ran.stdout.splitlines()]
    return dict(zip([*CASES, "overlapping members"], said, strict=True))


@pytest.mark.parametrize("name", [*CASES, "overlapping members"])
def test_it_fails_at_a_step_soon_and_in_little_memory(audits: dict[str, Found], name: str) -> None:
    _, step, words = CASES.get(name, (None, "bundle", "together they are larger"))
    found = audits[name]
    assert found.failed == step, found
    assert words.lower() in found.words.lower()
    assert found.seconds < SECONDS
    assert found.megabytes < MEGABYTES
