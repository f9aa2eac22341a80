"""The example accounts that every sandbox starts with, the same for the same seed, and boards of any size.

``garden_studio`` has a board with every kind of Pin ("Garden ideas"), one of several pages ("Winter recipes"), a
secret, a protected and an empty one, and collaborates on a group board of ``neighbour``. ``client_account`` is a second
login. Their advertising is in ``seed.ads``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pinflow_sandbox.seed import ads as seed_ads
from pinflow_sandbox.world import accounts, boards, images, pins
from pinflow_sandbox.world.records import PinContent, Slot
from pinflow_sandbox.world.world import DEFAULT_APP, REDIRECT_URIS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinflow_sandbox.world.records import BoardRecord, Privacy, SectionRecord
    from pinflow_sandbox.world.world import World

STUDIO, CLIENT, NEIGHBOUR = "garden_studio", "client_account", "neighbour"
LEGACY_APP = "1480002"

_FIRST_DAY = 1_709_280_000.0  # 2024-03-01T08:00:00Z
_STEP = 3600.0  # seconds from one Pin to the next
_RECIPES = 312  # more than one page of the largest size, 250
_DISHES = ("Pumpkin soup", "Red cabbage", "Baked apples", "Lentil stew", "Gingerbread", "Kale gratin")
_PLANTS = ("Tomatoes", "Lavender", "Ferns", "Rhubarb", "Sweet peas", "Thyme", "Clematis", "Beans", "Dahlias", "Mint")
_UNICODE_TITLES = ("Büsche & Bäume — früh im Jahr", "庭の小道 🌿", "Сад и дом", "حديقة صغيرة", "Jardín e\u0301tendu")


def fill(world: World) -> None:
    """Add the example accounts to an empty world."""
    studio = world.add_account(
        STUDIO,
        business=True,
        business_name="Garden Studio",
        about="Raised beds, paths and winter cooking",
        website_url="https://garden-studio.example",
    )
    client = world.add_account(CLIENT, about="Another person's account")
    neighbour = world.add_account(NEIGHBOUR)
    studio.linked_businesses.append(CLIENT)
    accounts.connect(neighbour, studio)
    accounts.connect(client, studio)
    accounts.connect(studio, neighbour)
    for id, legacy in ((DEFAULT_APP, False), (LEGACY_APP, True)):
        if id not in world.logins.apps:
            world.logins.register(id, owner=STUDIO, redirect_uris=REDIRECT_URIS, legacy=legacy)
    _studio_boards(world)
    _client_boards(world)
    _group_board(world)
    seed_ads.fill(world, STUDIO, CLIENT)


def refill(world: World, seed: int) -> None:
    """Clear a world and fill it again. Issued tokens stay valid for the accounts of the same names."""
    world.clear(seed)
    fill(world)
    for username in world.logins.account_names():
        world.add_account(username)


def make_board(
    world: World,
    account: str,
    name: str,
    *,
    pins_count: int = 0,
    sections: Sequence[str] = (),
    privacy: Privacy = "PUBLIC",
) -> BoardRecord:
    """A board with distinct Pins, spread evenly over the board itself and its sections.

    The Pins are stored as numbers and made when they are read, so that a board of many thousand takes little memory.
    """
    board = boards.add_board(world, world.account(account).username, name, privacy=privacy)
    places = [None, *(boards.add_section(world, board, section_name) for section_name in sections)]
    for index in range(pins_count):
        world.numbered_pins += 1
        pins.add_pin(world, board, world.numbered_pins, section=places[index % len(places)])
    return board


def _studio_boards(world: World) -> None:
    _garden(world)
    _recipes(world)
    secret = boards.add_board(world, STUDIO, "Surprise party", privacy="SECRET", created=_FIRST_DAY)
    protected = boards.add_board(world, STUDIO, "Campaign drafts", privacy="PROTECTED", created=_FIRST_DAY)
    for board, count in ((secret, 4), (protected, 3)):
        for number in range(1, count + 1):
            _add(world, board, number, _picture(board.name, number, title=f"{board.name} {number}"))
    boards.add_board(world, STUDIO, "Empty for now", created=_FIRST_DAY)


def _garden(world: World) -> None:
    """Every kind of Pin on one board."""
    board = boards.add_board(world, STUDIO, "Garden ideas", description="Raised beds and paths", created=_FIRST_DAY)
    board.v3_fields |= {"category": "gardening", "collaborator_invites_enabled": True}
    tools, paths, beds = (boards.add_section(world, board, name) for name in ("Tools", "Paths", "Raised beds"))
    contents: list[tuple[PinContent, SectionRecord | None]] = [
        (_picture("garden", number, title=f"{plant} in a small garden", description=f"How {plant.lower()} grow."), None)
        for number, plant in enumerate(_PLANTS)
    ]
    contents += [(_picture("unicode", number, title=title), None) for number, title in enumerate(_UNICODE_TITLES)]
    twin = _picture("twin", 1, title="Two of a kind", description="There is another Pin just like this one.")
    contents += [(content, None) for content in (_bare(1), _bare(2), twin, twin, _carousel(), _video())]
    contents += [(_picture("tools", number, title=f"Tool {number}"), tools) for number in range(1, 5)]
    contents += [(_picture("paths", number, title=f"Path {number}"), paths) for number in range(1, 4)]
    contents += [(_picture("beds", number, title=f"Raised bed {number}"), beds) for number in range(1, 3)]
    for number, (content, section) in enumerate(contents):
        _add(world, board, number, content, section=section)


def _recipes(world: World) -> None:
    board = boards.add_board(world, STUDIO, "Winter recipes", description="More than one page", created=_FIRST_DAY)
    board.v3_fields["category"] = "food_drink"
    for number in range(1, _RECIPES + 1):
        dish = _DISHES[number % len(_DISHES)]
        title = f"{dish}, recipe {number}" if number % 3 == 0 else f"{dish} {number}"
        _add(world, board, number, _picture("recipes", number, title=title, description=f"{dish} for cold days."))


def _client_boards(world: World) -> None:
    for name, count in (("Reception room", 6), ("Logos", 2)):
        board = boards.add_board(world, CLIENT, name, created=_FIRST_DAY)
        for number in range(1, count + 1):
            _add(world, board, number, _picture(name, number, title=f"{name} {number}"))


def _group_board(world: World) -> None:
    board = boards.add_board(world, NEIGHBOUR, "Street festival", created=_FIRST_DAY)
    board.collaborators.add(STUDIO)
    world.accounts[STUDIO].group_boards.add(board.id)
    for number in range(1, 6):
        account = NEIGHBOUR if number % 2 else STUDIO
        _add(world, board, number, _picture("festival", number, title=f"Festival {number}"), account=account)
    followed = boards.add_board(world, NEIGHBOUR, "Balcony plants", created=_FIRST_DAY)
    followed.followers.add(STUDIO)
    world.accounts[STUDIO].followed_boards.add(followed.id)
    _add(world, followed, 1, _picture("balcony", 1, title="Balcony in May"))


def _add(world: World, board: BoardRecord, number: int, content: PinContent, **details: Any) -> None:
    pins.add_pin(world, board, content, created=_FIRST_DAY + number * _STEP, **details)


def _picture(subject: str, number: int, *, title: str, description: str | None = None) -> PinContent:
    return PinContent(
        "image",
        (Slot(_key(subject, number)),),
        title=title,
        description=description,
        link=f"https://garden-studio.example/{subject.lower().replace(' ', '-')}/{number}",
        alt_text=f"A picture of {title}",
    )


def _bare(number: int) -> PinContent:
    """A Pin without any optional field."""
    return PinContent("image", (Slot(_key("bare", number)),))


def _carousel() -> PinContent:
    def slot(number: int) -> Slot:
        texts = f"Step {number}", f"What to do in step {number}", f"https://example.com/{number}"
        return Slot(_key("carousel", number), *texts)

    return PinContent(
        "multiple_images", (slot(1), slot(2), slot(3)), title="A path in three steps", link="https://example.com/path"
    )


def _video() -> PinContent:
    video = images.fingerprint("seeded video")
    return PinContent("video", (Slot(_key("cover", 1)),), title="A year in the garden", video=video)


def _key(subject: str, number: int) -> str:
    return images.key_for_content(images.fingerprint("seeded", subject, str(number)), "seed")
