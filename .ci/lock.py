"""Print constraints.txt: the exact version of everything installed beside this project."""

from __future__ import annotations

from importlib.metadata import distributions

SKIP = {"openshelf", "pip", "setuptools", "wheel"}
# Parts of CUDA: not locked, since a machine without them must not be told to want them.
SKIP_PREFIXES = ("nvidia-", "triton", "cuda-")

pins = {}
for distribution in distributions():
    name = distribution.metadata["Name"].lower().replace("_", "-")
    if name not in SKIP and not name.startswith(SKIP_PREFIXES):
        pins[name] = distribution.version.split("+")[0]
print("# Every version this project is tested with. Written by `make lock`.")
for name in sorted(pins):
    print(f"{name}=={pins[name]}")
