"""`FrameDBClient` of the SDK: config, routing and engines, each spoken to directly.

Its object cache is left out: what a cache answers, no server sees.
"""

from . import engines
from .services import ClusterClient, ObjectRoutingClient, StreamRoutingClient


class FrameDBClient:
    """The SDK's client of one generation, in a process whose `CLUSTER_ID` is `own_cluster`."""

    def __init__(self, base_url: str, generation, own_cluster=None):
        self.generation = generation
        self.own_cluster = own_cluster
        self.cluster = ClusterClient(base_url)
        self.objects = ObjectRoutingClient(base_url)
        self.streams = StreamRoutingClient(base_url)

    def set_object(self, obj):
        key, data, framedb_id, kind = obj["key"], obj["data"], obj["framedb_id"], obj["type"]
        metadata = obj.get("metadata", {})
        if kind not in ("in-memory", "storage", "stream"):
            return {"success": False, "message": f"Unsupported type: {kind}"}
        found = self._instance(framedb_id, kind)
        if not found["success"]:
            return {"success": False, "message": f"FrameDB instance not found: {found['error']}"}
        record = found["data"]
        is_local = record.get("cluster_id", "") == self.own_cluster
        url = record["local_url"] if is_local else record["public_url"]
        try:
            engines.write(kind, url, self.generation, key, data)
        except Exception as error:
            return {"success": False, "message": f"Write failed: {error}"}
        if kind == "stream":
            status, answer = self.streams.register_stream(key, framedb_id, metadata)
        else:
            status, answer = self.objects.create_object(
                key, framedb_id, kind, size=len(data), metadata=metadata
            )
        if status not in self.generation.accepted or not answer.get("success"):
            return {"success": False, "message": f"Routing failed: {answer}"}
        return {"success": True, "message": "Object stored and routed successfully"}

    def get_object(self, key: str):
        status, answer = self.objects.get_object(key)
        if status == 200 and answer.get("success"):
            record, kind = answer["data"], answer["data"]["framedb_type"]
        else:
            status, answer = self.streams.get_stream(key)
            if status != 200 or not answer.get("success"):
                message = f"Object/stream '{key}' not found in routing service"
                return {"found": False, "message": message}
            record, kind = answer["data"], "stream"
        framedb_id = record["framedb_id"]
        for copy in record.get("copies", []):
            if copy.get("cluster_id") == self.own_cluster:
                framedb_id = copy["framedb_id"]
                break
        found = self._instance(framedb_id, kind)
        if not found["success"]:
            return {"found": False, "message": f"FrameDB instance not found: {found['error']}"}
        instance = found["data"]
        # Reading and writing differ where nobody has a cluster.
        is_local = instance.get("cluster_id") == self.own_cluster
        url = instance["local_url"] if is_local else instance["public_url"]
        try:
            data = engines.read(kind, url, self.generation, key)
        except Exception as error:
            return {"found": False, "message": f"Data read failed: {error}"}
        if data is None:
            return {"found": False, "message": f"No data found for key '{key}'"}
        obj = {
            "key": key,
            "data": data,
            "metadata": record.get("metadata"),
            "framedb_id": framedb_id,
            "type": kind,
        }
        return {"found": True, "message": "Object retrieved successfully", "object": obj}

    def create_backup(self, object_id: str, target_framedb_id: str):
        """Reads an object, and writes it under the same key to another instance."""
        source = self.get_object(object_id)
        if not source["found"]:
            return {"success": False, "message": f"Source object not found: {source['message']}"}
        return self.set_object({**source["object"], "framedb_id": target_framedb_id})

    def create_bulk_backup(self, keys, target_framedb_id: str):
        results = {key: self.create_backup(key, target_framedb_id) for key in keys}
        done = sum(result["success"] for result in results.values())
        summary = f"Backed up {done}/{len(keys)} objects"
        return {"success": True, "summary": summary, "results": results}

    def listen_for_stream_data(self, queue: str, framedb_id: str):
        """Waits for elements for ever; the newest comes first."""
        url = self._instance(framedb_id, "stream")["data"]["public_url"]
        with engines.memory(url, self.generation) as client:
            while True:
                _, data = client.blpop(queue, 0)
                yield data

    def pull_all_stream_data(self, queue: str, framedb_id: str):
        """Every element that is there, the oldest first."""
        url = self._instance(framedb_id, "stream")["data"]["public_url"]
        with engines.memory(url, self.generation) as client:
            return list(iter(lambda: client.rpop(queue), None))

    def bulk_read(self, keys, framedb_id: str):
        """The stored ones of these keys, in one statement."""
        url = self._instance(framedb_id, "storage")["data"]["public_url"]
        return engines.read_many(url, self.generation, keys)

    def _instance(self, framedb_id: str, kind: str):
        if kind == "storage":
            return self.cluster.get_persistent_instance_by_id(framedb_id)
        return self.cluster.get_instance_by_id(framedb_id)
