"""The lab's network: one bridge on the host, and for each node a namespace joined to it by a veth pair."""

import ipaddress
import subprocess
from pathlib import Path

from .base import locked
from .errors import LabError

BRIDGE = "npanel0"
GATEWAY = "10.77.0.1"
SUBNET = ipaddress.ip_network("10.77.0.0/24")
FIRST_ADDRESS = 10
MAX_NODE = 244
NETNS_DIRECTORY = Path("/run/netns")


def address(number: int) -> str:
    """Address of node ``number`` (1…244): node 1 has 10.77.0.11."""
    if not 1 <= number <= MAX_NODE:
        raise LabError(f"a node's number is 1 to {MAX_NODE}, not {number}")
    return str(SUBNET[FIRST_ADDRESS + number])


def namespace(number: int) -> str:
    """Name of the node's network namespace, as ``ip netns`` knows it."""
    return f"np{number}"


def veth(number: int) -> str:
    """Name of the host's end of the node's cable."""
    return f"np{number}-host"


def connect(number: int, lock: Path) -> None:
    """Give node ``number`` a network namespace with ``eth0`` on the bridge, replacing one left over."""
    name, cable = namespace(number), veth(number)
    with locked(lock):
        _remove(number)
        _ensure_bridge()
        _ip("netns", "add", name)
        # A fixed hardware address: after a power cut the neighbours' caches stay right, as with a real card.
        mac = f"02:4e:50:4c:00:{number:02x}"
        _ip(*f"link add {cable} type veth peer name eth0 address {mac} netns {name}".split())
        _ip("link", "set", cable, "master", BRIDGE, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "address", "add", f"{address(number)}/{SUBNET.prefixlen}", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "route", "add", "default", "via", GATEWAY)


def disconnect(number: int, lock: Path) -> None:
    """Remove the node's namespace and cable, and the bridge when no cable is left on it."""
    with locked(lock):
        _remove(number)
        if _exists(BRIDGE) and not list(Path(f"/sys/class/net/{BRIDGE}/brif").iterdir()):
            _ip("link", "delete", BRIDGE)


def link(number: int, up: bool) -> None:
    """Plug the node's cable in or pull it out."""
    _ip("link", "set", veth(number), "up" if up else "down")


def blackhole(number: int, on: bool) -> None:
    """Make everything the node sends vanish without an error, so that its peers wait until their own deadlines."""
    _ip("-n", namespace(number), "route", "flush", "type", "blackhole")
    # Two halves, each more specific than the connected route.
    for half in SUBNET.subnets(prefixlen_diff=1) if on else ():
        _ip("-n", namespace(number), "route", "add", "blackhole", str(half))


def leftovers() -> set[int]:
    """Numbers of the nodes that have a namespace or a cable on this host."""
    names = [path.name for path in NETNS_DIRECTORY.glob("np*")]
    names += [path.name.removesuffix("-host") for path in Path("/sys/class/net").glob("np*-host")]
    return {int(name[2:]) for name in names if name[2:].isdigit()}


def _ensure_bridge() -> None:
    if not _exists(BRIDGE):
        _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("address", "replace", f"{GATEWAY}/{SUBNET.prefixlen}", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")


def _remove(number: int) -> None:
    # The cable first: it goes at once, while a namespace lingers until its last process is gone.
    if _exists(veth(number)):
        _ip("link", "delete", veth(number))
    if (NETNS_DIRECTORY / namespace(number)).exists():
        _ip("netns", "delete", namespace(number))


def _exists(interface: str) -> bool:
    return Path("/sys/class/net", interface).exists()


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
