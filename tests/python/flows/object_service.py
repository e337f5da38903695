"""The gRPC object service, as `ObjectsAPI` and readers of it call it."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import requests

from clients import engines
from clients.generation import OLD
from clients.object_service import ObjectsAPI

from .expect import equal, holds

EVERY_BYTE = bytes(range(256)) * 3


def stored(answer, key):
    """The answer of a write that worked, to the letter."""
    message = f"Object stored and routed successfully (key={key})"
    equal((answer.success, answer.message, answer.key), (True, message, key))


def found(api, key, **expected):
    answer = api.get(key)
    equal((answer.found, answer.message), (True, "Object retrieved successfully"))
    equal(answer.object.key, key)
    for name, value in expected.items():
        equal(getattr(answer.object, name), value, name)


def not_found(api, key, message):
    answer = api.get(key)
    equal((answer.found, answer.message, answer.HasField("object")), (False, message, False))


def objects_of_every_type_are_written_and_read(site):
    api = ObjectsAPI(site.grpc)
    for write, framedb_id, kind in (
        (api.write_to_memory, "cache", "in-memory"),
        (api.write_to_persistent, "table", "storage"),
        (api.write_to_stream, "cache", "stream"),
    ):
        stored(write(framedb_id, EVERY_BYTE, key=f"k-{kind}"), f"k-{kind}")
        found(api, f"k-{kind}", data=EVERY_BYTE, framedb_id=framedb_id, type=kind, metadata="{}")


def a_write_without_a_key_gets_one(site):
    api = ObjectsAPI(site.grpc)
    for write in (api.write_to_memory, api.write_to_stream):
        for key in (None, ""):
            answer = write("cache", b"x", key=key)
            stored(answer, str(uuid.UUID(answer.key)))
            found(api, answer.key, data=b"x")
    # Other clients leave the key to the service.
    for key in ("", "  ", "\t\n"):
        answer = api.set(key=key, framedb_id="cache", data=b"x", type="in-memory")
        stored(answer, str(uuid.UUID(answer.key)))
        found(api, answer.key, data=b"x")
    stored(api.write_to_memory("cache", b"x", key=" around "), "around")


def metadata_is_what_python_wrote(site):
    api = ObjectsAPI(site.grpc)
    for metadata in ({"a": 1, "n": None, "t": (1, "ü")}, {"nested": {"list": [True]}}, {}):
        for write, key in ((api.write_to_memory, "k"), (api.write_to_stream, "q")):
            stored(write("cache", b"x", key=key, metadata=metadata), key)
            found(api, key, metadata=str(metadata))


def overwriting_and_pushing_again_are_success(site):
    api = ObjectsAPI(site.grpc)
    for data in (b"one", b"two", b""):
        stored(api.write_to_memory("cache", data, key="k"), "k")
        found(api, "k", data=data)
        stored(api.write_to_persistent("table", data, key="p"), "p")
        found(api, "p", data=data)
    for n in range(3):
        stored(api.write_to_stream("cache", b"%d" % n, key="q"), "q")


def a_key_may_change_its_type(site):
    api = ObjectsAPI(site.grpc)
    stored(api.write_to_memory("cache", b"memory", key="k"), "k")
    stored(api.write_to_persistent("table", b"table", key="k"), "k")
    found(api, "k", data=b"table", type="storage", framedb_id="table")
    equal(engines.read("in-memory", site.cache, OLD, "k"), None, "the old place")
    stored(api.write_to_memory("cache", b"memory", key="k"), "k")
    found(api, "k", data=b"memory", type="in-memory", framedb_id="cache")
    equal(engines.read("storage", site.table, OLD, "k"), None, "the old place")


def an_object_and_a_queue_take_each_others_name(site):
    """In one Redis both are the same key."""
    api = ObjectsAPI(site.grpc)
    for n in range(3):
        stored(api.write_to_memory("cache", b"object", key="k"), "k")
        found(api, "k", data=b"object", type="in-memory")
        for element in (b"0", b"1"):
            stored(api.write_to_stream("cache", element, key="k"), "k")
        found(api, "k", data=b"0", type="stream")
        if n == 2:
            # Also when elements are left: the object is what was asked for last.
            continue
        found(api, "k", data=b"1", type="stream")
        not_found(api, "k", "No data found for key 'k'")
    stored(api.write_to_memory("cache", b"last", key="k"), "k")
    found(api, "k", data=b"last", type="in-memory")
    equal(engines.read("in-memory", site.cache, OLD, "k"), b"last")


def reading_a_queue_pops_the_oldest(site):
    api = ObjectsAPI(site.grpc)
    elements = [b"%d" % n for n in range(5)]
    for element in elements:
        stored(api.write_to_stream("cache", element, key="q"), "q")
    for element in elements:
        found(api, "q", data=element, type="stream")
    not_found(api, "q", "No data found for key 'q'")
    stored(api.write_to_stream("cache", b"again", key="q"), "q")
    found(api, "q", data=b"again")


def failures_are_answers(site):
    api = ObjectsAPI(site.grpc)
    not_found(api, "nothing", "Object/stream 'nothing' not found in routing service")
    for kind in ("queue", "", "Storage"):
        # An empty type is also what stubs send that know none.
        answer = api.set(key="k", framedb_id="cache", data=b"x", type=kind)
        expected = (False, f"Unsupported type: {kind} (key=k)", "k")
        equal((answer.success, answer.message, answer.key), expected)
    for framedb_id, kind in (("absent", "in-memory"), ("cache", "storage"), ("table", "stream")):
        answer = api.set(key="k", framedb_id=framedb_id, data=b"x", type=kind)
        holds(not answer.success, answer.message)
        holds(answer.message.startswith("FrameDB instance not found: "), answer.message)
        holds(answer.message.endswith(" (key=k)"), answer.message)
    not_found(api, "k", "Object/stream 'k' not found in routing service")


def five_mebibytes_are_taken_and_refused_readably(site):
    api = ObjectsAPI(site.grpc)
    large = b"x" * (5 << 20)
    for write, framedb_id in ((api.write_to_memory, "cache"), (api.write_to_persistent, "table")):
        stored(write(framedb_id, large, key="large"), "large")
        answer = api.get("large")
        holds(not answer.found, "a default client cannot receive it")
        for part in ("4 MiB", "GET /objects/large"):
            holds(part in answer.message, answer.message)
        equal(requests.get(f"{site.http}/objects/large").content, large)
    almost = b"x" * ((4 << 20) - 4096)
    stored(api.write_to_memory("cache", almost, key="almost"), "almost")
    found(api, "almost", data=almost)


def an_element_that_is_too_large_stays_in_its_queue(site):
    api = ObjectsAPI(site.grpc)
    large = b"x" * (5 << 20)
    stored(api.write_to_stream("cache", large, key="q"), "q")
    stored(api.write_to_stream("cache", b"next", key="q"), "q")
    for _ in range(2):
        answer = api.get("q")
        holds(not answer.found and "POST /streams/q/pop" in answer.message, answer.message)
    equal(requests.post(f"{site.http}/streams/q/pop").content, large)
    found(api, "q", data=b"next")


def direct_readers_find_the_sent_bytes(site):
    api = ObjectsAPI(site.grpc)
    for n, data in enumerate((EVERY_BYTE, b"", b"\0", b"\xff" * (1 << 20))):
        key = f"k {n} ü/?a"
        stored(api.write_to_memory("cache", data, key=key), key)
        equal(engines.read("in-memory", site.cache, OLD, key), data)
        stored(api.write_to_persistent("table", data, key=key), key)
        equal(engines.read("storage", site.table, OLD, key), data)
        queue = f"q {n}"
        stored(api.write_to_stream("cache", data, key=queue), queue)
        equal(engines.read("stream", site.cache, OLD, queue), data)


def keys_that_differ_in_case_alone_are_two(site):
    api = ObjectsAPI(site.grpc)
    keys = ("CaseKey", "casekey", "ä", "a", "x" * 255)
    for key in keys:
        stored(api.write_to_persistent("table", key.encode(), key=key), key)
    for key in keys:
        found(api, key, data=key.encode())
        equal(engines.read("storage", site.table, OLD, key), key.encode())
    answer = api.write_to_persistent("table", b"x", key="x" * 256)
    holds(not answer.success and "255" in answer.message, answer.message)


def ten_clients_at_once_lose_nothing(site):
    clients, each = 10, 20

    def work(client):
        api = ObjectsAPI(site.grpc)
        for n in range(each):
            key, data = f"{client}-{n}", b"%d of %d" % (n, client)
            write, framedb_id = (
                (api.write_to_memory, "cache") if n % 2 else (api.write_to_persistent, "table")
            )
            stored(write(framedb_id, data, key=key), key)
            found(api, key, data=data, framedb_id=framedb_id)
            stored(api.write_to_stream("cache", data, key="shared"), "shared")

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, range(clients)))
    expected = {b"%d of %d" % (n, client) for client in range(clients) for n in range(each)}
    drained = []
    with engines.memory(site.cache, OLD) as client:
        while (element := client.rpop("shared")) is not None:
            drained.append(element)
    equal((len(drained), set(drained)), (clients * each, expected))
    # What one client pushed is in its order.
    for client in range(clients):
        own = [element for element in drained if element.endswith(b" of %d" % client)]
        equal(own, [b"%d of %d" % (n, client) for n in range(each)])


def connections_to_engines_are_kept(site):
    api = ObjectsAPI(site.grpc)
    stored(api.write_to_memory("cache", b"x", key="warm"), "warm")
    with engines.memory(site.cache, OLD) as client:
        before = client.info("stats")["total_connections_received"]
        for n in range(100):
            stored(api.write_to_memory("cache", b"x", key=f"k{n}"), f"k{n}")
            found(api, f"k{n}", data=b"x")
        after = client.info("stats")["total_connections_received"]
    holds(after - before < 10, f"200 calls took {after - before} new connections")
