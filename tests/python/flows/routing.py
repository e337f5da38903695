"""The routing service, as the clients of both generations use it."""

import requests

from clients.generation import BOTH
from clients.services import ObjectRoutingClient, StreamRoutingClient

from .expect import equal, holds


def done(answer, message):
    """An answer as the stricter generation wants it: exactly 200."""
    status, body = answer
    equal((status, body["success"], body["message"]), (200, True, message))


def refused(answer, status, error):
    equal((answer[0], answer[1]["success"], answer[1]["error"]), (status, False, error))


def data(answer):
    status, body = answer
    equal((status, body["success"]), (200, True), body)
    return body["data"]


def an_object_is_registered_changed_and_deleted(site):
    routing = ObjectRoutingClient(site.http + "/")
    for generation in BOTH:
        key = f"k{generation.year}"
        # Again and again: an overwrite registers the same id.
        for size in (3, 4, 4):
            status, body = routing.create_object(key, "far", "in-memory", size=size, metadata={"n": 1})
            holds(status in generation.accepted and body["success"], body)
        expected = {
            "_id": key,
            "object_id": key,
            "framedb_id": "far",
            "framedb_type": "in-memory",
            "copies": [],
            "size": 4,
            "metadata": {"n": 1},
        }
        equal(data(routing.get_object(key)), expected)
        done(routing.update_object(key, {"metadata": "{'n': None}"}), "Fields updated")
        equal(data(routing.get_object(key))["metadata"], "{'n': None}")
        done(routing.delete_object(key), "Object deleted")
        refused(routing.get_object(key), 404, "No document found")
        refused(routing.delete_object(key), 404, "No document found to delete")
    # `_id` is what the reference reads.
    body = {"_id": "old", "framedb_id": "far", "framedb_type": "memory", "size": None}
    equal(routing.call("POST", "/framedb/objects", body)[0], 200)
    found = data(routing.get_object("old"))
    equal((found["object_id"], found["framedb_type"], found["size"]), ("old", "in-memory", None))


def a_queue_is_registered_changed_and_deleted(site):
    routing = StreamRoutingClient(site.http)
    for generation in BOTH:
        queue = f"q{generation.year}"
        for _ in range(3):
            status, body = routing.register_stream(queue, "far", {"n": [1]})
            holds(status in generation.accepted and body["success"], body)
        found = data(routing.get_stream(queue))
        equal((found["_id"], found["queue_name"]), (queue, queue))
        equal((found["framedb_id"], found["metadata"]), ("far", {"n": [1]}))
        done(routing.update_stream(queue, {"metadata": {"n": 2}}), "Fields updated")
        equal(data(routing.get_stream(queue))["metadata"], {"n": 2})
        done(routing.delete_stream(queue), "Stream deleted")
        equal(routing.get_stream(queue)[0], 404)


def copies_are_added_found_and_removed(site):
    routing = ObjectRoutingClient(site.http)
    routing.create_object("k", "first", "in-memory", size=3)
    done(routing.add_copy("k", "second", "in-memory"), "Copy added")
    refused(routing.add_copy("k", "second", "in-memory"), 400, "Copy already exists or object not found")
    refused(routing.add_copy("x", "second", "in-memory"), 400, "Copy already exists or object not found")
    done(routing.copy_exists("k", "second"), "Copy exists")
    (copy,) = data(routing.get_object("k"))["copies"]
    equal((copy["framedb_id"], copy["framedb_type"]), ("second", "in-memory"))
    holds("cluster_id" in copy, copy)
    done(routing.remove_copy("k", "second"), "Copy removed")
    equal(routing.remove_copy("k", "second")[0], 404)
    status, body = routing.copy_exists("k", "second")
    equal((status, body["success"], body["message"]), (404, False, "Copy does not exist"))


def queries_come_as_a_body_of_get(site):
    objects, streams = ObjectRoutingClient(site.http), StreamRoutingClient(site.http)
    for n in range(4):
        metadata = {"tags": ["image", f"t{n}"], "n": n}
        objects.create_object(f"k{n}", "far", "in-memory", size=n, metadata=metadata)
        streams.register_stream(f"q{n}", "far", metadata)

    def keys(answer):
        return sorted(entry["_id"] for entry in data(answer))

    for query, expected in (
        (None, ["0", "1", "2", "3"]),
        ({}, ["0", "1", "2", "3"]),
        ({"metadata.tags": "t2"}, ["2"]),
        ({"metadata.tags": "image", "metadata.n": {"$gte": 2}}, ["2", "3"]),
        ({"$or": [{"metadata.n": 0}, {"metadata.n": {"$in": [3]}}]}, ["0", "3"]),
        ({"framedb_id": "nowhere"}, []),
    ):
        equal(keys(objects.query_objects(query)), [f"k{n}" for n in expected], query)
        equal(keys(streams.query_streams(query)), [f"q{n}" for n in expected], query)
    for entry in data(objects.query_objects({})):
        equal(entry["object_id"], entry["_id"])
    for query in ({"$where": "sleep(1000)"}, {"metadata": {"$regex": "x"}}):
        for answer in (objects.query_objects(query), streams.query_streams(query)):
            operator = "$where" if "$where" in query else "$regex"
            equal((answer[0], answer[1]["success"]), (400, False), query)
            holds(operator in answer[1]["error"], answer[1])


def an_update_changes_known_fields_of_what_exists(site):
    routing = ObjectRoutingClient(site.http)
    refused(routing.update_object("absent", {"size": 1}), 400, "No document found to update")
    equal(routing.get_object("absent")[0], 404, "an update creates nothing")
    routing.create_object("k", "far", "in-memory", size=3)
    before = data(routing.get_object("k"))
    status, body = routing.update_object("k", {"generation": 0, "$set": {"size": 1}})
    equal((status, body["success"]), (400, False))
    equal(data(routing.get_object("k")), before)


def every_answer_is_a_json_object(site):
    for method, path, body in (
        ("GET", "/framedb/objects/absent", None),
        ("POST", "/framedb/objects", b"{not json"),
        ("POST", "/framedb/objects", b""),
        ("POST", "/framedb/objects", b"[]"),
        ("POST", "/framedb/streams", b"{}"),
        ("GET", "/framedb/objects", b"{not json"),
        ("PUT", "/framedb/objects", b"{}"),
        ("GET", "/no/such/path", None),
        ("PATCH", "/framedb/streams/q", b"{}"),
        ("POST", "/framedb/objects/absent/no-such-action", b"{}"),
    ):
        answer = requests.request(method, site.http + path, data=body)
        holds(400 <= answer.status_code < 500, (method, path, answer.status_code))
        json = answer.json()
        holds(json["success"] is False and json["error"], (method, path, json))


def keys_are_found_as_clients_paste_them(site):
    """The table of contract section 4: keys go into paths unescaped."""
    routing = ObjectRoutingClient(site.http)
    for key in (
        "a/b",
        "a b",
        "ü",
        "cam?1?0__5",
        "a//b",
        "a+b",
        "a&b=c",
        "k/update",
        "k/copy-exists",
        "~!$'()*,;:@",
    ):
        status, body = routing.create_object(key, "far", "in-memory", size=1, metadata={"key": key})
        equal((status, body["success"]), (200, True), key)
        equal(data(routing.get_object(key))["_id"], key)
        done(routing.update_object(key, {"metadata": {"changed": key}}), "Fields updated")
        equal(data(routing.get_object(key))["metadata"], {"changed": key})
        done(routing.add_copy(key, "other", "in-memory"), "Copy added")
        done(routing.copy_exists(key, "other"), "Copy exists")
        done(routing.delete_object(key), "Object deleted")
        equal(routing.get_object(key)[0], 404, key)
    # A client's `a%2Fb` leaves it as it is, and decodes to `a/b`.
    routing.create_object("a/b", "far", "in-memory", size=1)
    equal(data(routing.get_object("a%2Fb"))["_id"], "a/b")
    # Nobody could read these back.
    for key in ("x#y", "", ".", "..", "a/../b", "a%2Fb", "x?"):
        status, body = routing.create_object(key, "far", "in-memory", size=1)
        equal((status, body["success"]), (400, False), key)
