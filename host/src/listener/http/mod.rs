//! The HTTP door: paths to handlers.
//!
//! What requests say and how answers read is [`framedb_core::http`], which the Spin worker shares.
//! Here [`body`] and [`json`] read under a permit, and [`problem`] tells the node's errors; then
//! come the handlers, one group a file, and the [`services`] of existing clients, each a folder.

mod body;
mod json;
mod problem;

mod listing;
mod objects;
mod streams;

mod cluster_stack;
mod config;
mod framedb;
mod services;

mod health;
mod openapi;

mod admin;
mod auth;
mod codecs;
mod dead_letters;
mod pipelines;

mod client;

pub(crate) mod fuzz;

pub use client::AdminDoor;
pub use services::ServicesConfig;

use crate::node::Node;
use axum::{
    Router,
    body::Body,
    http::{Method, Uri},
    middleware,
    response::Response,
    routing::{MethodRouter, get, post, put},
};
use framedb_core::http::{Answer, path, query};
use problem::Problem;
use std::sync::Arc;

/// The door for everybody.
pub(crate) fn router(node: Arc<Node>) -> Router {
    assemble(paths(&node)).with_state(node)
}

/// The admin door: what the HTTP door has, and `/admin/*`. With a token, requests must carry it.
pub(crate) fn admin_router(node: Arc<Node>, token: Option<&str>) -> Router {
    let paths = paths(&node).into_iter().chain(admin_routes());
    let router = assemble(paths).with_state(node);
    match token {
        Some(token) => {
            let token = auth::Token::new(token);
            router.layer(middleware::from_fn_with_state(token, auth::check))
        }
        None => router,
    }
}

/// Every path of a node: its own, and those of its services.
fn paths(node: &Node) -> Vec<(&'static str, MethodRouter<Arc<Node>>)> {
    let mut paths = routes();
    paths.extend(services::paths(&node.config.services));
    paths
}

/// The node's own paths as the description writes them. A key or a queue's name is the rest of its path,
/// slashes included.
fn routes() -> Vec<(&'static str, MethodRouter<Arc<Node>>)> {
    vec![
        ("/objects", get(listing::list).put(objects::put).post(objects::put)),
        (
            "/objects/{key}",
            put(objects::put).get(objects::get).head(objects::head).delete(objects::delete),
        ),
        ("/streams/{queue}", post(streams::post).get(streams::length).delete(streams::delete)),
        ("/healthz", get(health::healthz)),
        ("/readyz", get(health::readyz)),
        ("/health/ping", get(cluster_stack::ping)),
        ("/metrics", get(health::metrics)),
        ("/version", get(health::version)),
        ("/openapi.json", get(openapi::openapi)),
    ]
}

fn admin_routes() -> Vec<(&'static str, MethodRouter<Arc<Node>>)> {
    vec![
        ("/admin/node", get(admin::node)),
        ("/admin/instances", get(admin::instances)),
        ("/admin/plugins", get(admin::plugins)),
        ("/admin/pipelines", get(pipelines::list)),
        ("/admin/pipelines/{name}", post(pipelines::resume)),
        ("/admin/dead-letters", get(dead_letters::list)),
        (
            "/admin/dead-letters/{id}",
            get(dead_letters::get).post(dead_letters::replay).delete(dead_letters::remove),
        ),
        ("/admin/codecs", get(codecs::list)),
        ("/admin/codecs/{digest}", axum::routing::delete(codecs::forget)),
    ]
}

fn assemble(
    routes: impl IntoIterator<Item = (&'static str, MethodRouter<Arc<Node>>)>,
) -> Router<Arc<Node>> {
    let router = routes.into_iter().fold(Router::new(), |router, (path, methods)| {
        router.route(&path.replace('{', "{*"), methods)
    });
    router.fallback(async |uri: Uri| Problem::no_such_path(uri.path())).method_not_allowed_fallback(
        async |method: Method, uri: Uri| Problem::wrong_method(&method, uri.path()),
    )
}

/// An answer of the shared rules as the router's.
fn answer(answer: Answer) -> Response {
    answer.map(Body::from)
}

#[cfg(test)]
mod tests;
