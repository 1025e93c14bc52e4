"""The only module that touches ai_edge_litert's generated schema, and the TFLite numbers that we rely on."""

from __future__ import annotations

from types import ModuleType

from tinyclap_export.errors import ExportError


def schema() -> ModuleType:
    """ai_edge_litert.schema_py_generated (not a documented API); exit code 3 when it is not installed."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise ExportError("the TFLite schema is not installed", "pip install 'ai-edge-litert>=2.1,<3'", 3) from error
    return schema_py_generated


def operator_name(code: int) -> str:
    """What TFLite calls a builtin operator, for a message: "WHILE"; its number where the schema does not know it."""
    try:
        names = vars(schema().BuiltinOperator)
    except ExportError:
        names = {}
    return next((name for name, number in names.items() if number == code), f"(builtin code {code})")


# kind: (builtin operator code, version that int8 needs)
BUILTIN = {
    "ADD": (0, 2),
    "AVERAGE_POOL_2D": (1, 2),
    "CONCATENATION": (2, 2),
    "CONV_2D": (3, 3),
    "DEPTHWISE_CONV_2D": (4, 3),
    "FULLY_CONNECTED": (9, 4),
    "LOGISTIC": (14, 2),
    "MAX_POOL_2D": (17, 2),
    "MUL": (18, 2),
    "RELU": (19, 2),
    "RELU6": (21, 2),
    "RESHAPE": (22, 1),
    "SOFTMAX": (25, 2),
    "TANH": (28, 2),
    "PAD": (34, 2),
    "TRANSPOSE": (39, 2),
    "MEAN": (40, 2),
    "SUB": (41, 3),
    "LEAKY_RELU": (98, 2),
    "QUANTIZE": (114, 2),
    "HARD_SWISH": (117, 1),
    "GELU": (150, 2),
    "RELU_0_TO_1": (152, 1),
}
KIND_OF_CODE = {code: kind for kind, (code, _) in BUILTIN.items()}

ACTIVATION_CODES = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}
PADDING_CODES = {"SAME": 0, "VALID": 1}
TENSOR_TYPES = {"float32": 0, "int32": 2, "int8": 9}
FILE_IDENTIFIER = b"TFL3"
