"""Makes a fingerprint: base images, keys and a recipe become triggers on disk.

1. Open the folder: the same request goes on where it stopped. 2. Look at model and pictures.
3. A crew optimises the triggers in lots, and measures the saved pictures through the model's
ordinary pipeline; weak ones are made again, with the same key. 4. It weighs the words. 5. Write the
manifest. Only this process writes, and it alone knows the secret.
"""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.making import Report, at_work, silent
from sif.fingerprint.manifest import Manifest, TriggerRecord
from sif.fingerprint.plan import Plan, Wish, trigger_id
from sif.fingerprint.predictability import weights_of
from sif.fingerprint.recipe import Recipe
from sif.fingerprint.workspace import TokenizerDigests, Workspace
from sif.pictures.folder import NamedImage
from sif.scale.workforce import Workforce
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing


def make_fingerprint(
    vlm: Vlm,
    images: Sequence[NamedImage] | str | Path,
    *,
    out: str | Path,
    recipe: Recipe | str | Path = "sif",
    prompts: Sequence[str] | None = None,
    count: int | None = None,
    keys: KeyRing | None = None,
    seed: int = 0,
    batch_size: int | Literal["auto"] = "auto",
    checkpointing: bool | None = None,
    max_pixels: int | None = None,
    workforce: Workforce | None = None,
    report: Report = silent,
) -> FingerprintSet:
    """Makes `count` triggers on a model and keeps them in a folder.

    Called again with the same arguments after an interruption it goes on; the result is the same.
    A weak trigger is made again from where its first making ended, with the same key and on the
    same picture: a picture that is chosen by how well it goes with a key is a selection, and would
    accuse innocents that say what the source says (`sif bench ownership` measures it). A recipe
    with a `content_share` learns from all pictures, those beyond `count` too, what ordinary ones
    hold.

    Args:
        vlm: the owner's model.
        images: base images, or a folder of them; fewer than `count` are used again with other
            prompts.
        out: the folder.
        recipe: how triggers are made; a built-in one or a YAML file by name.
        prompts: ordinary questions, taken in turn; those that come with SIF where None.
        count: number of triggers; all images where None.
        keys: the owner's secret; where None, the folder's or a fresh one, which is saved there.
        seed: of everything random but the keys.
        batch_size: triggers optimised together, which share their changes of the weights and
            nothing else; "auto" is 8, as many of them at once as fit into memory.
        checkpointing: computes activations again in the backward pass instead of keeping them,
            with the same result; None where memory is short.
        max_pixels: of a base image at most, where the model follows the extent of a picture; what
            1,024 image tokens show where None.
        workforce: who makes them; this process where None. The files do not depend on it, where
            the machines are alike.
        report: called after every step, of several workers a few times a second.

    Raises:
        UsageError: no images or prompts, a number out of range, a recipe without green lists, or
            too few images for what the recipe has to learn from them; nothing is then written.
        ModelError: the model does not pass the probe.
        FingerprintError: the folder belongs to something else.
        StorageError: the folder cannot be written.
        SifError: there is no such cluster, or a part lost its worker too often.
    """
    wish = Wish.of(
        vlm,
        images,
        recipe=recipe,
        prompts=prompts,
        count=count,
        keys=keys,
        seed=seed,
        batch_size=batch_size,
        checkpointing=checkpointing,
        max_pixels=max_pixels,
    )
    workspace = Workspace(Path(out))
    content = None if workspace.finished() else wish.study()
    files = wish.files()
    plan = wish.planned(workspace.open_keys(wish.keys), content=content, files=files)
    workspace.claim(plan.request)
    if workspace.finished() is None:
        if files is not None:
            workspace.write_model(files)
        _finish(plan, workspace, workforce or Workforce(), report)
    return FingerprintSet.load(workspace.folder)


def _finish(plan: Plan, workspace: Workspace, workforce: Workforce, report: Report) -> None:
    tokenizer = workspace.write_tokenizer(plan.vlm.tokenizer)
    batches = plan.batches()
    with at_work(plan, workforce, report) as making:
        making.make(batches, workspace)
        records = [workspace.records(map(trigger_id, batch)) for batch in batches]
        weights = workspace.write_weights(weights_of(making.weigh(records, workspace)))
    triggers = [record for some in records for record in some]
    workspace.finish(manifest_of(plan, tokenizer, triggers, weights_sha256=weights))


def manifest_of(
    plan: Plan,
    tokenizer: TokenizerDigests,
    triggers: Sequence[TriggerRecord],
    *,
    weights_sha256: str | None,
) -> Manifest:
    """What the public half says of itself."""
    request, vlm = plan.request, plan.vlm
    return Manifest(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        model=request.model,
        **tokenizer._asdict(),
        weights_sha256=weights_sha256,
        vocabulary_size=vlm.vocabulary_size,
        gamma=request.recipe.gamma,
        recipe=request.recipe,
        seed=request.seed,
        max_pixels=request.max_pixels or vlm.usual_pixels,
        anchor=None if plan.keys.anchor is None else plan.keys.anchor.hex(),
        triggers=tuple(triggers),
    )
