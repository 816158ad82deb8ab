"""Whether it works: for who starts it, and for a load balancer."""

from fastapi import APIRouter

from web.site import Store

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def health(store: Store) -> dict[str, str]:
    """`ok` where Postgres answers; nothing about anybody."""
    await store.fetchval("select 1")
    return {"status": "ok"}
