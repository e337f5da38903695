//! What clients see over the wire.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly, their helpers too"
)]

mod busy;
mod config_local;
mod config_refusals;
mod config_service;
mod config_settings;
mod config_urls;
mod connections;
mod edge;
mod edge_stream;
mod http_door;
mod http_errors;
mod http_registry;
mod http_streams;
mod leaving;
mod near_copies;
mod object_service;
mod object_service_errors;
mod reference_services;
mod routing_copies;
mod routing_crash;
mod routing_direct;
mod routing_keys;
mod routing_lists;
mod routing_objects;
mod routing_services;
mod routing_streams;
mod servers_down;
mod shutdown;
mod sources;
mod sources_discovery;
mod sources_mapping;
mod sources_pressure;
mod sources_updates;
mod standard_services;
mod stub;

use framedb_tests::servers::{redis as server, replicated};
