"""Clients of the HTTP services: a new connection for each call, no timeout, no retry."""

import requests


class Service:
    """A service at a base URL; every answer has to be JSON."""

    def __init__(self, base_url: str):
        self.base_url = base_url.rstrip("/")

    def call(self, method: str, path: str, body=None):
        """One call; paths are not escaped. Returns the status and the JSON."""
        answer = requests.request(method, f"{self.base_url}{path}", json=body)
        return answer.status_code, answer.json()


class ClusterClient(Service):
    """Looks instances up."""

    def get_instance_by_id(self, framedb_id: str):
        return self._get("instances", framedb_id)

    def get_persistent_instance_by_id(self, framedb_id: str):
        return self._get("persistent-instances", framedb_id)

    def _get(self, family: str, framedb_id: str):
        status, answer = self.call("GET", f"/global/framedb/{family}/{framedb_id}")
        if status == 200:
            return {"success": True, "data": answer["data"]}
        return {"success": False, "error": answer.get("error")}


class ObjectRoutingClient(Service):
    """Registers objects and finds them."""

    def create_object(self, object_id, framedb_id, framedb_type, copies=(), size=None, metadata=None):
        body = {
            "object_id": object_id,
            "framedb_id": framedb_id,
            "framedb_type": framedb_type,
            "copies": list(copies),
            "size": size,
            "metadata": {} if metadata is None else metadata,
        }
        return self.call("POST", "/framedb/objects", body)

    def update_object(self, object_id, fields):
        return self.call("POST", f"/framedb/objects/{object_id}/update", fields)

    def delete_object(self, object_id):
        return self.call("DELETE", f"/framedb/objects/{object_id}")

    def get_object(self, object_id):
        return self.call("GET", f"/framedb/objects/{object_id}")

    def query_objects(self, query):
        return self.call("GET", "/framedb/objects", query)

    def add_copy(self, object_id, framedb_id, framedb_type):
        body = {"framedb_id": framedb_id, "framedb_type": framedb_type}
        return self.call("POST", f"/framedb/objects/{object_id}/add-copy", body)

    def remove_copy(self, object_id, framedb_id):
        body = {"framedb_id": framedb_id}
        return self.call("POST", f"/framedb/objects/{object_id}/remove-copy", body)

    def copy_exists(self, object_id, framedb_id):
        return self.call("GET", f"/framedb/objects/{object_id}/copy-exists/{framedb_id}")


class StreamRoutingClient(Service):
    """Registers queues and finds them."""

    def register_stream(self, queue_name, framedb_id, metadata=None):
        body = {
            "queue_name": queue_name,
            "framedb_id": framedb_id,
            "metadata": {} if metadata is None else metadata,
        }
        return self.call("POST", "/framedb/streams", body)

    def update_stream(self, queue_name, fields):
        return self.call("POST", f"/framedb/streams/{queue_name}/update", fields)

    def delete_stream(self, queue_name):
        return self.call("DELETE", f"/framedb/streams/{queue_name}")

    def get_stream(self, queue_name):
        return self.call("GET", f"/framedb/streams/{queue_name}")

    def query_streams(self, query):
        return self.call("GET", "/framedb/streams", query)
