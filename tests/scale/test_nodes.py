"""A cluster of several nodes, one of which goes away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sif.scale.connection import library
from sif.scale.hire import hire
from sif.scale.workforce import Workforce
from tests.scale.parts import Sleeping, ignore

pytestmark = pytest.mark.slow
SOON_NOTICED = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 2,
}
"""By default Ray watches a node for a quarter of a minute before it takes it for gone."""


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Four nodes on this machine, with room for one worker each."""
    library(Workforce(ray="local"))
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": SOON_NOTICED}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(3):
            made.add_node(num_cpus=1)
        yield made
    finally:
        made.shutdown()


def test_a_node_that_is_removed_midway_is_said_and_everything_ends_right(
    cluster: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = []
    with hire(Workforce(ray=cluster.address), ignore) as crew:
        assert crew.size == 4
        for arrived in crew.arriving(Sleeping(tmp_path, number, 1.5) for number in range(12)):
            found.append(arrived.result)
            if len(found) == 4:  # everybody is at work
                cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
    assert capsys.readouterr().out == ""
    assert sorted(found) == [*range(12)]
    assert "a worker was lost" in caplog.text
    assert "is gone; 3 are left" in caplog.text
