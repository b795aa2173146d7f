"""Fetching: a file comes from where its source says, and the facts of the download with it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import pytest

from jobforge_dagster.orchestration.build import build_definitions
from jobforge_dagster_tests.conftest import Domains, Lake
from jobforge_dagster_tests.shop import ORDERS, SHOP


class Publisher:
    """A portal and a file server on this machine."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.asked: list[tuple[str, str | None]] = []
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked.append((self.path, self.headers.get("If-None-Match")))
                body = publisher.files.get(self.path)
                tag = f'"{hash(body)}"'
                if body is not None and self.headers.get("If-None-Match") == tag:
                    self.send_response(304)
                    self.end_headers()
                    return
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Type", publisher.types.get(self.path, "text/csv"))
                self.send_header("Content-Length", str(len(body or b"")))
                self.send_header("Last-Modified", "Mon, 02 Mar 2026 10:00:00 GMT")
                self.send_header("ETag", tag)
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def portal(self, *resources: dict[str, Any]) -> None:
        answer = {"success": True, "result": {"resources": resources, "license_title": "Open"}}
        self.files["/api/3/action/package_show?id=shop"] = json.dumps(answer).encode()
        self.types["/api/3/action/package_show?id=shop"] = "application/json"


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    yield publisher
    publisher.server.shutdown()
    publisher.server.server_close()


def fetching(declared: str) -> str:
    text = SHOP.replace("origin=ORIGIN)", f"origin=ORIGIN, fetch={declared})")
    return f"from jobforge_dagster.medallion.declare import Ckan, Url\n{text}"


def test_a_file_at_an_address_is_fetched_once_and_its_facts_reach_the_manifest(
    domains: Domains, publisher: Publisher
) -> None:
    lake = domains(shop=fetching(f'Url("{publisher.address}/a/orders_2026.csv?key=secret")'))
    publisher.files["/a/orders_2026.csv?key=secret"] = ORDERS.encode()

    first = lake.command("fetch")
    again = lake.command("fetch", "orders")

    assert first.exit_code == 0, first.output
    assert f"orders: shop/orders_2026.csv is new ({len(ORDERS)} bytes)." in first.stdout
    assert "did not change" in again.stdout
    assert publisher.asked[1][1] is not None
    assert lake.run().success
    [manifest] = lake.manifests("orders")
    assert manifest["url"].startswith(f"{publisher.address}/a/orders_2026.csv")
    assert manifest["modified"] == "Mon, 02 Mar 2026 10:00:00 GMT"
    assert manifest["accessed"] is not None
    assert not any(b"secret" in content for content, _ in lake.files().values())


def test_a_changed_file_is_fetched_and_is_a_new_delivery(
    domains: Domains, publisher: Publisher
) -> None:
    lake = domains(shop=fetching(f'Url("{publisher.address}/orders.csv")'))
    publisher.files["/orders.csv"] = ORDERS.encode()
    assert lake.command("fetch").exit_code == 0
    assert lake.run().success
    publisher.files["/orders.csv"] = f"{ORDERS}004,Dan,4\n".encode()

    assert "is new" in lake.command("fetch").stdout

    assert lake.run().success
    assert lake.table("gold/dim_customer").height == 3


def test_a_file_that_was_changed_by_hand_is_fetched_again(
    domains: Domains, publisher: Publisher
) -> None:
    lake = domains(shop=fetching(f'Url("{publisher.address}/orders.csv")'))
    publisher.files["/orders.csv"] = ORDERS.encode()
    assert lake.command("fetch").exit_code == 0
    path = lake.drop("shop/orders.csv", "Order No,Customer,Amount\n9,Eve,9\n")
    assert lake.run().success
    assert lake.manifests("orders")[0]["url"] is None

    assert "is new" in lake.command("fetch").stdout

    assert path.read_text() == ORDERS


def test_a_file_on_a_portal_is_found_by_the_sources_own_glob(
    domains: Domains, publisher: Publisher
) -> None:
    lake = domains(shop=fetching(f'Ckan("{publisher.address}", "shop")'))
    publisher.portal(
        {"name": "Orders", "url": f"{publisher.address}/d/orders_2026.csv", "last_modified": "x"},
        {"name": "Guide", "url": f"{publisher.address}/d/guide.pdf"},
    )
    publisher.files["/d/orders_2026.csv"] = ORDERS.encode()

    done = lake.command("fetch", "--json")

    assert done.exit_code == 0, done.output
    [outcome] = json.loads(done.stdout)
    assert (outcome["file"], outcome["changed"]) == ("shop/orders_2026.csv", True)
    assert lake.run().success
    assert lake.manifests("orders")[0]["modified"] == "x"


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (None, "text/csv", "404"),
        (b"<!DOCTYPE html><p>Maintenance", "text/html", "HTML"),
        (b"", "text/csv", "empty"),
    ],
)
def test_a_failed_download_is_told_and_leaves_what_lay_there(
    domains: Domains, publisher: Publisher, body: bytes | None, kind: str, says: str
) -> None:
    lake = domains(shop=fetching(f'Url("{publisher.address}/orders.csv")'))
    path = lake.drop("shop/orders.csv", ORDERS)
    if body is not None:
        publisher.files["/orders.csv"] = body
        publisher.types["/orders.csv"] = kind

    done = lake.command("fetch")

    assert done.exit_code == 1
    assert "orders: " in done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.output
    assert path.read_text() == ORDERS
    assert lake.run().success


def test_a_file_whose_name_the_source_does_not_claim_gets_the_plainest_that_it_does(
    domains: Domains, publisher: Publisher
) -> None:
    lake = domains(shop=fetching(f'Url("{publisher.address}/download?id=7")'))
    publisher.files["/download?id=7"] = ORDERS.encode()

    assert lake.command("fetch").exit_code == 0

    assert (lake.root.landing / "shop" / "orders.csv").read_text() == ORDERS


def test_a_source_without_an_address_says_what_to_declare(shop: Lake) -> None:
    one = shop.command("fetch", "orders")
    none = shop.command("fetch")

    assert (one.exit_code, none.exit_code) == (1, 1)
    assert "orders does not say where it can be downloaded" in one.stderr
    assert "No source says where it can be downloaded" in none.stderr


def _job(lake: Lake, sources: list[str]) -> dg.ExecuteInProcessResult:
    defs = build_definitions(lake.packages, lake.root)
    return defs.resolve_job_def("fetch_sources").execute_in_process(
        run_config={"ops": {"fetch": {"config": {"sources": sources}}}},
        instance=lake.instance,
        raise_on_error=False,
    )


def test_the_job_fetches_by_the_names_of_sources_alone(
    domains: Domains, publisher: Publisher
) -> None:
    lake = domains(shop=fetching(f'Url("{publisher.address}/orders.csv")'))
    publisher.files["/orders.csv"] = ORDERS.encode()

    assert _job(lake, []).success
    assert (lake.root.landing / "shop" / "orders.csv").read_text() == ORDERS
    assert not _job(lake, ["http://127.0.0.1/evil"]).success


def test_no_run_over_the_assets_goes_to_the_network(domains: Domains, publisher: Publisher) -> None:
    lake = domains(shop=fetching(f'Url("{publisher.address}/orders.csv")'))
    lake.drop("shop/orders.csv", ORDERS)

    assert lake.run().success

    assert publisher.asked == []
