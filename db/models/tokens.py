"""Tokens: what a caller shows to be let in; of each only the hash is kept."""

from sqlalchemy import ARRAY, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from db.enums import Scope
from db.models.base import Base, check, moment, now, prose, uuid_pk, word

_SCOPES = ", ".join(repr(str(scope)) for scope in Scope)


class Token(Base):
    """One token. Its row stays when it is revoked: who did what with it can still be told.

    The secret is 256 random bits, so its hash is a fast one: a slow one protects what people make up, and
    would cost every request dearly.
    """

    __tablename__ = "tokens"

    id: Mapped[uuid_pk]
    name: Mapped[word]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_by: Mapped[prose]
    created_at: Mapped[now]
    expires_at: Mapped[moment | None]
    revoked_at: Mapped[moment | None]

    __table_args__ = (
        check("name_length", "char_length(name) BETWEEN 1 AND 200"),
        check("scopes_known", f"scopes <@ ARRAY[{_SCOPES}]"),
        check("scopes_not_empty", "cardinality(scopes) > 0"),
        check("secret_hash_is_sha256", "octet_length(secret_hash) = 32"),
        check("expires_after_creation", "expires_at > created_at"),
        Index("tokens_by_name", "name", "id"),
        Index("tokens_live", "id", postgresql_where=text("revoked_at IS NULL")),
        Index("tokens_live_name", "name", unique=True, postgresql_where=text("revoked_at IS NULL")),
        Index("tokens_revoked", "id", postgresql_where=text("revoked_at IS NOT NULL")),
    )
