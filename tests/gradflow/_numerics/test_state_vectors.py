import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, catalogue
from recurrax.engine.make_run import make_run
from recurrax.engine.run import project_all
from recurrax.gradflow._numerics.state_vectors import (
    from_state_vector,
    jacobian,
    jacobian_transposed,
    random_orthonormal,
    state_vector,
)
from tests.gradflow.references import explicit_jacobians

LEAVES = [np.arange(8.0, dtype=np.float32).reshape(2, 2, 2), np.array([[1 + 2j], [3 - 4j]], np.complex64)]


def test_a_vector_has_every_real_number_of_a_state_and_gives_the_state_back():
    vector = state_vector(LEAVES, 1)
    np.testing.assert_array_equal(vector, [[0, 1, 2, 3, 1, 2], [4, 5, 6, 7, 3, -4]])
    jax.tree.map(np.testing.assert_array_equal, from_state_vector(vector, LEAVES), LEAVES)


def test_a_narrow_state_is_measured_in_float32_and_keeps_its_own_type():
    narrow = [jnp.ones((3, 2), jnp.bfloat16)]
    vector = state_vector(narrow, 1)
    assert vector.dtype == jnp.float32 and from_state_vector(vector, narrow)[0].dtype == jnp.bfloat16


@pytest.mark.parametrize("cell", [LSTM(3), GRU(3)], ids=["lstm", "gru"])
def test_both_maps_are_the_matrix_of_the_step(cell):
    xs = jax.random.normal(jax.random.key(1), (1, 2, 2))
    params = cell.init(jax.random.key(0), 2)

    @jax.jit
    def matrices(params):
        run = make_run(cell, params, xs)
        step = jax.tree.map(lambda a: a[0], (project_all(run), run.inputs))
        size = state_vector(jax.tree.leaves(run.carry), 1).shape[-1]
        eye = jnp.broadcast_to(jnp.eye(size), (2, size, size))
        return jacobian(run, run.carry, *step)(eye), jacobian_transposed(run, run.carry, *step)(eye)

    got, transposed = matrices(params)
    for example in range(2):
        (expected,) = explicit_jacobians(cell, params, xs, example)
        np.testing.assert_allclose(got[example], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(transposed[example], expected.T, rtol=1e-5, atol=1e-6)


def test_a_complex_state_turns_as_pairs_of_real_numbers():
    cell = catalogue.make_cell("lru", hidden_size=1)
    params = cell.init(jax.random.key(0), 1)
    run = make_run(cell, params, jnp.zeros((1, 1)))
    z, inputs = jax.tree.map(lambda a: a[0], (project_all(run), run.inputs))
    matrix = np.asarray(jacobian(run, run.carry, z, inputs)(jnp.eye(2)))
    # Multiplication by a complex number: a scaled rotation, inside the unit circle.
    np.testing.assert_allclose(matrix, [[matrix[0, 0], -matrix[1, 0]], [matrix[1, 0], matrix[0, 0]]], rtol=1e-6)
    assert 0 < np.linalg.det(matrix) < 1


def test_random_columns_are_orthonormal_and_alike_for_all_examples():
    columns = random_orthonormal((2,), 5, 3, jnp.float32)
    np.testing.assert_array_equal(columns[0], columns[1])
    np.testing.assert_allclose(columns[0].T @ columns[0], np.eye(3), atol=1e-6)
