"""Every command x role x profile, sent to real servers over stdio and over HTTP: allowed or refused as is contracted.

Which commands there are, and the least role of each, is read from the manifest that is published, and not from the
tables that the server goes by.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pytest

from foundry_contracts.dispatch import COMMANDS
from foundry_contracts.vocabulary import CommandName, ErrorCode, PostureProfile, Role
from foundry_mcp.bootstrap import join, open_tokens
from foundry_mcp.machine.roles import permits
from foundry_mcp.machine.situation import Caller
from tests.contracts_hold.role_scenes import (
    ALLOWED,
    ELSEWHERE,
    WORKING,
    Scene,
    documents,
    expected,
    parameters,
    scene,
)
from tests.driving import Call, Json
from tests.http_server import HttpServer, command_line
from tests.mcp_client import KeptOpen, McpClient
from tests.outside import user_config
from tests.scenes import of
from tests.stdio_server import StdioServer, environment

pytestmark = pytest.mark.anyio

MANIFEST = Path(__file__).parents[2] / "generated" / "mcp" / "capabilities_manifest.json"
# An actor that is denied more often within a minute is made to wait, whatever it asks.
DENIALS = 10
STDIO, HTTP = "stdio", "HTTP"


def least_roles() -> dict[CommandName, Role]:
    """Give the least role of each command, as the manifest tells it."""
    tools = json.loads(MANIFEST.read_text(encoding="utf-8"))["tools"]
    commands = [command for tool in tools for action in tool["actions"] for command in action["commands"]]
    return {CommandName(command["name"]): Role(command["role"]) for command in commands}


@dataclass(frozen=True)
class Turn:
    """Hold what one actor sends: as few refused commands as it may send without being made to wait."""

    actor: str
    role: Role
    commands: tuple[CommandName, ...]


def turns() -> Iterator[Turn]:
    """Give each role's commands, those that it may not send in portions."""
    for role in Role:
        allowed = tuple(command for command, least in least_roles().items() if permits(role, least))
        refused = tuple(command for command in least_roles() if command not in allowed)
        portions = [refused[begin : begin + DENIALS] for begin in range(0, len(refused), DENIALS)]
        for number, (may, may_not) in enumerate(zip_longest([allowed], portions, fillvalue=())):
            yield Turn(f"{role}-{number}", role, may + may_not)


class Place:
    """Hold a workspace under a profile, and bring sessions there to where calls can do what they ask."""

    def __init__(self, folder: Path, profile: PostureProfile) -> None:
        self.workspace, self.environ = folder / "workspace", environment(folder / "state")
        (self.workspace / "specs" / "active").mkdir(parents=True)
        user_config(folder, f'[posture]\nprofile = "{profile.value}"\n')
        self._scenes: dict[str, Scene] = {}

    def token(self, actor: str, role: Role) -> str:
        return open_tokens(self.workspace, self.environ).add(actor, role)

    async def scene(self, call: Call, where: str, own: str = "") -> Scene:
        """Give a scene: one of a call's own, or one that is shared by all calls that change nothing."""
        name = f"{own or 'shared'}-{where}".replace(" ", "-")
        if name not in self._scenes:
            for document in documents(where, name, f"{name}-other"):
                path = self.workspace / "specs" / "active" / f"{document['spec_id']}.json"
                path.write_text(json.dumps(document), encoding="utf-8")
            self._scenes[name] = await scene(call, where, name, f"{name}-other")
        return self._scenes[name]


@asynccontextmanager
async def beside(place: Place) -> AsyncIterator[KeptOpen]:
    """Give clients of a server in this process, beside those whose answers count."""
    joined = join(place.workspace, place.environ)
    try:
        yield KeptOpen(lambda caller: McpClient(joined.application.handle, joined.ids.fresh, caller))
    finally:
        await joined.application.close()


@asynccontextmanager
async def clients(transport: str, place: Place) -> AsyncIterator[dict[Turn, Call]]:
    """Give a client of each turn: a process of its own over stdio, a token of one server over HTTP."""
    tokens = {turn: place.token(turn.actor, turn.role) for turn in turns()}
    async with AsyncExitStack() as stack:
        if transport == HTTP:
            server = await stack.enter_async_context(HttpServer.begin(command_line(place.workspace), place.environ))
            yield {turn: await server.client(token=token) for turn, token in tokens.items()}
        else:
            begun = await asyncio.gather(
                *(
                    stack.enter_async_context(
                        StdioServer.begin(place.workspace, {**place.environ, "FOUNDRY_MCP_TOKEN": token})
                    )
                    for token in tokens.values()
                )
            )
            yield dict(zip(tokens, begun, strict=True))


def told(answer: Json) -> str:
    """Give what an answer says of the right to ask: that it was allowed, the role it needs, or another refusal."""
    if answer["success"]:
        return ALLOWED
    code: str = answer["data"]["error_code"]
    return answer["data"]["details"]["needed"] if code == ErrorCode.UNAUTHORIZED else code


def test_the_manifest_names_every_command_and_each_role_has_its_turn() -> None:
    assert least_roles().keys() == COMMANDS.keys()
    sent = {(turn.role, command) for turn in turns() for command in turn.commands}
    assert sent == {(role, command) for role in Role for command in COMMANDS}


@pytest.mark.parametrize("transport", [STDIO, HTTP])
@pytest.mark.parametrize("profile", PostureProfile)
async def test_each_command_in_each_role_and_profile_is_allowed_or_refused_over_each_transport(
    tmp_path: Path, profile: PostureProfile, transport: str
) -> None:
    place, least = Place(tmp_path, profile), least_roles()
    seen, stated = {}, {}
    async with beside(place) as others, clients(transport, place) as sending:
        for turn, client in sending.items():
            # A session is held by whoever brought it where it stands.
            setter = await others.client(Caller(turn.actor, Role.AUTONOMY_RUNNER))
            for command in turn.commands:
                changes = permits(turn.role, least[command]) and not COMMANDS[command].read_only
                own = f"{command}-{turn.actor}".replace(".", "-") if changes else ""
                of_scene = await place.scene(setter, ELSEWHERE.get(command, WORKING), own)
                params = await parameters(setter, command, of_scene)
                answer = await client(COMMANDS[command].tool, **of(command, **params))
                seen[command, turn.role] = told(answer)
                stated[command, turn.role] = expected(profile, turn.role, command, least[command])
    assert seen == stated
