"""ONNX Runtime without its telemetry: from 1.32 on it reports its use to its maker and keeps a device id."""

from __future__ import annotations

import os
from typing import Any


def onnx_runtime() -> Any:
    """The module ``onnxruntime``. What is indexed here is nobody else's business, so its documented opt-out is set
    before it is imported; a user who has set the variable keeps it."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime
