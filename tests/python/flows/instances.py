"""The config service: instances are registered, found, configured and removed."""

import redis

from clients.generation import BOTH
from clients.object_service import ObjectsAPI
from clients.services import ClusterClient
from clients.writer import FrameDBWriter

from .expect import equal, holds

CREATED = {"success": True, "message": "Instance created in global registry"}


def record(framedb_id, url, **more):
    fields = {"node_id": "node-1", "cluster_id": "north", "metadata": {"rack": 1}}
    return {"framedb_id": framedb_id, "public_url": url, **fields, **more}


def families(site):
    return (
        ("instances", "in-memory", record("new-cache", site.spare, redis_config=["maxmemory 64mb"])),
        ("persistent-instances", "storage", record("new-table", site.table, storage_size="1Gi")),
    )


def servers_that_run_are_registered_used_and_removed(site):
    cluster, api = ClusterClient(site.http), ObjectsAPI(site.grpc)
    for family, kind, body in families(site):
        path, framedb_id = f"/global/framedb/{family}", body["framedb_id"]
        # Twice: the same registration again is success.
        for _ in range(2):
            equal(cluster.call("POST", path, body), (200, CREATED))
        status, answer = cluster.call("GET", f"{path}/{framedb_id}")
        equal((status, answer["success"]), (200, True))
        found = answer["data"]
        for field in ("framedb_id", "node_id", "cluster_id", "metadata"):
            equal(found[field], body[field], field)
        equal(found["status"], "Running")
        for listing in ("cluster/north", "cluster/north/node/node-1"):
            equal(cluster.call("GET", f"{path}/{listing}")[1]["data"], [found], listing)
        equal(cluster.call("GET", f"{path}/cluster/other")[1]["data"], [])
        query = {"metadata.rack": 1}
        equal(cluster.call("POST", f"{path}/query", query)[1]["data"], [found])
        # It is used at once, by the node and by direct writers.
        answer = api.set(key=f"k-{kind}", framedb_id=framedb_id, data=b"x", type=kind)
        holds(answer.success, answer.message)
        for generation in BOTH:
            writer = FrameDBWriter(site.http, generation)
            holds(writer.write(f"w-{kind}", framedb_id, b"w", kind)["success"], generation)
            holds(writer.registered(), writer.registrations)
        equal(api.get(f"w-{kind}").object.data, b"w")
        # What still holds objects is not removed by mistake.
        equal(cluster.call("DELETE", f"{path}/{framedb_id}")[0], 409)
        for key in (f"k-{kind}", f"w-{kind}"):
            equal(cluster.call("DELETE", f"/framedb/objects/{key}")[0], 200)
        removed = {"success": True, "message": "Removed from global registry"}
        equal(cluster.call("DELETE", f"{path}/{framedb_id}"), (200, removed))
        equal(cluster.call("GET", f"{path}/{framedb_id}")[0], 404)
        status, answer = cluster.call("DELETE", f"{path}/{framedb_id}")
        expected = (400, False, "Instance not found in global registry")
        equal((status, answer["success"], answer["error"]), expected)


def urls_without_a_scheme_become_usable(site):
    """As documentation writes them: `http://example.com:30701`, `cluster-01:30903`."""
    cluster = ClusterClient(site.http)
    address = site.spare.removeprefix("redis://")
    for n, url in enumerate((address, f"http://{address}", site.spare)):
        framedb_id = f"form-{n}"
        body = record(framedb_id, url, redis_config=[])
        equal(cluster.call("POST", "/global/framedb/instances", body), (200, CREATED))
        for generation in BOTH:
            writer = FrameDBWriter(site.http, generation)
            result = writer.write("k", framedb_id, b"x", "in-memory")
            holds(result["success"], result)


def a_directive_reaches_the_server_in_both_forms(site):
    cluster = ClusterClient(site.http)
    body = record("tuned", site.spare, redis_config=[])
    equal(cluster.call("POST", "/global/framedb/instances", body), (200, CREATED))
    for config, expected in ((["maxmemory 64mb"], 64 << 20), ({"maxmemory": "32mb"}, 32 << 20)):
        body = {"framedb_id": "tuned", "config": config}
        status, answer = cluster.call("POST", "/global/framedb/set-config", body)
        equal((status, answer["success"]), (200, True), answer)
        with redis.from_url(site.spare) as client:
            equal(int(client.config_get("maxmemory")["maxmemory"]), expected)


def bad_registrations_are_refused_by_name(site):
    cluster = ClusterClient(site.http)
    for family, _, body in families(site):
        path = f"/global/framedb/{family}"
        fields = ["framedb_id", "node_id", "metadata"]
        fields.append("redis_config" if family == "instances" else "storage_size")
        fields.append("cluster_id")
        for at, field in enumerate(fields):
            sent = {name: body[name] for name in fields[:at]}
            status, answer = cluster.call("POST", path, sent)
            expected = (400, False, f"Missing field: {field}")
            equal((status, answer["success"], answer["error"]), expected)
        # A server that does not answer is no instance.
        dead = {**body, "public_url": "127.0.0.1:1"}
        status, answer = cluster.call("POST", path, dead)
        holds(status >= 400 and not answer["success"] and answer["error"], answer)
        equal(cluster.call("GET", f"{path}/{body['framedb_id']}")[0], 404)
