"""Numbers as sentences and tables write them: powers of ten, and spaces at which no line breaks."""

import math

NO_BREAK = "\N{NO-BREAK SPACE}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "\N{SUPERSCRIPT MINUS}⁰¹²³⁴⁵⁶⁷⁸⁹")


def power(log: float) -> str:
    """Writes exp(log), which floats may not hold: "0.96" or "230" where that is plain, else "5.1 × 10⁻⁴".

    >>> power(math.log(0.96)), power(math.log(5.1e-4)).replace(NO_BREAK, " "), power(-math.inf), power(math.nan)
    ('0.96', '5.1 × 10⁻⁴', '0', 'undefined')

    Args:
      log: natural logarithm.
    """
    if not math.isfinite(log):
        return "undefined" if math.isnan(log) else "0" if log < 0 else "inf"
    decimal = log / math.log(10)
    if -2 < decimal < 3:
        return f"{10**decimal:.2g}" if decimal < 2 else f"{10**decimal:.0f}"
    exponent = math.floor(decimal)
    mantissa = f"{10 ** (decimal - exponent):.1f}"
    if mantissa == "10.0":  # rounded up
        mantissa, exponent = "1.0", exponent + 1
    return f"{mantissa}{NO_BREAK}×{NO_BREAK}{ten_to(exponent)}"


def ten_to(exponent: int) -> str:
    """Writes a power of ten.

    >>> ten_to(-19)
    '10⁻¹⁹'
    """
    return f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def plural(count: int, noun: str) -> str:
    """Writes how many there are of something, which has the plural in s.

    >>> plural(1, "seed").replace(NO_BREAK, " "), plural(2000, "seed").replace(NO_BREAK, " ")
    ('1 seed', '2,000 seeds')
    """
    return with_unit(f"{count:,}", noun if count == 1 else f"{noun}s")


def with_unit(value: str, unit: str) -> str:
    """Joins a number and its unit, so that no line breaks between them."""
    return f"{value}{NO_BREAK}{unit}"
