"""Tests for your own models: planted data with a known answer, and the contract of models.

A test file of a model outside kgrec needs these lines, and pytest:

    from kgrec.testing import FindsBlocks

    class TestMine(FindsBlocks):
        def make(self):
            return Mine()

You can also use the planted data without the contract and without pytest:

>>> from kgrec.models.ease import EASE, EASEConfig
>>> from kgrec.testing import planted
>>> case = planted()
>>> case.found(EASE(EASEConfig(l2=5.0)).fit(case.data).score(case.known_users))
1.0
"""

from importlib.util import find_spec

if find_spec("pytest") is not None:
    # Before the contract is imported, so that a failed assertion shows its values.
    import pytest

    pytest.register_assert_rewrite("kgrec.testing.contract")

from kgrec.testing.contract import FindsBlocks, ModelContract
from kgrec.testing.planted import Planted, log_from_pairs, planted

__all__ = ["FindsBlocks", "ModelContract", "Planted", "log_from_pairs", "planted"]
