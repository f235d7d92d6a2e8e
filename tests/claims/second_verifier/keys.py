"""Secret, seeds and keys, the order of asking and its batches."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .checking import UnknownFormError, same, sha256
from .signed import COMMITMENT, merkle, payload_of, token
from .writing import as_python


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
