//! Existing clients: our own Python programs that behave on the wire as they do, against a real
//! node with real servers behind it. Each test runs one function in `flows/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly, their helpers too"
)]

mod site;

mod direct;
mod engines_down;
mod instances;
mod object_service;
mod routing;
mod sdk;

/// A test for each function of a module in `flows/`: a site of its own, and the function run
/// against it.
macro_rules! flows {
    ($module:ident: { $($(#[$doc:meta])* $flow:ident),+ $(,)? }) => {
        $($(#[$doc])*
        #[tokio::test(flavor = "multi_thread")]
        async fn $flow() {
            let site = crate::site::Site::start("").await;
            site.run(concat!(stringify!($module), ".", stringify!($flow))).await;
        })+
    };
}
pub(crate) use flows;
