//! The export that Spin calls with every request.

use crate::door;
use spin_sdk::{
    http::{IntoResponse, Request},
    http_service,
};

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    door::answer(request).await
}
