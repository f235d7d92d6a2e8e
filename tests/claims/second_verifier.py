"""The arithmetic of a claim once more, by other means: shares no code with the package.

Written after docs/reference/claim-format.md, as a stranger would. From a bundle it computes the
root, the keys, the order of asking, green lists, counts, both e-values, the discount for gaps and
the decision, and raises `WrongError` where the bundle says otherwise. It checks no signature and
knows no authority: those are for openssl (test_interop.py). `python second_verifier.py BUNDLE`
prints what it found.
"""

import base64
import hashlib
import hmac
import io
import json
import math
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tokenizers import Tokenizer

BETS = ((0.1, 0.1), (0.3, 0.15), (0.6, 0.25), (0.99, 0.5))
FORM = "fingerprint/"


class WrongError(Exception):
    """The bundle contradicts itself."""


class UnknownFormError(Exception):
    """The bundle is of a form that this page does not tell of."""


class Found(NamedTuple):
    """What follows from a bundle.

    `counts` holds, in the order of asking, each trigger with its green and scored ids; None where
    no answer came.
    """

    root: str
    counts: list[tuple[str, tuple[int, int] | None]]
    log10_e_value: float
    transfer_log10_e_value: float | None
    log10_gaps: float
    decision: str


def verify(bundle: Path) -> Found:
    """Everything, from the file alone."""
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    committed, listed = (statement(files[name]) for name in (COMMITMENT, LIST))
    for subject in listed["subject"]:
        same(sha256(files[subject["name"]]), subject["digest"]["sha256"], subject["name"])
    same({one["name"] for one in listed["subject"]}, set(files) - {LIST}, "the list of files")
    header = committed["predicate"]
    write = jcs if header["schema_version"] == 2 else as_python
    manifest = json.loads(files["fingerprint/manifest.json"])
    for name, digest in header["files"].items():
        same(sha256(files[FORM + name]), digest, name)
    root = merkle([write(header), *(write(leaf(n, t)) for n, t in enumerated(manifest))]).hex()
    same([root], [one["digest"]["rfc6962-sha256"] for one in committed["subject"]], "the root")
    same(listed["predicate"]["commitment"], root, "the root on the list")
    secret, keys = secret_of(files, header, manifest)
    shown = [t for t in manifest["triggers"] if t["id"] in keys]
    for trigger in shown:
        made = sha256(b"sif key commitment 1\0" + keys[trigger["id"]])
        same(made, trigger["key_commitment"], f"the key of {trigger['id']}")
        same(sha256(files[FORM + trigger["file"]]), trigger["sha256"], trigger["file"])
    order = batch_of(files, header, order_of(files, header, manifest, secret, write))
    if secret is None:
        same(sorted(keys), sorted(t["id"] for t in order), "what is revealed and the batch")
    answers, log10_gaps = read_journal(files, header["policy"], order)
    judged = order[: len(json.loads(files["run/verdict.json"])["per_trigger"])]
    counts = count(files, manifest, keys, judged, answers)
    return judge(root, counts, header, len(manifest["triggers"]), log10_gaps, len(order))


COMMITMENT, LIST = "claim/commitment.dsse.json", "run/reveal.dsse.json"


def same(ours: object, theirs: object, what: str) -> None:
    if ours != theirs:
        raise WrongError(f"{what}: {str(ours)[:80]} and {str(theirs)[:80]}")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- canonical JSON ----------------------------------------------------------------------------


def as_python(value: object) -> bytes:
    """Version 1."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def jcs(value: object) -> bytes:
    """Version 2, RFC 8785."""
    return "".join(written(value)).encode()


def written(value: object) -> Iterator[str]:
    match value:
        case None | bool() | str():
            yield json.dumps(value, ensure_ascii=False)
        case int() | float():
            yield ecmascript(value)
        case list():
            yield "["
            for place, one in enumerate(value):
                yield "," if place else ""
                yield from written(one)
            yield "]"
        case dict():
            yield "{"
            for place, name in enumerate(sorted(value, key=lambda text: text.encode("utf-16-be"))):
                yield "," if place else ""
                yield json.dumps(name, ensure_ascii=False) + ":"
                yield from written(value[name])
            yield "}"
        case _:
            raise UnknownFormError(type(value))


def ecmascript(number: float) -> str:
    """ECMA-262, Number::toString: the shortest digits that read back, laid out as there."""
    if number == 0:
        return "0"
    sign, tuple_of, exponent = Decimal(repr(number)).normalize().as_tuple()
    digits = "".join(map(str, tuple_of))
    k, n = len(digits), len(digits) + int(exponent)
    if k <= n <= 21:
        text = digits + "0" * (n - k)
    elif 0 < n <= 21:
        text = f"{digits[:n]}.{digits[n:]}"
    elif -6 < n <= 0:
        text = "0." + "0" * -n + digits
    else:
        point = "." if k > 1 else ""
        text = f"{digits[0]}{point}{digits[1:]}e{'+' if n > 0 else '-'}{abs(n - 1)}"
    return "-" * sign + text


# --- what is signed ----------------------------------------------------------------------------


def payload_of(envelope: bytes) -> bytes:
    return base64.b64decode(json.loads(envelope)["payload"], validate=True)


def statement(envelope: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(payload_of(envelope))
    kinds = {"urn:sif:claim:commitment:1", "urn:sif:claim:commitment:2"}
    kinds |= {"urn:sif:claim:reveal:1", "urn:sif:claim:reveal:2"}
    if found["predicateType"] not in kinds:
        raise UnknownFormError(found["predicateType"])
    return found


def merkle(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, from the leaves upwards: neighbours are joined, an odd one rises."""
    row = [hashlib.sha256(b"\0" + one).digest() for one in leaves]
    while len(row) > 1:
        pairs = [row[at : at + 2] for at in range(0, len(row), 2)]
        row = [hashlib.sha256(b"\1" + b"".join(p)).digest() if len(p) == 2 else p[0] for p in pairs]
    return row[0]


def enumerated(manifest: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from enumerate(manifest["triggers"], start=1)


def leaf(number: int, trigger: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("id", "prompt", "generation", "key_commitment")
    return {
        "leaf": "trigger",
        "number": number,
        "image_sha256": trigger["sha256"],
        "base_sha256": trigger.get("base_sha256"),
        **{name: trigger[name] for name in kept},
    }


# --- secret, keys, order -----------------------------------------------------------------------


def secret_of(
    files: Mapping[str, bytes], header: Mapping[str, Any], manifest: Mapping[str, Any]
) -> tuple[bytes | None, dict[str, bytes]]:
    """The secret, where it is revealed, and the keys that are."""
    ids = [t["id"] for t in manifest["triggers"]]
    if "claim/seeds.json" in files:
        return None, from_seeds(files, header, ids)
    match files["claim/secret.key"].decode().split("\n"):
        case ["sif-key-ring 1", text, ""]:
            anchor = None
        case ["sif-key-ring 2" | "sif-key-ring 3", text, anchor, ""]:
            pass
        case other:
            raise UnknownFormError(other[0])
    same(anchor, header["anchor"], "the anchor")
    secret, salt = bytes.fromhex(text), bytes.fromhex(files["claim/salt.key"].decode())
    sealed = sha256(b"sif secret commitment 1\0" + salt + secret)
    same(sealed, header["secret_commitment"], "the secret")
    if "claim/anchor.tsr" in files:
        before = files["claim/beforehand.json"]
        same(json.loads(before)["secret_commitment"], sealed, "the secret beforehand")
        check_anchor(files, anchor)
    if files["claim/secret.key"].startswith(b"sif-key-ring 3"):
        seeds = {i: seed_of(secret, i) for i in ids}
        if "claim/anchor.tsr" in files:
            labels = [f"{n:04d}" for n in range(1, json.loads(before)["seeds"] + 1)]
            tree = [seed_leaf(i, seed_of(secret, i)) for i in labels]
            same(merkle(tree).hex(), header["seeds_root"], "the seeds beforehand")
        return secret, {i: seeded(seed, anchor, i) for i, seed in seeds.items()}
    return secret, {i: key_of(secret, anchor, i) for i in ids}


def key_of(secret: bytes, anchor: str | None, label: str) -> bytes:
    domain = (
        b"sif green key 1\0" if anchor is None else b"sif green key 2\0" + bytes.fromhex(anchor)
    )
    return mac(secret, domain + label.encode())


def from_seeds(
    files: Mapping[str, bytes], header: Mapping[str, Any], ids: Sequence[str]
) -> dict[str, bytes]:
    """The keys of the triggers whose seeds are leaves of the tree that was stamped."""
    fixed, keys = json.loads(files["claim/beforehand.json"]), {}
    same(fixed["seeds_root"], header["seeds_root"], "the seeds beforehand")
    check_anchor(files, header["anchor"])
    for one in json.loads(files["claim/seeds.json"])["seeds"]:
        label, seed, path = one["label"], bytes.fromhex(one["seed"]), one["path"]
        same(label in ids, True, f"the trigger {label}")
        node = hashlib.sha256(b"\0" + seed_leaf(label, seed)).digest()
        at, last = int(label) - 1, fixed["seeds"] - 1
        for step in map(bytes.fromhex, path):
            while at == last and not at & 1 and at:  # alone on its level
                at, last = at >> 1, last >> 1
            pair = step + node if at & 1 else node + step
            node, at, last = hashlib.sha256(b"\1" + pair).digest(), at >> 1, last >> 1
        same((node.hex(), last), (fixed["seeds_root"], 0), f"the path of {label}")
        keys[label] = seeded(seed, header["anchor"], label)
    return keys


def check_anchor(files: Mapping[str, bytes], anchor: str | None) -> None:
    imprint, signature = token(files["claim/anchor.tsr"])
    before = files["claim/beforehand.json"]
    same(imprint, hashlib.sha256(before).digest(), "what was stamped beforehand")
    same(sha256(b"sif anchor 1\0" + signature), anchor, "the anchor's token")


def seed_of(secret: bytes, label: str) -> bytes:
    return mac(secret, b"sif seed 1\0" + label.encode())


def seed_leaf(label: str, seed: bytes) -> bytes:
    return b"sif seed leaf 1\0" + label.encode() + b"\0" + seed


def seeded(seed: bytes, anchor: str | None, label: str) -> bytes:
    return mac(seed, b"sif green key 3\0" + bytes.fromhex(anchor or "") + label.encode())


def mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, "sha256").digest()


def order_of(
    files: Mapping[str, bytes],
    header: Mapping[str, Any],
    manifest: Mapping[str, Any],
    secret: bytes | None,
    write: Any,
) -> list[dict[str, Any]]:
    triggers: list[dict[str, Any]] = manifest["triggers"]
    lot = b"" if secret is None else mac(secret, b"sif order 1\0")
    if "claim/timestamp.tsr" in files:
        stamped = files[COMMITMENT] if write is as_python else payload_of(files[COMMITMENT])
        imprint, signature = token(files["claim/timestamp.tsr"])
        same(imprint, hashlib.sha256(stamped).digest(), "what was stamped")
        lot = hashlib.sha256(b"sif order 1\0" + signature).digest()
    if header["policy"].get("order", "fingerprint") == "fingerprint":
        return triggers
    return sorted(triggers, key=lambda t: hmac.new(lot, t["id"].encode(), "sha256").digest())


def batch_of(
    files: Mapping[str, bytes], header: Mapping[str, Any], order: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The triggers that the run asked: block b of K, or all."""
    batches, batch = header.get("batches"), json.loads(files["run/run.json"]).get("batch")
    if "claim/seeds.json" in files:
        same(json.loads(files["claim/seeds.json"])["batch"], batch, "the batch")
    if batches is None:
        same(batch, None, "the batch")
        return order
    same(1 <= batch <= batches, True, "the batch")
    first, end = ((batch - 1) * len(order) // batches, batch * len(order) // batches)
    return order[first:end]


def token(response: bytes) -> tuple[bytes, bytes]:
    """What a timestamp is over, and the value of its signature (RFC 3161 and 5652)."""
    (_, inside), *_ = elements(response)
    (_, content_info) = elements(inside)[1]
    signed = elements(elements(elements(content_info)[1][1])[0][1])
    encapsulated = elements(signed[2][1])[1][1]
    info = elements(elements(elements(encapsulated)[0][1])[0][1])
    imprint = elements(info[2][1])[1][1]
    signer = elements(elements(signed[-1][1])[0][1])
    return imprint, next(content for tag, content in signer if tag == 4)


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """The values of DER that stand one behind the other: tag and content."""
    found, at = [], 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size > 127:
            more = size - 128
            size, at = int.from_bytes(data[at : at + more], "big"), at + more
        found.append((tag, data[at : at + size]))
        at += size
    return found


# --- answers and counts ------------------------------------------------------------------------


def read_journal(
    files: Mapping[str, bytes], policy: Mapping[str, Any], order: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, list[str | None]], float]:
    """The last word on every question that was asked, by trigger; the discount for gaps."""
    prompts = {
        t["id"]: [p for p in (t["prompt"], *policy["also_ask"]) for _ in range(policy["repeats"])]
        for t in order
    }
    by_id = {t["id"]: t for t in order}
    answers: dict[str, dict[int, str | None]] = {}
    for text in files["run/journal.jsonl"].splitlines():
        line = json.loads(text)
        trigger, repeat = line["trigger"], line["repeat"]
        same(line["prompt"], prompts[trigger][repeat], f"the prompt of {trigger}")
        asked = question(files, by_id[trigger], line["prompt"], repeat)
        same(line["digest"], asked, f"the question of {trigger}")
        answers.setdefault(trigger, {})[repeat] = line["text"]
    gaps = sum(text is None for replies in answers.values() for text in replies.values())
    questions = sum(map(len, prompts.values()))
    discount = math.log10(math.e) / 10 + gaps * math.log10(10 * questions)
    return {trigger: list(replies.values()) for trigger, replies in answers.items()}, discount


def question(
    files: Mapping[str, bytes], trigger: Mapping[str, Any], prompt: str, repeat: int
) -> str:
    picture = Image.open(io.BytesIO(files[FORM + trigger["file"]])).convert("RGB")
    settings = json.dumps(trigger["generation"], separators=(",", ":"))
    head = f"({picture.width}, {picture.height})|{repeat}|{settings}|{prompt}|"
    return sha256(head.encode() + picture.tobytes())


def count(
    files: Mapping[str, bytes],
    manifest: Mapping[str, Any],
    keys: Mapping[str, bytes],
    order: Sequence[Mapping[str, Any]],
    answers: Mapping[str, list[str | None]],
) -> list[tuple[str, tuple[int, int] | None]]:
    data = files["fingerprint/tokenizer/tokenizer.json"]
    tokenizer = Tokenizer.from_str(data.decode())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    size, share = manifest["vocabulary_size"], Fraction(str(manifest["gamma"]))
    same(tokenizer.get_vocab_size(), size, "V")
    special = {one["id"] for one in json.loads(data)["added_tokens"] if one["special"]}
    counts: list[tuple[str, tuple[int, int] | None]] = []
    for trigger in [t["id"] for t in order if t["id"] in answers]:
        texts = [text for text in answers[trigger] if text is not None]
        if not texts:
            counts.append((trigger, None))
            continue
        ids = {i for text in texts for i in tokenizer.encode(text, add_special_tokens=False).ids}
        scored = {i for i in ids - special if i < size}
        counts.append((trigger, (len(scored & green(keys[trigger], size, share)), len(scored))))
    return counts


def green(key: bytes, size: int, share: Fraction) -> set[int]:
    stream = hashlib.shake_256(b"sif green mask 1\0" + key).digest(8 * size)
    numbers = np.frombuffer(stream, "<u8")
    return set(np.argsort(numbers, kind="stable")[: math.floor(share * size)].tolist())


# --- evidence ----------------------------------------------------------------------------------


def judge(
    root: str,
    counts: list[tuple[str, tuple[int, int] | None]],
    header: Mapping[str, Any],
    triggers: int,
    log10_gaps: float,
    asked: int | None = None,
) -> Found:
    policy, size = header["policy"], header["vocabulary_size"]
    greens = math.floor(Fraction(str(header["gamma"])) * size)
    tilts, allowance = policy["tilts"], policy["transfer_allowance"]
    drawn = policy.get("order", "fingerprint") == "drawn"
    left = range(triggers - (asked or triggers) + 1, triggers)  # N, of which n may be asked
    price = 1.0 + sum(1.0 / n for n in left) / math.e if drawn else 1.0
    wealth = [-math.log(len(tilts))] * len(tilts)
    against = [math.log(weight) for _, weight in BETS]
    highest, transfer, answered = 0.0, 0.0, 0
    for _, seen in counts:
        informative = seen is not None and seen[1] > 0
        if seen is not None and informative:
            steps = log_e_values(*seen, size, greens, tilts)
            wealth = [old + new for old, new in zip(wealth, steps, strict=True)]
            highest = max(highest, log_sum(wealth) / math.log(10))
            answered += 1
        if allowance is not None and (informative or drawn):
            s = reaction(*seen, greens / size) if seen is not None and informative else 0.0
            ratio = s / allowance - 1
            against = [o + math.log1p(f * ratio) for o, (f, _) in zip(against, BETS, strict=True)]
            transfer = max(transfer, (log_sum(against) - math.log(price)) / math.log(10))
    independent = highest >= -math.log10(policy["alpha"])
    beyond = allowance is None or transfer >= -math.log10(policy["alpha_transfer"])
    few = independent or answered < policy["minimum_answers"]
    decision = "derived" if independent and beyond else "inconclusive" if few else "not_shown"
    return Found(
        root, counts, highest, None if allowance is None else transfer, log10_gaps, decision
    )


def log_e_values(
    green: int, scored: int, size: int, greens: int, tilts: Sequence[float]
) -> list[float]:
    """ln of exp(λ g) / E[exp(λ H)], H hypergeometric: exact integers, then logarithms of sums."""
    all_ways = math.log(math.comb(size, scored))
    most = range(max(0, scored - (size - greens)), min(scored, greens) + 1)
    ways = [math.log(math.comb(greens, h) * math.comb(size - greens, scored - h)) for h in most]
    return [
        tilt * green - log_sum([w - all_ways + tilt * h for h, w in zip(most, ways, strict=True)])
        for tilt in tilts
    ]


def reaction(green: int, scored: int, gamma: float) -> float:
    excess = green / scored - gamma
    z = (green - gamma * scored) / math.sqrt(scored * gamma * (1 - gamma))
    return min(1.0, max(0.0, min(excess / 0.2, z / 3)))


def log_sum(logarithms: Sequence[float]) -> float:
    top = max(logarithms)
    return top + math.log(math.fsum(math.exp(one - top) for one in logarithms))


if __name__ == "__main__":
    print(json.dumps(verify(Path(sys.argv[1]))._asdict(), indent=1))
