"""`FrameDBWriter`: writes to Redis and MySQL by itself, and registers what it wrote."""

import json

import redis
from sqlalchemy import create_engine, text

from clients.generation import BOTH, OLD
from clients.object_service import ObjectsAPI
from clients.services import ClusterClient, ObjectRoutingClient
from clients.writer import FrameDBWriter

from .expect import equal, holds

EVERY_BYTE = bytes(range(256)) * 3


def written(result, key):
    equal(result, {"success": True, "message": "Write successful", "key": key})


def instances_are_found_as_drivers_take_them(site):
    cluster = ClusterClient(site.http)
    cache = cluster.get_instance_by_id("cache")
    table = cluster.get_persistent_instance_by_id("table")
    for found, framedb_id in ((cache, "cache"), (table, "table")):
        holds(found["success"], found)
        record = found["data"]
        equal(record["framedb_id"], framedb_id)
        holds(isinstance(record["cluster_id"], str), record)
        for url in ("public_url", "local_url"):
            holds("://" in record[url], record)
    # As they are, by the drivers alone.
    for url in ("public_url", "local_url"):
        with redis.from_url(cache["data"][url]) as client:
            holds(client.ping(), url)
        with create_engine(table["data"][url]).connect() as connection:
            holds(connection.execute(text("SELECT DATABASE()")).scalar(), "no database")
    for found in (
        cluster.get_instance_by_id("absent"),
        cluster.get_persistent_instance_by_id("absent"),
        cluster.get_instance_by_id("table"),
        cluster.get_persistent_instance_by_id("cache"),
    ):
        equal((found["success"], bool(found["error"])), (False, True), found)


def instances_inside_of_the_node_are_not_for_direct_clients(site):
    cluster = ClusterClient(site.http)
    for found in (
        cluster.get_instance_by_id("memory"),
        cluster.get_persistent_instance_by_id("disk"),
    ):
        holds(not found["success"] and "object service" in found["error"], found)
    result = FrameDBWriter(site.http, OLD).write("k", "memory", b"x", "in-memory")
    holds(not result["success"] and "object service" in result["message"], result)


def what_a_writer_wrote_is_read_over_grpc(site):
    api = ObjectsAPI(site.grpc)
    for generation in BOTH:
        writer = FrameDBWriter(site.http + "/", generation)
        for kind, framedb_id in (("in-memory", "cache"), ("storage", "table"), ("stream", "cache")):
            key = f"{kind}-{generation.year}"
            # Twice: an overwrite, and a second push to a queue.
            for data in (b"old", EVERY_BYTE):
                written(writer.write(key, framedb_id, data, kind), key)
            if kind == "stream":
                equal(api.get(key).object.data, b"old")
            answer = api.get(key)
            holds(answer.found, answer.message)
            found = answer.object
            equal((found.data, found.type, found.framedb_id), (EVERY_BYTE, kind, framedb_id))
        holds(writer.registered(), writer.registrations)
        result = writer.write(None, "cache", b"x", "in-memory")
        equal(api.get(result["key"]).object.data, b"x")


def metadata_of_a_writer_is_json_over_grpc(site):
    api, writer = ObjectsAPI(site.grpc), FrameDBWriter(site.http, OLD)
    routing = ObjectRoutingClient(site.http)
    for n, metadata in enumerate(({"a": 1, "n": None, "ü": ["x", 1.5]}, {}, None)):
        key = f"k{n}"
        written(writer.write(key, "cache", b"x", "in-memory", metadata), key)
        answer = api.get(key)
        holds(answer.found, answer.message)
        equal(json.loads(answer.object.metadata), metadata or {})
        equal(routing.get_object(key)[1]["data"]["metadata"], metadata or {})
    # A text is a text on both sides, whatever it says.
    for metadata in ("{'a': None}", "{\"a\":  1}", "plain"):
        written(writer.write("t", "cache", b"x", "in-memory", metadata), "t")
        equal(api.get("t").object.metadata, metadata)
        equal(routing.get_object("t")[1]["data"]["metadata"], metadata)
    holds(writer.registered(), writer.registrations)


def a_writer_learns_what_is_wrong(site):
    for generation in BOTH:
        writer = FrameDBWriter(site.http, generation)
        result = writer.write("k", "absent", b"x", "in-memory")
        holds(result["message"].startswith("Instance not found: "), result)
        # Keys that no client could read back are refused when they are registered.
        written(writer.write("x#y", "cache", b"x", "in-memory"), "x#y")
        holds(not writer.registered(), writer.registrations)
        status, answer = writer.registrations[-1]
        holds(status == 400 and "#" in answer["error"], answer)
    long = "x" * 256
    result = FrameDBWriter(site.http, OLD).write(long, "table", b"x", "storage")
    holds(result["message"].startswith("Write failed: "), result)
    holds("1406" in result["message"], result)


def keys_of_direct_writers_may_differ_in_case_alone(site):
    """In a table that the node created, whose keys compare byte for byte."""
    api, writer = ObjectsAPI(site.grpc), FrameDBWriter(site.http, OLD)
    answer = api.write_to_persistent("table", b"node", key="CaseKey")
    holds(answer.success, answer.message)
    written(writer.write("casekey", "table", b"writer", "storage"), "casekey")
    equal((api.get("CaseKey").object.data, api.get("casekey").object.data), (b"node", b"writer"))


def a_writer_that_moves_an_object_leaves_nothing_behind(site):
    api, writer = ObjectsAPI(site.grpc), FrameDBWriter(site.http, OLD)
    holds(api.write_to_memory("cache", b"node", key="k").success, "write")
    written(writer.write("k", "table", b"writer", "storage"), "k")
    holds(writer.registered(), writer.registrations)
    found = api.get("k").object
    equal((found.data, found.type, found.framedb_id), (b"writer", "storage", "table"))
    with redis.from_url(site.cache) as client:
        equal(client.exists("k"), 0, "the old place")
    equal(ObjectRoutingClient(site.http).get_object("k")[1]["data"]["copies"], [])
