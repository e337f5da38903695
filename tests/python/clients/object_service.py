"""Clients of the gRPC object service: no deadline, no options, as existing ones open it."""

import sys
import uuid
from pathlib import Path

import grpc

PROTO = Path(__file__).resolve().parents[3] / "proto"
sys.path.append(str(PROTO))
messages, services = grpc.protos_and_services("framedb.proto")


class ObjectsAPI:
    """What producers write through."""

    def __init__(self, address: str):
        self.stub = services.ObjectServiceStub(grpc.insecure_channel(address))

    def write_to_memory(self, framedb_id, data, key=None, metadata=None):
        return self._write("in-memory", framedb_id, data, key, metadata)

    def write_to_persistent(self, framedb_id, data, key=None, metadata=None):
        return self._write("storage", framedb_id, data, key, metadata)

    def write_to_stream(self, framedb_id, data, key=None, metadata=None):
        return self._write("stream", framedb_id, data, key, metadata)

    def _write(self, kind, framedb_id, data, key, metadata):
        # Metadata travels as Python writes a dict, which is not JSON.
        return self.set(
            key=key or str(uuid.uuid4()),
            framedb_id=framedb_id,
            data=data,
            metadata=str(metadata or {}),
            type=kind,
        )

    def set(self, **fields):
        """One `SetObject` with exactly these fields."""
        request = messages.SetObjectRequest(object=messages.Object(**fields))
        return self.stub.SetObject(request)

    def get(self, key: str):
        """One `GetObject`."""
        return self.stub.GetObject(messages.GetObjectRequest(key=key))
