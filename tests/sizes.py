"""How many examples hypothesis makes: all in the whole suite, a tenth of them in the quick one."""

from hypothesis import settings


def examples(whole: int) -> int:
    """The number for a test that makes `whole` of them in the whole suite."""
    return max(1, whole * settings().max_examples // 100)
