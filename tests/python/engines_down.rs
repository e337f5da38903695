//! Engines that do not answer, seen by clients that wait for ever.

use crate::site::Site;

/// D39: clients have no timeouts, so every wait of the node has an end.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_is_answered_for() {
    let site = Site::start("[limits]\ndeadline = \"2s\"").await;
    site.cache.pause(true);
    site.run("engines_down.a_server_that_stands_still_is_answered_for").await;
    site.cache.pause(false);
}

/// D5: a write that fails leaves neither data nor a route, and can be repeated.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_failed_can_be_repeated() {
    let mut site = Site::start("[limits]\ndeadline = \"2s\"").await;
    site.cache.stop();
    site.run("engines_down.a_write_that_fails_is_not_there").await;
    site.cache.start_again();
    site.run("engines_down.a_write_that_failed_left_nothing").await;
    site.run("engines_down.the_same_write_succeeds_afterwards").await;
}
