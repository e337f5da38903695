"""The two generations of existing clients, where a server can tell them apart."""

from dataclasses import dataclass

KNOWN_SCHEMES = ("redis://", "rediss://", "unix://", "mysql://", "mysql+pymysql://")


@dataclass(frozen=True)
class Generation:
    """One generation of clients."""

    year: int
    # The statuses that count as a registration.
    accepted: tuple[int, ...]
    # Whether an instance without `cluster_id` ends a write.
    needs_cluster_id: bool
    # Whether missing parts of a URL are filled in.
    completes_urls: bool

    def complete(self, url: str, scheme: str) -> str:
        """The URL that goes to the driver."""
        if not self.completes_urls or url.startswith(KNOWN_SCHEMES):
            return url
        return f"{scheme}://{url}"


OLD = Generation(2025, accepted=(200,), needs_cluster_id=True, completes_urls=False)
NEW = Generation(2026, accepted=(200, 201), needs_cluster_id=False, completes_urls=True)
BOTH = (OLD, NEW)
