from pathlib import Path

import pytest
import torch

from sif.errors import SuspectError, UsageError
from sif.networks import endpoint
from sif.networks.connect import connect_network
from sif.networks.endpoint import EndpointNetwork, EndpointOptions
from sif.networks.fingerprint import NetworkFingerprint
from sif.networks.output_journal import OutputJournal
from sif.networks.verify import verify_network
from tests.networks.server import serving
from tests.networks.small import Small


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "FIRST_PAUSE", 0.01)


def test_an_endpoint_answers_like_the_network_behind_it(world: Small) -> None:
    inputs = world.data.inputs[:5]
    with serving(world.protected) as server:
        said = EndpointNetwork(server.url)(inputs)
    assert torch.allclose(said, world.protected(inputs), atol=1e-6)


def test_passing_failures_are_tried_again(world: Small) -> None:
    with serving(world.protected) as server:
        server.status = lambda number: 503 if number < 3 else 200
        said = EndpointNetwork(server.url)(world.data.inputs[:2])
    assert said.shape == (2, 3)
    assert server.requests == 3


def test_lasting_failures_are_one_clear_line(world: Small) -> None:
    with serving(world.protected) as server:
        server.status = lambda number: 401
        with pytest.raises(SuspectError, match=r"HTTP 401.*; check its key"):
            EndpointNetwork(server.url)(world.data.inputs[:2])
    assert server.requests == 1
    with pytest.raises(SuspectError, match="cannot be reached"):
        EndpointNetwork(server.url, EndpointOptions(attempts=2))(world.data.inputs[:2])


@pytest.mark.parametrize(
    "reply",
    [lambda o: {"answers": o}, lambda o: {"outputs": o[:-1]}, lambda o: {"outputs": [[1], [1, 2]]}],
)
def test_replies_that_are_no_batch_of_numbers_are_refused(reply, world: Small) -> None:
    with serving(world.protected) as server:
        server.reply = reply
        with pytest.raises(SuspectError, match="expected"):
            EndpointNetwork(server.url)(world.data.inputs[:2])


def test_a_reply_of_more_values_than_any_batch_is_not_read(
    world: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "MOST_VALUES", 1000)
    with serving(world.protected) as server:
        server.reply = lambda outputs: {"outputs": [{"": 0}] * 1000}
        with pytest.raises(SuspectError, match=r"2,\d+ values, more than the 1,000"):
            EndpointNetwork(server.url)(world.data.inputs[:2])


def test_null_is_a_number_that_is_not_finite(world: Small) -> None:
    with serving(world.protected) as server:
        server.reply = lambda outputs: {"outputs": [[None, 1.0, 2.0] for _ in outputs]}
        said = EndpointNetwork(server.url)(world.data.inputs[:2])
    assert torch.isnan(said[:, 0]).all()


def test_an_endpoint_that_fails_half_way_goes_on_and_nothing_is_lost(
    world: Small, fingerprint: NetworkFingerprint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sif.networks.verify.BATCH", 4)
    path = tmp_path / "outputs.sqlite"
    with serving(world.unseen_copies[0]) as server:
        network = EndpointNetwork(server.url, EndpointOptions(attempts=1))
        server.status = lambda number: 200 if number <= 2 else 500
        with OutputJournal(path) as journal, pytest.raises(SuspectError, match="8 of 12 answers"):
            verify_network(fingerprint, network, name=server.url, journal=journal)
        server.status = lambda number: 200
        with OutputJournal(path) as journal:
            verdict = verify_network(fingerprint, network, name=server.url, journal=journal)
        assert server.answered == len(fingerprint.inputs)
        with OutputJournal(path) as journal:
            again = verify_network(fingerprint, network, name=server.url, journal=journal)
        assert server.answered == len(fingerprint.inputs)
    local = verify_network(fingerprint, world.unseen_copies[0], name=server.url)
    assert verdict.decision == local.decision == "derived"
    assert verdict.score == pytest.approx(local.score, abs=1e-5)
    assert again == verdict


def test_a_key_is_sent_and_never_shown(world: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_KEY", "s3cret")
    with serving(world.protected) as server:
        found = connect_network(f"{server.url}?sif_key_env=THEIR_KEY&v=2&sif_attempts=1")
        found.network(world.data.inputs[:1])
        server.status = lambda number: 403
        with pytest.raises(SuspectError) as refused:
            found.network(world.data.inputs[:1])
        server.raw = lambda to: (to.send_response(200), to.end_headers(), to.wfile.write(b"s3cret"))
        with pytest.raises(SuspectError, match=r"got no JSON but \*\*\*") as repeated:
            found.network(world.data.inputs[:1])
        server.raw = None
        with pytest.raises(SuspectError) as named:
            EndpointNetwork(server.url.replace("//", "//me:s3cret@"))(world.data.inputs[:1])
    assert server.keys[0] == "Bearer s3cret"
    assert "s3cret" not in f"{found} {refused.value!r} {repeated.value!r} {named.value!r}"
    assert found.remote


def test_wrong_addresses_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="URL"):
        EndpointNetwork("ftp://x/y")
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(UsageError, match="NOT_SET"):
        EndpointNetwork("http://x/y", EndpointOptions(key_env="NOT_SET"))
    with pytest.raises(UsageError, match="sif_attempts"):
        connect_network("http://x/y?sif_attempts=0")
