"""Videos: uploaded from files, and shown by copies of Pins."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pinflow import ActionError, RemoteError, UsageError
from pinflow_pinterest.media import uploads
from pinflow_pinterest_v5.actions.copying import copy_pin
from pinflow_pinterest_v5.actions.pins import upload_video
from pinflow_sandbox.server.messages import HttpResponse
from pinflow_sandbox.world.images import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinflow_sandbox.server.messages import HttpRequest
    from tests.plugins.conftest import Bench


def stored(bench: Bench) -> list[Any]:
    media: Any = bench.control.state()["media"]
    return list(media)


def writes(bench: Bench) -> list[str]:
    return [operation.id for operation in bench.operations() if operation.method != "GET"]


def test_a_video_is_uploaded_whole_and_waited_for(bench: Bench) -> None:
    bench.video(size=300_000)
    content = (bench.folder / "film.mp4").read_bytes()
    result = bench.run(upload_video, file="film.mp4")
    assert result["status"] == "succeeded"
    assert stored(bench) == [
        {
            "id": result["media_id"],
            "account": "garden_studio",
            "content": fingerprint("bytes", content),
            "size": 300_000,
        }
    ]
    assert bench.waits == [1.0]


def test_the_store_is_sent_no_token(bench: Bench) -> None:
    heads: list[dict[str, str]] = []

    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.path.startswith("/_store/"):
            heads.append(call.headers)
        return apply()

    bench.fault = fault
    bench.run(upload_video, file=bench.video())
    assert ["authorization" in head for head in heads] == [False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>not a film</html>", r"film\.mp4 is not an MP4, MOV or M4V video"),
        (b"", r"film\.mp4 is not an MP4, MOV or M4V video"),
        (b"\xff\xd8\xff\xe0picture!", r"film\.mp4 is not an MP4, MOV or M4V video"),
        (None, r"the video film\.mp4 can't be read: No such file"),
    ],
)
def test_a_file_that_is_not_a_video_is_refused_before_any_request(
    bench: Bench, content: bytes | None, message: str
) -> None:
    if content is not None:
        (bench.folder / "film.mp4").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        bench.run(upload_video, file="film.mp4")
    assert bench.operations() == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_video_and_nobody_waits_for_one(bench: Bench) -> None:
    os.mkfifo(bench.folder / "film.mp4")
    with pytest.raises(UsageError, match=r"film\.mp4 is not a file"):
        bench.run(upload_video, file="film.mp4")


def test_a_video_that_is_too_large_is_refused_before_anything_is_sent(bench: Bench) -> None:
    bench.video(size=uploads.LARGEST_VIDEO + 1)  # sparse: it takes no space
    with pytest.raises(UsageError, match=r"has 2,000,000,001 bytes; the service allows 2,000,000,000"):
        bench.run(upload_video, file="film.mp4")
    assert bench.operations() == []


def test_a_file_outside_of_the_recipes_folder_is_refused(bench: Bench) -> None:
    with pytest.raises(UsageError, match="is not inside the recipe's folder"):
        bench.run(upload_video, file="../film.mp4")


def test_a_video_that_can_not_be_processed_is_named(bench: Bench) -> None:
    bench.control.change(processing_outcome="failed")
    with pytest.raises(ActionError, match=r"the service could not process the video film\.mp4: failed"):
        bench.run(upload_video, file=bench.video())


def test_a_video_is_not_waited_for_longer_than_wait_seconds(bench: Bench) -> None:
    bench.control.change(processing_seconds=1e9, processing_polls=10**6)
    with pytest.raises(ActionError, match=r"the video film\.mp4 is not ready after 60 seconds") as caught:
        bench.run(upload_video, file=bench.video(), wait_seconds=60)
    assert bench.waits == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0, 5.0]
    assert caught.value.hint == "wait longer with wait_seconds"


@pytest.mark.parametrize("url", ["https://uploads.evil.example/", "http://192.0.2.7/", "ftp://127.0.0.1/", ""])
def test_an_upload_host_that_is_not_the_vendors_is_sent_nothing(bench: Bench, url: str) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        answer = apply()
        if call.method == "POST" and call.path == "/v5/media":
            body = answer.body.replace(f"http://{call.host}/_store/".encode(), url.encode())
            return HttpResponse(answer.status, body)
        return answer

    bench.fault = fault
    with pytest.raises(ActionError, match=r"the service named .* allowed hosts are pinterest-media-upload"):
        bench.run(upload_video, file=bench.video())


def test_an_upload_that_was_cut_off_is_begun_again(bench: Bench) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.path.startswith("/_store/"):
            bench.deadly_sleep = True
            return HttpResponse(503, b"<Error/>", "application/xml")
        return apply()

    bench.fault = fault
    run = bench.kill(upload_video, file=bench.video())
    bench.fault = None
    result = bench.run(upload_video, run=run, file="film.mp4")
    abandoned, used = stored(bench)
    assert (abandoned["size"], used["size"]) == (0, 4096)
    assert result["media_id"] == used["id"]


def test_an_upload_that_was_complete_is_not_sent_again(bench: Bench) -> None:
    run = bench.kill(upload_video, file=bench.video())  # at the first wait for its processing
    result = bench.run(upload_video, run=run, file="film.mp4")
    assert [each["id"] for each in stored(bench)] == [result["media_id"]]


def test_a_store_that_refuses_is_told_without_what_it_was_signed_with(bench: Bench) -> None:
    def fault(call: HttpRequest, apply: Callable[[], HttpResponse]) -> HttpResponse:
        if call.path.startswith("/_store/"):
            return HttpResponse(403, b"<Error>" + call.body[:2000] + b"</Error>", "application/xml")
        return apply()

    bench.fault = fault
    with pytest.raises(RemoteError, match=r"sending film\.mp4 to 127\.0\.0\.1: refused \(HTTP 403\)") as caught:
        bench.run(upload_video, file=bench.video())
    assert "sandbox-token" not in f"{caught.value} {caught.value.hint}"


# copies


def pin_of(bench: Bench, kind: str = "video") -> str:
    return next(str(pin["id"]) for pin in bench.board("Garden ideas")["pins"] if pin["media_type"] == kind)


def test_a_copy_of_a_video_shows_the_video_that_was_given(bench: Bench) -> None:
    bench.run(copy_pin, pin=pin_of(bench), board=bench.board_id("Empty for now"), media=bench.video())
    (original,) = [pin for pin in bench.board("Garden ideas")["pins"] if pin["media_type"] == "video"]
    (copy,) = bench.board("Empty for now")["pins"]
    content = fingerprint("bytes", (bench.folder / "film.mp4").read_bytes())
    assert (copy["media_type"], copy["title"]) == ("video", original["title"])
    assert copy["media"] == [original["media"][0], content]  # the cover, and the new video


@pytest.mark.parametrize("kind", ["image", "multiple_images"])
def test_a_copy_of_a_picture_can_become_a_video_under_it(bench: Bench, kind: str) -> None:
    bench.run(copy_pin, pin=pin_of(bench, kind), board=bench.board_id("Empty for now"), media=bench.video())
    assert [pin["media_type"] for pin in bench.board("Empty for now")["pins"]] == ["video"]


def test_digits_are_the_id_of_an_uploaded_video(bench: Bench) -> None:
    id = bench.run(upload_video, file=bench.video())["media_id"]
    bench.run(copy_pin, pin=pin_of(bench), board=bench.board_id("Empty for now"), media=id)
    assert [pin["media_type"] for pin in bench.board("Empty for now")["pins"]] == ["video"]
    assert bench.notes == []


@pytest.mark.parametrize("media", ["4711", "film.mp4", "notes.txt"])
def test_an_unknown_video_fails_before_the_first_write(bench: Bench, media: str) -> None:
    (bench.folder / "notes.txt").write_text("not a film at all")
    bench.forget()
    with pytest.raises((ActionError, UsageError)) as caught:
        bench.run(copy_pin, pin=pin_of(bench), board=bench.board_id("Empty for now"), media=media)
    assert writes(bench) == []
    assert media == "4711" or bench.operations() == []  # of a file, nothing is asked either
    assert {"4711": "there is no uploaded video 4711", "film.mp4": "can't be read", "notes.txt": "is not an MP4"}[
        media
    ] in str(caught.value)


def test_a_copy_whose_video_fails_makes_no_pin(bench: Bench) -> None:
    bench.control.change(processing_outcome="failed")
    with pytest.raises(ActionError, match="could not process"):
        bench.run(copy_pin, pin=pin_of(bench), board=bench.board_id("Empty for now"), media=bench.video())
    assert bench.board("Empty for now")["pins"] == []
