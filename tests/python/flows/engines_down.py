"""What clients that wait for ever see when an engine does not answer."""

from clients.object_service import ObjectsAPI
from clients.services import ObjectRoutingClient

from .expect import equal, holds


def a_server_that_stands_still_is_answered_for(site):
    """`cache` is stopped and never answers; the node's deadline is short."""
    api, routing = ObjectsAPI(site.grpc), ObjectRoutingClient(site.http)
    answer = api.write_to_memory("cache", b"x", key="k")
    holds(not answer.success and answer.message.endswith(" (key=k)"), answer.message)
    # Others are served meanwhile.
    answer = api.write_to_memory("memory", b"x", key="other")
    holds(answer.success, answer.message)
    equal(api.get("other").object.data, b"x")
    equal(routing.get_object("other")[0], 200)


def a_write_that_fails_is_not_there(site):
    """`cache` is gone, and may have taken the bytes before: nobody is told that they are there."""
    api, routing = ObjectsAPI(site.grpc), ObjectRoutingClient(site.http)
    answer = api.write_to_memory("cache", b"x", key="k")
    holds(not answer.success and answer.message.endswith(" (key=k)"), answer.message)
    status = routing.get_object("k")[0]
    holds(status in (404, 504), status)
    holds(not api.get("k").found, "the object is found")


def a_write_that_failed_left_nothing(site):
    """`cache` is back, empty: neither an orphan nor a route that points at nothing."""
    api, routing = ObjectsAPI(site.grpc), ObjectRoutingClient(site.http)
    # Each lookup waits for the node to settle the write, as long as its deadline lets it.
    answers = (routing.get_object("k")[0] for _ in range(30))
    equal(next(status for status in answers if status != 504), 404)
    answer = api.get("k")
    equal((answer.found, answer.message), (False, "Object/stream 'k' not found in routing service"))


def the_same_write_succeeds_afterwards(site):
    """`cache` is back: a retry with the same key is safe."""
    api = ObjectsAPI(site.grpc)
    for _ in range(2):
        answer = api.write_to_memory("cache", b"x", key="k")
        holds(answer.success, answer.message)
    equal(api.get("k").object.data, b"x")
