"""How much memory the GPUs have, asked of NVIDIA's driver library; needs neither torch nor a tool.

The functions are those of NVML's API reference (`nvmlInit_v2`, `nvmlDeviceGetMemoryInfo`).
"""

from __future__ import annotations

import ctypes
import sys

_LIBRARY = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong),
                ("used", ctypes.c_ulonglong))  # fmt: skip


def memory_of_cards() -> list[int] | None:
    """Bytes of each GPU; None when there is no NVIDIA driver."""
    try:
        library = ctypes.CDLL(_LIBRARY)
        if library.nvmlInit_v2() != 0:
            return None
    except (OSError, AttributeError):
        return None
    try:
        count = ctypes.c_uint()
        library.nvmlDeviceGetCount_v2(ctypes.byref(count))
        found: list[int] = []
        for index in range(count.value):
            handle, memory = ctypes.c_void_p(), _Memory()
            if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
                continue
            if not library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)):
                found.append(int(memory.total))
        return found
    finally:
        library.nvmlShutdown()
