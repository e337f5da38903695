"""The data plane: a fresh connection for each operation, and the statements of the contract."""

from contextlib import contextmanager

import pymysql
import redis
from sqlalchemy.engine import make_url

CREATE = "CREATE TABLE IF NOT EXISTS data_table (`key` VARCHAR(255) PRIMARY KEY, `data` LONGBLOB)"
REPLACE = "REPLACE INTO data_table (`key`, `data`) VALUES (%s, %s)"
SELECT = "SELECT `data` FROM data_table WHERE `key` = %s"
SELECT_MANY = "SELECT `key`, `data` FROM data_table WHERE `key` IN ({})"


@contextmanager
def memory(url: str, generation):
    """A Redis connection."""
    client = redis.from_url(generation.complete(url, "redis"))
    try:
        client.ping()
        yield client
    finally:
        client.close()


@contextmanager
def table(url: str, generation):
    """A cursor at a database that has the table."""
    parsed = make_url(generation.complete(url, "mysql"))
    user, password, database = parsed.username, parsed.password, parsed.database
    if generation.completes_urls:
        user, password, database = user or "root", password or "", database or "framedb"
    connection = pymysql.connect(
        host=parsed.host,
        port=parsed.port or 4000,
        user=user,
        password=password or "",
        database=None if generation.completes_urls else database,
        charset="utf8mb4",
        autocommit=True,
    )
    try:
        with connection.cursor() as cursor:
            if generation.completes_urls:
                cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{database}`")
                connection.select_db(database)
            cursor.execute(CREATE)
            yield cursor
    finally:
        connection.close()


def write(kind: str, url: str, generation, key: str, data: bytes):
    """Stores bytes under a key, or pushes them to a queue."""
    if kind == "storage":
        with table(url, generation) as cursor:
            cursor.execute(REPLACE, (key, data))
        return
    with memory(url, generation) as client:
        if kind == "stream":
            client.lpush(key, data)
        else:
            client.set(key, data)


def read(kind: str, url: str, generation, key: str):
    """The bytes under a key, or a queue's oldest element, which is taken out."""
    if kind == "storage":
        with table(url, generation) as cursor:
            cursor.execute(SELECT, (key,))
            row = cursor.fetchone()
            return None if row is None else row[0]
    with memory(url, generation) as client:
        return client.rpop(key) if kind == "stream" else client.get(key)


def read_many(url: str, generation, keys):
    """The stored ones of these keys, with their bytes."""
    if not keys:
        return {}
    with table(url, generation) as cursor:
        cursor.execute(SELECT_MANY.format(", ".join(["%s"] * len(keys))), tuple(keys))
        return dict(cursor.fetchall())
