# Types of the part of ONNX Runtime that server/predictors uses; the library ships none.

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

class OrtValue:
    @staticmethod
    def ortvalue_from_numpy(numpy_obj: npt.NDArray[Any]) -> OrtValue: ...
    def numpy(self) -> npt.NDArray[np.float32]: ...

class SessionOptions:
    intra_op_num_threads: int
    inter_op_num_threads: int
    log_severity_level: int
    enable_cpu_mem_arena: bool
    def add_session_config_entry(self, key: str, value: str) -> None: ...
    def add_external_initializers(
        self, names: Sequence[str], ortvalues: Sequence[OrtValue]
    ) -> None: ...

class NodeArg:
    name: str
    shape: list[int | str]

class InferenceSession:
    def __init__(
        self, path: str | bytes, sess_options: SessionOptions, *, providers: Sequence[str]
    ) -> None: ...
    def get_inputs(self) -> list[NodeArg]: ...
    def run_with_ort_values(
        self, output_names: Sequence[str], input_dict_ort_values: Mapping[str, OrtValue]
    ) -> list[OrtValue]: ...

def disable_telemetry_events() -> None: ...
