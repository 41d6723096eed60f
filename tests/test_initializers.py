import dataclasses
import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import initializers
from recurrax.initializers import (
    Chrono,
    Constant,
    FanInUniform,
    Gaussian,
    GaussianSpectralRadius,
    GlorotUniformFused,
    GlorotUniformPerGate,
    Identity,
    Normal,
    OrthogonalFused,
    OrthogonalPerGate,
    Ramp,
    TorchUniform,
    Uniform,
    VanishingGaussian,
    Zeros,
)

KEY = jax.random.key(0)
ALL = [
    Zeros(),
    Constant(0.5),
    Uniform(-0.5, 1.5),
    Normal(std=0.5),
    OrthogonalPerGate(gain=1.5),
    OrthogonalFused(),
    Identity(gain=0.9),
    Gaussian(gain=1.5),
    GaussianSpectralRadius(spectral_radius=1.1),
    TorchUniform(draws=2),
    FanInUniform(gain=1.5),
    GlorotUniformFused(),
    GlorotUniformPerGate(),
    VanishingGaussian(gain=1.5),
    Ramp(3.0, 6.0, power=0.5),
]
DRAWS_NOTHING = (Zeros, Constant, Identity, Ramp)
FOR_BIASES = [
    init for init in ALL if isinstance(init, (Zeros, Constant, Gaussian, Normal, Ramp, TorchUniform, Uniform))
]
every_one = pytest.mark.parametrize("init", ALL, ids=repr)


@functools.cache
def jitted(init, dtype="float32"):
    return jax.jit(lambda key: init(key, (4, 8), jnp.dtype(dtype), gates=2))


def gates_of(weight, gates):
    return np.split(np.asarray(weight), gates, axis=-1)


def test_every_initializer_of_the_module_is_under_test():
    classes = {
        value
        for value in vars(initializers).values()
        if isinstance(value, type)
        and issubclass(value, initializers.Initializer)
        and not (inspect.isabstract(value) or value.__name__.startswith("_"))
    }
    assert classes == {type(init) for init in ALL}


# ---- what every initialiser keeps ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@every_one
def test_a_weight_has_the_shape_and_dtype_asked_for(init, dtype):
    with jax.enable_x64(dtype == "float64"):
        weight = jitted(init, dtype)(jax.random.key(0))
    assert weight.shape == (4, 8) and weight.dtype == dtype
    assert np.isfinite(np.asarray(weight, np.float64)).all()


@every_one
def test_the_default_dtype_is_that_of_jax(init):
    for wide, dtype in ((False, jnp.float32), (True, jnp.float64)):
        with jax.enable_x64(wide):
            assert jax.eval_shape(lambda: init(jax.random.key(0), (4, 4))).dtype == dtype


@every_one
def test_a_weight_is_told_by_its_key(init):
    first, again, other = (jitted(init)(jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first == other).all() == isinstance(init, DRAWS_NOTHING)


@every_one
def test_gates_do_not_share_their_draw(init):
    first, second = gates_of(jitted(init)(KEY), 2)
    assert (first == second).all() == isinstance(init, DRAWS_NOTHING)


@every_one
def test_seeds_may_be_mapped_over(init):
    keys = jax.random.split(KEY, 3)
    together = jax.jit(jax.vmap(jitted(init)))(keys)
    np.testing.assert_allclose(together[2], jitted(init)(keys[2]), rtol=1e-4, atol=1e-5)


@every_one
def test_it_is_a_value_that_prints_compares_and_is_static_to_jax(init):
    again = eval(repr(init), vars(initializers).copy())
    assert again == init and hash(again) == hash(init)
    assert jax.tree.leaves(init) == []
    for field in dataclasses.fields(init):
        assert dataclasses.replace(init, **{field.name: getattr(init, field.name) + 1}) != init


@every_one
def test_a_width_that_the_gates_do_not_divide_is_refused_or_drawn_in_full(init):
    try:
        shape = jax.eval_shape(lambda: init(KEY, (10, 10), gates=4)).shape
    except ValueError as error:
        assert "gates" in str(error)
    else:
        assert shape == (10, 10)


@every_one
def test_a_bias_is_drawn_in_its_shape_or_refused(init):
    def draw():
        return init(KEY, (8,), gates=4)

    if init in FOR_BIASES:
        assert jax.eval_shape(draw).shape == (8,)
    else:
        with pytest.raises(ValueError, match=r"got (shape )?\(\d,\)"):
            jax.eval_shape(draw)


# ---- each of them --------------------------------------------------------------------------------------------------


def test_a_ramp_goes_from_first_to_last_over_each_gate():
    """PyTorch's linspace, which xLSTM's authors take."""
    np.testing.assert_allclose(Ramp(3.0, 6.0)(KEY, (8,), gates=2), [3, 4, 5, 6] * 2, rtol=1e-6)
    np.testing.assert_allclose(Ramp(5.0, -7.0, power=2.0)(KEY, (3,)), [5, 2, -7], rtol=1e-6)


def test_zeros_and_constants_are_that():
    assert not Zeros()(KEY, (3, 4)).any()
    assert (Constant(-2.5)(KEY, (3, 4)) == -2.5).all()


@pytest.mark.parametrize("gates", [1, 3, 4])
def test_orthogonal_per_gate_has_all_singular_values_at_the_gain_in_every_gate(x64, gates):
    for block in gates_of(OrthogonalPerGate(gain=1.5)(KEY, (16, 16 * gates), gates=gates), gates):
        np.testing.assert_allclose(np.linalg.svd(block, compute_uv=False), 1.5, rtol=1e-12)


def test_orthogonal_per_gate_spans_what_it_can_of_a_block_that_is_not_square(x64):
    for block in gates_of(OrthogonalPerGate()(KEY, (3, 16), gates=2), 2):
        np.testing.assert_allclose(block @ block.T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("gates", [3, 4])
def test_orthogonal_fused_is_orthogonal_as_a_whole_and_short_in_every_gate(x64, gates):
    size = 64
    weight = np.asarray(OrthogonalFused(gain=1.5)(KEY, (size, size * gates), gates=gates))
    np.testing.assert_allclose(np.linalg.svd(weight, compute_uv=False), 1.5, rtol=1e-12)
    per_gate = 1.5 * np.sqrt(size)
    for block in gates_of(weight, gates):
        assert np.linalg.norm(block) / per_gate == pytest.approx(gates**-0.5, rel=0.05)
        assert np.linalg.norm(block, ord=2) < 1.5


def test_orthogonal_matrices_are_not_biased_to_one_sign():
    """A QR whose signs are left to the algorithm gives a matrix that is not Haar distributed: its mean is not 0."""
    draws = jax.vmap(lambda key: OrthogonalPerGate()(key, (2, 2)))(jax.random.split(KEY, 4000))
    np.testing.assert_allclose(draws.mean(0), 0, atol=4 / np.sqrt(2 * 4000))
    np.testing.assert_allclose((jnp.linalg.det(draws) > 0).mean(), 0.5, atol=4 * 0.5 / np.sqrt(4000))


def test_identity_is_the_identity_in_every_gate():
    for block in gates_of(Identity(gain=0.5)(KEY, (4, 12), gates=3), 3):
        np.testing.assert_array_equal(block, 0.5 * np.eye(4))


@pytest.mark.parametrize(("rows", "columns", "gates"), [(200, 800, 4), (50, 1000, 1), (1, 40_000, 1)])
def test_gaussian_entries_have_the_gain_over_the_root_of_the_rows_as_deviation(rows, columns, gates):
    weight = np.asarray(Gaussian(gain=1.7)(KEY, (rows, columns), gates=gates))
    deviation, count = 1.7 / np.sqrt(rows), rows * columns
    assert weight.std() == pytest.approx(deviation, rel=4 / np.sqrt(2 * count))
    assert abs(weight.mean()) < 4 * deviation / np.sqrt(count)
    assert (weight**4).mean() / deviation**4 == pytest.approx(3, rel=0.1)


def test_gaussian_of_an_input_without_features_is_empty():
    assert Gaussian()(KEY, (0, 8), gates=2).shape == (0, 8)


def test_a_square_gaussian_has_its_gain_as_spectral_radius_in_the_limit_of_many_units():
    weight = Gaussian(gain=0.8)(KEY, (200, 200))
    assert np.abs(np.linalg.eigvals(weight)).max() == pytest.approx(0.8, rel=0.1)


@pytest.mark.parametrize("size", [1, 2, 7, 64])
@pytest.mark.parametrize("gates", [1, 3])
def test_the_spectral_radius_of_every_gate_is_exactly_the_one_asked_for(x64, size, gates):
    weight = GaussianSpectralRadius(spectral_radius=0.95)(KEY, (size, size * gates), gates=gates)
    for block in gates_of(weight, gates):
        assert np.abs(np.linalg.eigvals(block)).max() == pytest.approx(0.95, rel=1e-6)


def test_the_spectral_radius_holds_in_float32_as_well():
    weight = GaussianSpectralRadius(spectral_radius=1.2)(KEY, (100, 100))
    assert np.abs(np.linalg.eigvals(np.asarray(weight, np.float64))).max() == pytest.approx(1.2, rel=1e-4)


@pytest.mark.parametrize("shape", [(4, 8), (3, 6), (2, 2, 4)])
def test_a_spectral_radius_needs_square_gates(shape):
    with pytest.raises(ValueError, match=r"GaussianSpectralRadius needs a square block per gate, got shape \("):
        GaussianSpectralRadius()(KEY, shape, gates=1)


@pytest.mark.parametrize(("shape", "gates", "hidden"), [((7, 400), 4, 100), ((400,), 4, 100), ((9, 25), 1, 25)])
def test_torch_uniform_is_bounded_by_the_width_of_a_gate(shape, gates, hidden):
    draws = np.asarray(jax.vmap(lambda key: TorchUniform()(key, shape, gates=gates))(jax.random.split(KEY, 50)))
    bound = hidden**-0.5
    assert 0.99 * bound < np.abs(draws).max() <= bound
    assert draws.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)


def test_torch_uniform_of_two_draws_is_the_sum_of_two_bias_vectors():
    draws = np.asarray(TorchUniform(draws=2)(KEY, (40_000,), gates=400))
    assert 0.1 < np.abs(draws).max() <= 0.2
    assert draws.std() == pytest.approx(0.1 * np.sqrt(2 / 3), rel=0.02)
    assert (np.abs(draws) < 0.05).mean() == pytest.approx(7 / 16, abs=0.01)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: OrthogonalPerGate(gain="1"), TypeError, "gain must be a number, got '1' of type str"),
        (lambda: OrthogonalFused(gain=float("nan")), ValueError, "gain must be finite, got nan"),
        (lambda: Identity(gain=None), TypeError, "gain must be a number, got None"),
        (lambda: Gaussian(gain=float("inf")), ValueError, "gain must be finite, got inf"),
        (lambda: GaussianSpectralRadius(0.0), ValueError, "spectral_radius must be above 0, got 0"),
        (lambda: GaussianSpectralRadius(-1.0), ValueError, "spectral_radius must be above 0, got -1"),
        (lambda: TorchUniform(draws=0), ValueError, "draws must be at least 1, got 0"),
        (lambda: TorchUniform(draws=1.5), TypeError, "draws must be an integer.*, got 1.5"),
        (lambda: Constant(True), TypeError, "value must be a number, got True"),
        (lambda: Ramp(1.0, 2.0, power=0.0), ValueError, "power must be above 0, got 0"),
        (lambda: Chrono(t_max=0.5), ValueError, "t_max must be at least t_min = 1.0, got 0.5"),
        (lambda: Chrono(t_max=5.0, t_min=0.0), ValueError, "t_min must be above 0, got 0"),
        (lambda: Chrono(t_max=float("nan")), ValueError, "t_max must be finite, got nan"),
    ],
)
def test_a_bad_argument_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_uniform_entries_fill_their_range():
    drawn = np.asarray(Uniform(-0.5, 1.5)(KEY, (20_000,)))
    assert -0.5 <= drawn.min() < -0.499 and 1.499 < drawn.max() < 1.5
    np.testing.assert_allclose(np.quantile(drawn, [0.25, 0.5, 0.75]), [0, 0.5, 1], atol=0.03)
    with pytest.raises(ValueError, match="high must be at least low = 1.0, got 0.0"):
        Uniform(1.0, 0.0)


def test_the_deviation_of_normal_entries_does_not_depend_on_the_size():
    for shape in ((400, 50), (20_000,)):
        assert np.asarray(Normal(std=0.3)(KEY, shape)).std() == pytest.approx(0.3, rel=0.03)
