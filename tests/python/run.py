"""Runs one flow: `run.py <module>.<function> [--name value …]`.

The function gets one argument: the addresses as attributes, so a flow that needs a server it was
not given fails at once.
"""

import importlib
import sys
from types import SimpleNamespace


def main(flow: str, *words: str):
    module, function = flow.split(".")
    names, values = words[::2], words[1::2]
    site = SimpleNamespace(**{name.removeprefix("--"): value for name, value in zip(names, values)})
    getattr(importlib.import_module(f"flows.{module}"), function)(site)


if __name__ == "__main__":
    main(*sys.argv[1:])
