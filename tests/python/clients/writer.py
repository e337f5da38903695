"""`FrameDBWriter`: writes to the engines itself, then registers what it wrote."""

import uuid

from . import engines
from .services import ClusterClient, ObjectRoutingClient, StreamRoutingClient


class FrameDBWriter:
    """The direct writer of one generation."""

    def __init__(self, base_url: str, generation):
        self.generation = generation
        self.cluster = ClusterClient(base_url)
        self.objects = ObjectRoutingClient(base_url)
        self.streams = StreamRoutingClient(base_url)
        # What a writer only logs: the answers to its registrations.
        self.registrations = []

    def write(self, key, framedb_id, data, type_, metadata=None, update_routing=True):
        key = key or str(uuid.uuid4())
        if type_ not in ("in-memory", "storage", "stream"):
            return failed(f"Config resolution failed: Unsupported type: {type_}")
        look_up = self.cluster.get_instance_by_id
        if type_ == "storage":
            look_up = self.cluster.get_persistent_instance_by_id
        found = look_up(framedb_id)
        if not found["success"]:
            return failed(f"Instance not found: {found['error']}")
        record = found["data"]
        try:
            if self.generation.needs_cluster_id:
                record["cluster_id"]
            url = record["public_url"]
        except KeyError as missing:
            return failed(f"Config resolution failed: {missing}")
        try:
            engines.write(type_, url, self.generation, key, data)
        except Exception as error:
            return failed(f"Write failed: {error}")
        if update_routing:
            self.registrations.append(self._register(key, framedb_id, data, type_, metadata))
        return {"success": True, "message": "Write successful", "key": key}

    def _register(self, key, framedb_id, data, type_, metadata):
        if type_ == "stream":
            return self.streams.register_stream(key, framedb_id, metadata)
        return self.objects.create_object(
            key, framedb_id, type_, size=len(data), metadata=metadata
        )

    def registered(self) -> bool:
        """Whether this generation would count every registration so far as done."""
        answers = self.registrations
        return all(status in self.generation.accepted and a["success"] for status, a in answers)


def failed(message: str):
    return {"success": False, "message": message}
