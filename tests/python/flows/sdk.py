"""The SDK: reads, writes, bulk reads, backups, and consumers of queues."""

import queue
import threading

import redis

from clients import engines
from clients.generation import BOTH, NEW, OLD
from clients.object_service import ObjectsAPI
from clients.sdk import FrameDBClient
from clients.services import ObjectRoutingClient

from .expect import equal, holds

EVERY_BYTE = bytes(range(256)) * 3
STORED = {"success": True, "message": "Object stored and routed successfully"}


def obj(key, data, framedb_id, kind, metadata=None):
    described = {"key": key, "data": data, "framedb_id": framedb_id, "type": kind}
    return described if metadata is None else {**described, "metadata": metadata}


def objects_are_set_and_got(site):
    api = ObjectsAPI(site.grpc)
    for generation in BOTH:
        client = FrameDBClient(site.http, generation)
        for kind, framedb_id in (("in-memory", "cache"), ("storage", "table"), ("stream", "cache")):
            key = f"{kind}-{generation.year}"
            metadata = {"by": generation.year, "tags": ["a"]}
            sent = obj(key, EVERY_BYTE, framedb_id, kind, metadata)
            for _ in range(2):
                equal(client.set_object(sent), STORED)
            found = client.get_object(key)
            equal(found.get("object"), sent, found)
            equal(api.get(key).object.data, EVERY_BYTE)
        missing = client.get_object("nothing")
        message = "Object/stream 'nothing' not found in routing service"
        equal(missing, {"found": False, "message": message})
        refused = client.set_object(obj("k", b"x", "absent", "in-memory"))
        holds(refused["message"].startswith("FrameDB instance not found: "), refused)


def objects_of_the_node_are_got(site):
    api = ObjectsAPI(site.grpc)
    for generation in BOTH:
        client = FrameDBClient(site.http, generation)
        for write, kind, framedb_id in (
            (api.write_to_memory, "in-memory", "cache"),
            (api.write_to_persistent, "storage", "table"),
            (api.write_to_stream, "stream", "cache"),
        ):
            holds(write(framedb_id, EVERY_BYTE, key=kind, metadata={"n": None}).success, kind)
            # gRPC writers register a text, which comes back as it was.
            expected = obj(kind, EVERY_BYTE, framedb_id, kind, str({"n": None}))
            equal(client.get_object(kind).get("object"), expected)


def many_objects_are_read_in_one_statement(site):
    api = ObjectsAPI(site.grpc)
    expected = {f"k{n}": b"%d" % n * n for n in range(1, 50)}
    for key, data in expected.items():
        holds(api.write_to_persistent("table", data, key=key).success, key)
    equal(FrameDBClient(site.http, NEW).set_object(obj("k50", b"x", "table", "storage")), STORED)
    for generation in BOTH:
        client = FrameDBClient(site.http, generation)
        keys = [*expected, "k50", "nothing"]
        equal(client.bulk_read(keys, "table"), {**expected, "k50": b"x"})
        equal(client.bulk_read([], "table"), {})


def queues_of_the_node_are_pulled_oldest_first(site):
    api = ObjectsAPI(site.grpc)
    for generation in BOTH:
        client = FrameDBClient(site.http, generation)
        pushed = [b"%d" % n for n in range(20)]
        for n, element in enumerate(pushed):
            # From the node and from direct writers in turn.
            if n % 2:
                holds(api.write_to_stream("cache", element, key="q").success, "push")
            else:
                equal(client.set_object(obj("q", element, "cache", "stream")), STORED)
        equal(client.pull_all_stream_data("q", "cache"), pushed)
        equal(client.pull_all_stream_data("q", "cache"), [])
        answer = api.get("q")
        equal((answer.found, answer.message), (False, "No data found for key 'q'"))


def a_waiting_listener_hears_what_the_node_pushes(site):
    api = ObjectsAPI(site.grpc)
    heard = queue.Queue()

    def listen():
        for element in FrameDBClient(site.http, OLD).listen_for_stream_data("q", "cache"):
            heard.put(element)

    threading.Thread(target=listen, daemon=True).start()
    # One at a time, so that newest first, as `BLPOP` takes them, is the order of sending.
    for n in range(10):
        holds(api.write_to_stream("cache", b"%d" % n, key="q").success, "push")
        equal(heard.get(timeout=20), b"%d" % n)


def consumers_of_both_kinds_get_each_element_once(site):
    api = ObjectsAPI(site.grpc)
    pushed = [b"%d" % n for n in range(60)]
    for element in pushed:
        holds(api.write_to_stream("cache", element, key="q").success, "push")
    got = queue.Queue()

    def over_grpc():
        own = ObjectsAPI(site.grpc)
        while (answer := own.get("q")).found:
            got.put(answer.object.data)

    def directly():
        for element in FrameDBClient(site.http, OLD).pull_all_stream_data("q", "cache"):
            got.put(element)

    threads = [threading.Thread(target=target) for target in (over_grpc, directly) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(sorted(got.queue), sorted(pushed))


def a_backup_moves_the_route_and_leaves_a_copy(site):
    api, routing = ObjectsAPI(site.grpc), ObjectRoutingClient(site.http)
    for generation in BOTH:
        client, key = FrameDBClient(site.http, generation), f"k{generation.year}"
        holds(api.write_to_memory("cache", EVERY_BYTE, key=key, metadata={"a": None}).success, key)
        equal(client.create_backup(key, "spare"), STORED)
        with redis.from_url(site.spare) as spare:
            equal(spare.get(key), EVERY_BYTE)
        record = routing.get_object(key)[1]["data"]
        equal(record["framedb_id"], "spare")
        (copy,) = record["copies"]
        equal((copy["framedb_id"], copy["framedb_type"]), ("cache", "in-memory"))
        answer = api.get(key)
        equal((answer.object.data, answer.object.metadata), (EVERY_BYTE, str({"a": None})))
        equal(client.get_object(key)["object"]["data"], EVERY_BYTE)
        # Readers may still use the old place.
        equal(engines.read("in-memory", site.cache, OLD, key), EVERY_BYTE)
        # A new value is another object: no old bytes are left to be read.
        holds(api.write_to_memory("spare", b"new", key=key).success, key)
        equal(api.get(key).object.data, b"new")
        equal(client.get_object(key)["object"]["data"], b"new")
        equal(engines.read("in-memory", site.cache, OLD, key), None)


def backups_of_many_say_which_were_made(site):
    api, client = ObjectsAPI(site.grpc), FrameDBClient(site.http, NEW)
    keys = [f"k{n}" for n in range(5)]
    for key in keys:
        holds(api.write_to_memory("cache", key.encode(), key=key).success, key)
    made = client.create_bulk_backup([*keys, "nothing"], "spare")
    equal(made["summary"], "Backed up 5/6 objects")
    equal([key for key, result in made["results"].items() if not result["success"]], ["nothing"])
    with redis.from_url(site.spare) as spare:
        equal(spare.mget(keys), [key.encode() for key in keys])


def copies_of_the_own_cluster_are_read_there(site):
    """The node of this flow is in the cluster `edge`, as is `spare`; `cache` is in `far`."""
    api, routing = ObjectsAPI(site.grpc), ObjectRoutingClient(site.http)
    holds(api.write_to_memory("cache", b"abc", key="k").success, "write")
    with redis.from_url(site.spare) as spare:
        spare.set("k", b"abc")
    equal(routing.add_copy("k", "spare", "in-memory")[0], 200)
    (copy,) = routing.get_object("k")[1]["data"]["copies"]
    equal(copy["cluster_id"], "edge")
    equal(api.get("k").object.framedb_id, "spare")
    for cluster, expected in (("edge", "spare"), ("far", "cache"), (None, "cache"), ("else", "cache")):
        client = FrameDBClient(site.http, OLD, own_cluster=cluster)
        found = client.get_object("k")
        equal((found["object"]["framedb_id"], found["object"]["data"]), (expected, b"abc"), cluster)
