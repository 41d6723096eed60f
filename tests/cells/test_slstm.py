import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import convergence, gradflow, unroll
from recurrax.cells.slstm import SLSTM
from recurrax.engine.kernel.executor import Kernel
from recurrax.engine.kernel.reference import Reference
from recurrax.initializers import OrthogonalPerGate
from recurrax.wrappers.learned_carry import LearnedCarry
from recurrax.wrappers.zoneout import Zoneout
from tests.engine.comparison import assert_close
from tests.oracles import sigmoid

VARIANTS = [
    SLSTM(hidden_size=4, num_heads=2),
    SLSTM(hidden_size=4, forget_activation="exp"),
    SLSTM(hidden_size=3, num_heads=3, use_bias=False, forget_bias=0.0),
]


def smallest(cell):
    return dataclasses.replace(cell, hidden_size=1, num_heads=1)


def reachable(carry):
    """n is a sum of what is above 0."""
    return carry._replace(n=0.5 + abs(carry.n))


def pre_activations(cell, params, carry, x):
    """Gate by gate and head by head."""
    heads, size = cell.num_heads, cell.hidden_size // cell.num_heads
    v = np.split(x @ params.w_x + (0 if params.b is None else params.b), 4)
    u = [np.zeros(cell.hidden_size) for _ in range(4)]
    for n in range(heads):
        own = slice(n * size, (n + 1) * size)
        for gate in range(4):
            u[gate][own] = carry.h[own] @ params.w_h[n][:, gate * size : (gate + 1) * size]
    return [a + b for a, b in zip(v, u, strict=True)]


def memory(old, new):
    """c, which is kept in units of exp(m)."""
    return tuple(state.c * jnp.exp(state.m) for state in (old, new))


def oracle_gates(cell, params, carry, x):
    _, f, z, o = pre_activations(cell, params, carry, x)
    gates = {"z": np.tanh(z), "o": sigmoid(o)}
    return gates if cell.forget_activation == "exp" else {"f": sigmoid(f), **gates}


def oracle_step(cell, params, carry, x):
    """Beck et al. (2024), equations 8 to 17: c and n themselves, put into units of exp(m) at the end alone."""
    i, f, z, o = pre_activations(cell, params, carry, x)
    f = np.exp(f) if cell.forget_activation == "exp" else sigmoid(f)
    scale = np.exp(carry.m)
    c = f * carry.c * scale + np.exp(i) * np.tanh(z)
    n = f * carry.n * scale + np.exp(i)
    m = np.maximum(np.log(f) + carry.m, i)
    h = sigmoid(o) * c / n
    return type(carry)(h=h, c=c / np.exp(m), n=n / np.exp(m), m=m), h


def one_unit(a_i, dtype=jnp.float32):
    """One unit whose input gate is at a_i, and z at 1."""
    cell = SLSTM(hidden_size=1)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 1))._replace(b=jnp.array([a_i, 0.0, 1.0, 0.0]))
    return cell, jax.tree.map(lambda a: a.astype(dtype), params), jnp.zeros((1, 1), dtype)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float16, jnp.bfloat16])
@pytest.mark.parametrize("a_i", [-7.0, -50.0, -90.0, -2000.0, 120.0])
def test_the_first_input_is_stored_however_far_its_gate_is_closed(a_i, dtype):
    """The output is sigmoid(0) tanh(1), and depends on no bias of i and f."""
    cell, params, xs = one_unit(a_i, dtype)
    value, gradient = jax.value_and_grad(lambda p: unroll(cell, p, xs)[1].sum())(params)
    eps = float(jnp.finfo(dtype).eps)
    assert float(value) == pytest.approx(0.380797, rel=4 * eps + 2e-6)
    expected = [0, 0, 0.5 / np.cosh(1) ** 2, 0.25 * np.tanh(1)]
    np.testing.assert_allclose(np.asarray(gradient.b, np.float64), expected, rtol=4 * eps)


def test_raw_pixels_give_gradients():
    cell = SLSTM(hidden_size=16)
    params = cell.init(jax.random.key(0), 1)
    xs = jnp.asarray(np.random.default_rng(0).integers(0, 256, (50, 1)), jnp.float32)
    gradient = jax.grad(lambda p: unroll(cell, p, xs)[1].sum())(params)
    assert all(jnp.isfinite(a).all() for a in gradient) and gradient.w_x.any()


@pytest.mark.parametrize("forget_activation", ["sigmoid", "exp"])
def test_outputs_are_means_weighted_by_gates(x64, forget_activation):
    """Without U, h_t = o_t sum_s w_s z_s / sum_s w_s, log w_s = a_i(s) + log f(s + 1) + .. + log f(t)."""
    cell = SLSTM(hidden_size=3, forget_activation=forget_activation)
    rng = np.random.default_rng(0)
    a = rng.normal(size=(9, 4, 3)) * np.array([60, 60, 2, 2])[:, None]
    params = cell.init(jax.random.key(0), 12)._replace(w_x=jnp.eye(12), b=jnp.zeros(12))
    _, ys = unroll(cell, params, jnp.asarray(a.reshape(9, 12)))
    log_f = a[:, 1] if forget_activation == "exp" else -np.logaddexp(0, -a[:, 1])
    for t in range(9):
        log_w = np.array([a[s, 0] + log_f[s + 1 : t + 1].sum(0) for s in range(t + 1)])
        w = np.exp(log_w - log_w.max(0))
        mean = (w * np.tanh(a[: t + 1, 2])).sum(0) / w.sum(0)
        np.testing.assert_allclose(ys[t], sigmoid(a[t, 3]) * mean, rtol=1e-12)


AUTHORS = [
    [-0.8721643999252053, -0.6513959999190605],
    [0.2744628126586769, -0.16611565468700112],
    [0.02918820672714333, -0.04169976030538043],
    [0.0029584759292615, -0.7681135475060593],
    [-0.8933535772587197, 0.3518566912104656],
]


def test_values_are_those_of_the_authors_code(x64):
    """xlstm/blocks/slstm/src/vanilla/slstm.py of NX-AI/xlstm at 032a6fb in float64: a_i about -50, R drawn."""
    raw = 3 * np.sin(1.0 + np.arange(5 * 8)).reshape(5, 8) - np.repeat([50.0, 0.0, 0.0, 0.0], 2)
    recurrent = 0.5 * np.cos(np.arange(16)).reshape(2, 8)
    cell = SLSTM(hidden_size=2)
    params = cell.init(jax.random.key(0), 8)._replace(w_x=jnp.eye(8), w_h=jnp.asarray(recurrent)[None], b=jnp.zeros(8))
    _, ys = unroll(cell, params, jnp.asarray(raw))
    np.testing.assert_allclose(ys, AUTHORS, rtol=1e-12)


def test_a_learned_start_leaves_the_empty_memory_alone():
    cell = LearnedCarry(SLSTM(hidden_size=3, recurrent_init=OrthogonalPerGate()))
    params = cell.init(jax.random.key(0), 2)
    gradient = jax.grad(lambda p: unroll(cell, p, jnp.ones((4, 2)))[1].sum())(params)
    h, c, n, m = gradient.start
    assert h.any() and not c.any() and not n.any() and not m.any() and not params.start[3].any()
    for dtype in (jnp.float16, jnp.bfloat16, jnp.float32):
        moved = jax.tree.map(lambda a: a.astype(dtype), params._replace(start=(*params.start[:3], params.start[3] - 9)))
        carry, ys = unroll(cell, moved, jnp.ones((4, 2), dtype))
        same = unroll(cell, moved._replace(start=tuple(map(jnp.zeros_like, moved.start))), jnp.ones((4, 2), dtype))
        np.testing.assert_array_equal(ys, same[1])
        assert carry.m.dtype == dtype and jnp.isfinite(carry.m).all()


@pytest.mark.parametrize("executor", ["fused", "newton", Kernel(Reference())], ids=["fused", "newton", "kernel"])
def test_the_start_at_the_smallest_number_is_no_obstacle_to_executors_masks_and_resets(x64, executor):
    cell = SLSTM(hidden_size=3, recurrent_init=OrthogonalPerGate())
    params = cell.init(jax.random.key(0), 2)
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(9, 2, 2)))
    steps = jnp.arange(9)[:, None]
    mask, resets = steps < jnp.array([[9, 5]]), steps == jnp.array([[0, 3]])

    def loss(params, xs, executor):
        return jnp.sin(unroll(cell, params, xs, mask=mask, resets=resets, executor=executor)[1]).sum()

    gradients = jax.value_and_grad(loss, (0, 1))
    assert_close(gradients(params, xs, executor), gradients(params, xs, "scan"), executor, 1e-9)
    if executor == "newton":
        report = convergence(cell, params, xs, mask=mask, resets=resets)
        assert report.converged and report.iterations < 9


def test_no_gradient_reaches_the_memory_before_the_first_input(x64):
    cell = SLSTM(hidden_size=3, recurrent_init=OrthogonalPerGate())
    path = gradflow.trajectory(cell, cell.init(jax.random.key(0), 2), jnp.ones((5, 2)))
    norms = gradflow.gradient_norms(path, lambda ys, _: ys[-1].sum())
    assert all(getattr(norms.fields, name)[0] == -jnp.inf for name in "cnm")
    assert jnp.isfinite(norms.fields.h[0]) and jnp.isfinite(norms.fields.c[1:-1]).all()


def test_zoneout_leaves_the_units_alone():
    cell = Zoneout(SLSTM(hidden_size=3))
    params = cell.init(jax.random.key(0), 2)
    for key in (None, jax.random.key(1)):
        carry, ys = unroll(cell, params, jnp.ones((3, 2)), key=key)
        assert (carry.m > -100).all() and jnp.isfinite(ys).all()


def test_the_start_is_that_of_the_authors_code():
    """`sLSTMCell.reset_parameters`, "powerlaw_blockdependent" of a first block, over the units of each head."""
    params = SLSTM(hidden_size=8, num_heads=2).init(jax.random.key(0), 4000)
    forget = 5.0 - 12.0 * (np.arange(4) / 3) ** 0.3
    np.testing.assert_allclose(params.b, np.concatenate([np.zeros(8), forget, forget, np.zeros(16)]), rtol=1e-6)
    assert not params.w_h.any() and params.w_x.std() == pytest.approx((2 / 5 / 4000) ** 0.5, rel=0.02)


@pytest.mark.parametrize("forget_activation", ["sigmoid", "exp"])
def test_huge_gates_neither_overflow_nor_give_nan(forget_activation):
    cell = SLSTM(hidden_size=4, forget_activation=forget_activation)
    params = jax.tree.map(lambda a: 300 * a, cell.init(jax.random.key(0), 3))
    xs = jax.random.normal(jax.random.key(1), (50, 3))

    def total(params):
        return unroll(cell, params, xs)[1].sum()

    gradient = jax.grad(total)(params)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((total(params), gradient)))


def test_a_strong_input_replaces_all_that_was_stored():
    cell = SLSTM(hidden_size=1)
    params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 2))
    params = params._replace(w_x=jnp.array([[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]]))
    xs = jnp.array([[2.0, 0.0]] * 20 + [[-2.0, 20.0]])
    _, ys = unroll(cell, params, xs)
    np.testing.assert_allclose(ys[-2:, 0], 0.5 * np.tanh([2.0, -2.0]), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 3}, "hidden_size must be a multiple of num_heads = 3, got 4"),
    ],
)
def test_a_bad_hyper_parameter_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        SLSTM(hidden_size=4, **arguments)
