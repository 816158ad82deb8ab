"""Expo as its documentation has it."""

from uuid import uuid4

from tests.simulator.playing import Playing

PATH = "/--/api/v2/push/getReceipts"


async def test_receipts_come_by_id_and_one_that_is_not_ready_or_unknown_is_missing(playing: Playing) -> None:
    ok, gone, never = (playing.send("expo", fate).provider_id for fate in ("ok", "device_gone", "no_receipt"))
    ids = {"ids": [ok, gone, never, str(uuid4())]}
    before = await playing.ask("expo", PATH, method="POST", json=ids)
    playing.end()
    after = (await playing.ask("expo", PATH, method="POST", json=ids)).json()["data"]

    assert before.json() == {"data": {}}
    assert {ok, gone} == set(after)
    assert after[ok] == {"status": "ok"}
    assert (after[gone]["status"], after[gone]["details"]) == ("error", {"error": "DeviceNotRegistered"})


async def test_a_thousand_ids_are_answered_and_one_more_is_refused(playing: Playing) -> None:
    most = await playing.ask("expo", PATH, method="POST", json={"ids": [str(uuid4()) for _ in range(1000)]})
    more = await playing.ask("expo", PATH, method="POST", json={"ids": [str(uuid4()) for _ in range(1001)]})

    assert most.status_code == 200
    assert (more.status_code, more.json()["errors"][0]["code"]) == (400, "PUSH_TOO_MANY_RECEIPTS")


async def test_a_body_without_ids_is_refused(playing: Playing) -> None:
    wrongs: tuple[object, ...] = ({}, {"ids": "one"}, {"ids": [1]}, [])
    for wrong in wrongs:
        response = await playing.ask("expo", PATH, method="POST", json=wrong)

        assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "VALIDATION_ERROR")


async def test_a_wrong_access_token_is_refused(playing: Playing) -> None:
    response = await playing.ask("expo", PATH, method="POST", json={"ids": []}, settings={"access_token": "wrong"})

    assert (response.status_code, response.json()["errors"][0]["code"]) == (401, "UNAUTHORIZED")
