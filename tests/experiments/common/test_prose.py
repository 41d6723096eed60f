import math

import pytest

from experiments.common.prose import NO_BREAK, power, ten_to, with_unit


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (0.96, "0.96"),
        (0.0123, "0.012"),
        (230.0, "230"),
        (5.1e-4, "5.1 × 10⁻⁴"),
        (9.99e-5, "1.0 × 10⁻⁴"),
        (2.5e27, "2.5 × 10²⁷"),
    ],
)
def test_a_number_is_written_as_people_write_it_and_no_line_breaks_in_it(number, text):
    assert power(math.log(number)) == text.replace(" ", NO_BREAK)


def test_what_floats_cannot_hold_has_a_power_too():
    assert power(-1000.5 * math.log(10)) == "3.2 × 10⁻¹⁰⁰¹".replace(" ", NO_BREAK)
    assert power(-math.inf) == "0" and power(math.nan) == "undefined"
    assert ten_to(-19) == "10⁻¹⁹"


def test_a_unit_stays_with_its_number():
    assert with_unit("3", "ms") == f"3{NO_BREAK}ms"
