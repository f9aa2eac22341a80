"""What counts as an address of the web, and what is said of a text that is none."""

from __future__ import annotations

import pytest

from pinflow.schema.addresses import address_hint, is_address

BEGIN = "an address begins with https:// and a host"


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/a.jpg",
        "http://example.com",
        "HTTPS://EXAMPLE.COM/A.JPG",
        "https://example.com:8443/a.jpg?x=1#y",
        "https://user:word@example.com/a.jpg",
        "https://bücher.example/bild-ä.jpg",
        "https://xn--bcher-kva.example/a.jpg",
        "https://sub-domain.example.co.uk./a",
        "http://127.0.0.1:8080/a.jpg",
        "http://[::1]:8080/a.jpg",
        "http://localhost/a.jpg",
        "https://example.com?x=a%20b",
        "https://cdn.example.com/a,b;c(1)'x'.jpg",
        "https://my_shop.example.com/a.jpg",
    ],
)
def test_an_address_is_one(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("//cdn.example.com/a.jpg", "did you mean https://cdn.example.com/a.jpg?"),
        ("cdn.example.com/a.jpg", "did you mean https://cdn.example.com/a.jpg?"),
        ("www.example.com", "did you mean https://www.example.com?"),
        ("example.com/a", "did you mean https://example.com/a?"),
        ("example.com/a page", "did you mean https://example.com/a%20page?"),
        (f"example.com/{'a' * 200}", "write https:// before it"),
        ("//-/a", "write https: before it"),
        ("https://example.com/my photo.jpg", "a space in an address is written %20"),
        ("https://exam ple.com/a.jpg", "a space in an address is written %20"),
        ("C:\\photos\\a.jpg", "it is a file on this computer: use image_file"),
        ("c:/photos/a.jpg", "it is a file on this computer: use image_file"),
        ("D:a.jpg", "it is a file on this computer: use image_file"),
        ("\\\\server\\share\\a.jpg", "it is a file on this computer: use image_file"),
        ("file:///home/me/a.jpg", "it is a file on this computer: use image_file"),
        ("FILE:/home/me/a.jpg", "it is a file on this computer: use image_file"),
        ("/home/me/a.jpg", "it is a file on this computer: use image_file"),
        ("./a.jpg", "it is a file on this computer: use image_file"),
        ("../pictures/a.png", "it is a file on this computer: use image_file"),
        ("~/Pictures/a.png", "it is a file on this computer: use image_file"),
        ("a.jpg", "it is a file on this computer: use image_file"),
        ("pictures/summer 1.JPEG", "it is a file on this computer: use image_file"),
        ("http://", BEGIN),
        ("https:///a.jpg", BEGIN),
        ("http:/example.com/a.jpg", BEGIN),
        ("https://.example.com/a.jpg", BEGIN),
        ("https://-/a.jpg", BEGIN),
        ("https://example..com/a.jpg", BEGIN),
        ("https://example.com:99999/a.jpg", BEGIN),
        ("https://example.com\\a.jpg", BEGIN),
        ("ftp://example.com/a", BEGIN),
        ("data:image/png;base64,AAAA", BEGIN),
        ("javascript:alert(1)", BEGIN),
        ("https//example.com/a.jpg", BEGIN),
        ("htps://example.com/a.jpg", BEGIN),
        ("https;//example.com/a.jpg", BEGIN),
        ("http//a b.jpg", BEGIN),
        ("example.com:8080/a.jpg", "did you mean https://example.com:8080/a.jpg?"),
        ("n/a", ""),
        ("-", ""),
        ("", ""),
    ],
)
def test_what_is_not_an_address_is_told_what_to_do(text: str, hint: str) -> None:
    assert not is_address(text)
    assert address_hint(text, "use image_file") == hint


def test_an_address_may_not_hold_what_nobody_can_see() -> None:
    assert not is_address("https://example.com/a\u0000.jpg")
    assert not is_address("https://example.com/a.jpg\n")
    assert not is_address("https://example.com/\u00a0a.jpg")


def test_the_time_for_a_long_text_grows_with_its_length_alone() -> None:
    assert not is_address("https://" + "a-" * 50_000 + "/")
    assert not is_address("https://" + "a." * 50_000 + "!")
