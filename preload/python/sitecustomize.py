"""Loaded by Python at its start, from a folder on PYTHONPATH: calls carry on the trace of the request that they are made for.

It changes nothing else, and whatever fails here, the program goes on as if it were not there. A `sitecustomize` that this one hides is
run as well.
"""

import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _run_hidden():
    """Runs the module of this name that would have been found without this folder."""
    others = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


try:
    import heddle_preload

    heddle_preload.install()
except Exception:  # noqa: BLE001 - the program must start
    pass

_run_hidden()
