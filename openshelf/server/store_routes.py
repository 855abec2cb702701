"""``/v1/vector_stores``: create, list, retrieve, modify, delete."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from sqlalchemy import select, update

from openshelf.server import attaching, stores, uploads
from openshelf.server.access import Reader, Writer
from openshelf.server.contract import Caller, Page
from openshelf.server.errors import ApiError, not_found
from openshelf.server.paging import Paged, slice_page
from openshelf.server.replies import Deleted, Store, StoreList
from openshelf.server.requests import CreateStore, UpdateStore, wanted
from openshelf.server.services import Services
from openshelf.server.tables import stores as store_table


def router(services: Services) -> APIRouter:
    """The routes over ``services``."""
    made = APIRouter(prefix="/v1/vector_stores", tags=["vector stores"])
    ledger, yaml = services.shelf.ledger, services.yaml

    def shown(store: str, caller: Caller) -> dict[str, Any]:
        stores.permit(caller, store)
        with ledger.reading() as connection:
            if (source := yaml.source(store)) is not None:
                return yaml.shown(connection, source, caller.groups)
            row = stores.find(connection, store)
            if row is None:
                raise not_found("vector_store", store, param="vector_store_id")
            return stores.shown(connection, row)

    @made.post("", response_model=Store, response_model_exclude_unset=True)
    def create_vector_store(body: CreateStore, caller: Writer) -> dict[str, Any]:
        """Create a vector store, with files if there are some."""
        if caller.stores is not None:
            raise ApiError(
                403,
                f"The key '{caller.name}' is for some vector stores and cannot make others.",
                code="insufficient_permissions",
            )
        names = list(dict.fromkeys(body.file_ids or ()))
        with ledger.writing() as connection:
            for name in names:
                uploads.find(connection, name, caller)
            store = stores.create(
                connection,
                name=body.name,
                description=body.description,
                metadata=body.metadata,
                expires_days=body.expires_after.days if body.expires_after else None,
            )
            attaching.attach(connection, store, [wanted(name, body.chunking_strategy, None) for name in names])
        services.indexing.wake()
        return shown(store, caller)

    @made.get("", response_model=StoreList, response_model_exclude_unset=True)
    def list_vector_stores(paging: Paged, caller: Reader) -> dict[str, Any]:
        """List vector stores: those made here, and the sources of the configuration."""
        with ledger.reading() as connection:
            rows = connection.execute(select(store_table.c.id).order_by(store_table.c.number)).scalars()
            ids = [*yaml.ids(), *rows]
            if caller.stores is not None:
                ids = [store for store in ids if store in caller.stores]
        page, more = slice_page(ids, paging)
        return Page([shown(store, caller) for store in page], more).as_dict()

    @made.get("/{vector_store_id}", response_model=Store, response_model_exclude_unset=True)
    def retrieve_vector_store(vector_store_id: str, caller: Reader) -> dict[str, Any]:
        """Retrieve a vector store."""
        return shown(vector_store_id, caller)

    @made.post("/{vector_store_id}", response_model=Store, response_model_exclude_unset=True)
    def modify_vector_store(vector_store_id: str, body: UpdateStore, caller: Writer) -> dict[str, Any]:
        """Change a vector store's name, metadata or expiration."""
        stores.permit(caller, vector_store_id)
        yaml.refuse_writing(vector_store_id)
        values: dict[str, Any] = {}
        if "name" in body.model_fields_set:
            values["name"] = body.name or ""
        if "metadata" in body.model_fields_set:
            values["metadata"] = body.metadata
        if "expires_after" in body.model_fields_set:
            values["expires_days"] = body.expires_after.days if body.expires_after else None
        with ledger.writing() as connection:
            stores.usable(connection, vector_store_id)
            stores.touch(connection, vector_store_id)
            if values:
                connection.execute(update(store_table).where(store_table.c.id == vector_store_id).values(**values))
        return shown(vector_store_id, caller)

    @made.delete("/{vector_store_id}", response_model=Deleted)
    def delete_vector_store(vector_store_id: str, caller: Writer) -> dict[str, Any]:
        """Delete a vector store; its files stay."""
        stores.permit(caller, vector_store_id)
        yaml.refuse_writing(vector_store_id)
        with ledger.writing() as connection:
            if stores.find(connection, vector_store_id) is None:
                raise not_found("vector_store", vector_store_id, param="vector_store_id")
            stores.remove(connection, vector_store_id)
        services.indexing.wake()
        return {"id": vector_store_id, "object": "vector_store.deleted", "deleted": True}

    return made
