"""What several tests of stages share."""

import pytest


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    """Commands that compute block by block, on small images; see `long_jobs.cases`."""
    import long_jobs

    return long_jobs.commands(tmp_path_factory.mktemp("long-jobs"))
