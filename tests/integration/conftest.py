"""Fixtures of all scenarios: a folder that outlives failures, things that end with the test, a deadline for each test."""

import re
import shlex
import shutil
import signal
import zlib

import pytest
from support import loopback, place
from support.certificates import Authority
from support.names import BrokenNames
from support.raw_server import RawServer
from support.relay import Relay
from support.sink import Sink
from support.slow_clients import SlowClients


def pytest_addoption(parser):
    parser.addoption("--few", action="store_true", help="of a scenario with many variants the last")


@pytest.hookimpl(trylast=True)  # what -m and -k leave
def pytest_collection_modifyitems(config, items):
    if config.getoption("few"):
        keep_few(config, items)
    if hasattr(config, "workerinput"):
        spread(items, config.workerinput["workercount"])


def spread(items: list, workers: int) -> None:
    """The long ones first, each at the head of what xdist gives a worker to begin with: else one of them may be all that still runs."""
    first = max(len(items) // workers // 4, 2)
    heavy = [item for item in items if item.get_closest_marker("heavy")]
    items[:] = [item for item in items if item not in heavy]
    for turn in range(0, len(heavy), workers):
        for worker, item in enumerate(heavy[turn:turn + workers]):
            items.insert(worker * first + turn // workers, item)


def keep_few(config, items: list) -> None:
    variants = {}
    for item in items:
        variants.setdefault((item.location[0], item.originalname), []).append(item)
    dropped = {item for several in variants.values() for item in several[:-1]}
    config.hook.pytest_deselected(items=[item for item in items if item in dropped])
    items[:] = [item for item in items if item not in dropped]


def pytest_configure(config):
    if hasattr(config, "workerinput"):  # one of several workers
        loopback.enter()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows how to repeat it, and what every relay and peer of the test had said."""
    report = (yield).get_result()
    setattr(item, "report_" + report.when, report)
    if report.when == "call" and report.failed:
        again = f"ANGARIUM={shlex.quote(str(place.PROGRAM))} tests/run {item.location[0].split('/')[-1]} -k {item.name.split('[')[0]}"
        report.sections.append(("run it again", again))
        for started in getattr(item, "started_things", []):
            report.sections.append((type(started).__name__, started.report()))
        report.sections.append(("files are kept in", str(getattr(item, "run_folder", "?"))))


@pytest.fixture(autouse=True)
def deadline(request):
    """Ends a test that hangs, with a traceback of where."""
    mark = request.node.get_closest_marker("deadline")
    seconds = int((mark.args[0] if mark else 120) * place.SLOWDOWN)

    def expired(signum, frame):
        raise AssertionError(f"the test took more than {seconds} s")

    previous = signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture
def folder(request):
    """This test's own folder, on the disk of the checkout (so that journals see a real file system)."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", request.node.nodeid.replace(".py", "")).strip("_")  # unbound globs its file's name
    if re.search(r"[^A-Za-z0-9_.:/\[\]-]", request.node.nodeid):  # "[*]" and "[* ]" run side by side
        name += f"_{zlib.crc32(request.node.nodeid.encode()) & 0xffff:04x}"
    path = place.RUNS / f"{place.PROGRAM.parent.name}-{name}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    request.node.run_folder = path
    yield path
    report = getattr(request.node, "report_call", None)
    if report is not None and report.passed:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def start(request, folder):
    """Starts things and ends them with the test, last first: start(Sink, bodies=True), start(Relay, {...})."""
    started = request.node.started_things = []

    def begin(kind, *arguments, **options):
        if kind in (RawServer, BrokenNames, SlowClients):
            thing = kind(*arguments, **options)
        else:
            thing = kind(folder / f"{kind.__name__.lower()}-{len(started)}", *arguments, **options)
        started.append(thing)
        thing.start()
        return thing

    yield begin
    failures = []
    for thing in reversed(started):
        try:
            thing.end()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture
def sink(start) -> Sink:
    """A recording sink that takes everything and keeps bodies."""
    return start(Sink, bodies=True)


def route_to(address: str, **more) -> dict:
    """Configuration that sends everything to one place."""
    return {"route": [{"domains": ["*"], "to": [address]}], **more}


@pytest.fixture
def authority(folder) -> Authority:
    """An authority for this test's certificates."""
    return Authority(folder / "certificates")


@pytest.fixture
def relay_to(start):
    """relay_to(sink.address, queue={...}): a relay whose every destination is that address."""
    return lambda address, **more: start(Relay, route_to(address, **more))


