"""UUIDv7: the moment comes back, order is time order, and a repeated import makes the same ids."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from db.ids import milliseconds, uuid7, uuid7_floor, uuid7_time

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (bounds of a strategy are naive)
MOMENTS = st.datetimes(EPOCH, timezones=st.just(UTC)).filter(lambda moment: moment.year < 9999)
ENTROPY = st.binary(min_size=10, max_size=16)
MILLISECOND = timedelta(milliseconds=1)


def whole(moment: datetime) -> datetime:
    """The moment without what is finer than a millisecond."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@given(moment=MOMENTS, entropy=ENTROPY)
def test_the_moment_comes_back_to_the_millisecond(moment: datetime, entropy: bytes) -> None:
    assert uuid7_time(uuid7(moment, entropy)) == whole(moment)


@given(moment=MOMENTS, entropy=ENTROPY)
def test_version_and_variant_are_the_standards(moment: datetime, entropy: bytes) -> None:
    made = uuid7(moment, entropy)
    assert (made.version, made.variant) == (7, UUID(int=0x8 << 60).variant)


@given(moment=MOMENTS, entropy=ENTROPY)
def test_the_same_entropy_makes_the_same_id(moment: datetime, entropy: bytes) -> None:
    assert uuid7(moment, entropy) == uuid7(moment, entropy)


@given(moment=MOMENTS, one=ENTROPY, other=ENTROPY)
def test_other_entropy_makes_another_id(moment: datetime, one: bytes, other: bytes) -> None:
    # 74 of the 80 bits are kept: the first 12 and the last 62.
    kept = (0xFFF << 68) | ((1 << 62) - 1)
    bits = (int.from_bytes(entropy[:10], "big") & kept for entropy in (one, other))
    assert (uuid7(moment, one) == uuid7(moment, other)) == (next(bits) == next(bits))


@given(one=MOMENTS, other=MOMENTS, entropy=st.tuples(ENTROPY, ENTROPY))
def test_the_order_of_ids_is_the_order_of_time(
    one: datetime, other: datetime, entropy: tuple[bytes, bytes]
) -> None:
    assume(milliseconds(one) < milliseconds(other))
    assert uuid7(one, entropy[0]) < uuid7(other, entropy[1])


@given(moment=MOMENTS, entropy=ENTROPY)
def test_every_id_of_a_moment_lies_between_its_floor_and_the_next(moment: datetime, entropy: bytes) -> None:
    assert uuid7_floor(moment) <= uuid7(moment, entropy) < uuid7_floor(moment + MILLISECOND)


@given(moment=MOMENTS)
def test_a_floor_carries_its_moment(moment: datetime) -> None:
    assert uuid7_time(uuid7_floor(moment)) == whole(moment)


def test_an_id_without_a_moment_is_of_now() -> None:
    before = whole(datetime.now(UTC))
    assert before <= uuid7_time(uuid7()) <= datetime.now(UTC)


def test_ids_do_not_repeat() -> None:
    assert len({uuid7() for _ in range(10_000)}) == 10_000
