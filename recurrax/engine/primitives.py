"""Every table of names of JAX primitives: what the analysis of a step, its linearisation and its cutting go by.

JAX makes new primitives and renames old ones. `tests/engine/test_primitives.py` looks for the elementwise ones of the
JAX that is installed, and fails where one of them stands in no table here.
"""

CALLS = frozenset(("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"))
"""Call the jaxpr among their parameters, and mean nothing else."""

LOOPS_AND_BRANCHES = frozenset(("scan", "while", "cond"))
"""Call the jaxprs among their parameters many times, or one of them."""

MOVES = frozenset(
    (
        *("reshape", "squeeze", "expand_dims", "broadcast_in_dim", "transpose", "slice", "split", "concatenate"),
        *("stack", "unstack", "rev"),
    )
)
"""Move numbers about."""

PRODUCTS = frozenset(("dot_general", "conv_general_dilated", "ragged_dot_general"))
"""Multiply two arrays and sum up."""

REVERSE_MODE_ONLY = frozenset(("custom_lin",))
"""Stand for the tangent of a function that has a derivative for reverse mode alone (`jax.custom_vjp`)."""

CHEAP_ELEMENTWISE = frozenset(
    (
        *("add", "sub", "mul", "rem", "max", "min", "neg", "sign", "abs", "integer_pow", "square", "one_minus_square"),
        *("floor", "ceil", "round", "clamp", "select_n", "eq", "ne", "lt", "le", "gt", "ge", "is_finite", "nextafter"),
        *("and", "or", "xor", "not", "shift_left", "shift_right_arithmetic", "shift_right_logical", "mulhi", "clz"),
        *("population_count", "polynomial", "convert_element_type", "reduce_precision", "add_any", "copy", "copy_p"),
    )
)
"""Depend, number for number, on their inputs, and are as fast to compute again as to read back."""

COSTLY_ELEMENTWISE = frozenset(
    (
        *("div", "pow", "sqrt", "rsqrt", "cbrt", "exp", "exp2", "expm1", "log", "log2", "log1p", "tanh", "logistic"),
        *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh"),
        *("erf", "erfc", "erf_inv", "lgamma", "digamma", "polygamma", "zeta", "bessel_i0e", "bessel_i1e"),
        *("igamma", "igammac", "igamma_grad_a", "regularized_incomplete_beta"),
    )
)
"""Depend, number for number, on their inputs, and take longer to compute than to read back."""

ELEMENTWISE = CHEAP_ELEMENTWISE | COSTLY_ELEMENTWISE
"""Depend, number for number, on their inputs: a kernel may compute them for any part of the units."""

COSTLY = COSTLY_ELEMENTWISE | PRODUCTS | {"reduce_sum", "sort"}
"""Take longer to compute again than to read back: a linearised step keeps their outputs."""

CANCELLING = frozenset(("tanh", "logistic", "exp", "expm1"))
"""Saturate, and then lose in their derivative, or in what is left to 1, what the dtype still holds."""

LEFT_OUT = {
    "stop_gradient": "exists for its derivative alone, and no test holds a kernel to it",
    "optimization_barrier": "speaks to the compiler, without which a kernel is made",
    "dce_sink": "speaks to the compiler, without which a kernel is made",
    "complex": "makes complex numbers, and kernels compute with real ones",
    "real": "takes complex numbers, and kernels compute with real ones",
    "imag": "takes complex numbers, and kernels compute with real ones",
    "conj": "takes complex numbers, and kernels compute with real ones",
    "bitcast_convert_type": "reads the bits of a number, which depend on the dtype that a kernel computes in",
}
"""Elementwise primitives that no kernel takes, each with the reason, after "which"."""
