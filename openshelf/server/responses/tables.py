"""The tables of responses and conversations, in the ledger's file."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table

metadata = MetaData()

responses = Table(
    "api_responses",
    metadata,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False),  # the key's name
    Column("created", Float, nullable=False),  # epoch seconds
    Column("previous", String),  # no foreign key: what is deleted leaves a gap
    Column("input", JSON, nullable=False),  # items of this request only
    Column("body", JSON, nullable=False),  # the response as it was sent; documents only where they were included
)

background = Table(
    "api_background",
    metadata,
    Column("id", ForeignKey("api_responses.id", ondelete="CASCADE"), primary_key=True),
    Column("server", String, nullable=False),  # who makes it; see ``presence``
    Column("status", String, nullable=False),
    Column("streamed", Boolean, nullable=False),
    Column("ended", Float),  # epoch seconds; null: events may follow
    Column("caller", JSON, nullable=False),  # what its maker may see
    Column("request", JSON(none_as_null=True)),  # until it is begun
    Index("api_background_open", "ended", "server"),
)

background_events = Table(
    "api_background_events",
    metadata,
    Column("response", ForeignKey("api_background.id", ondelete="CASCADE"), primary_key=True),
    Column("last", Integer, primary_key=True),  # number of the last of these events
    Column("events", JSON, nullable=False),
)

conversations = Table(
    "api_conversations",
    metadata,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("metadata", JSON, nullable=False),
)

items = Table(
    "api_conversation_items",
    metadata,
    Column("place", Integer, primary_key=True),  # order of adding
    Column("conversation", ForeignKey("api_conversations.id", ondelete="CASCADE"), nullable=False),
    Column("id", String, nullable=False),
    Column("body", JSON, nullable=False),
    Index("api_conversation_items_of", "conversation", "id", unique=True),
    sqlite_autoincrement=True,  # a deleted item's place is not given again
)
