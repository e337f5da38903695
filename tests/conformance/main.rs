//! One suite per trait, run against every engine; then what each engine promises beside it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests fail loudly, their helpers too"
)]

mod buckets;
mod crash;
mod engines;
mod etcd;
mod etcd_server;
mod file;
mod full_disk;
mod grants_redis;
mod grants_sql;
mod memory;
mod mysql;
mod mysql_chunks;
mod nodes;
mod objects;
mod proxy;
mod queues;
mod recovery;
mod redis;
mod redis_cluster;
mod redis_failover;
mod redis_registry;
mod redis_sentinel;
mod redis_tls;
mod registry;
mod shared_registry;

use framedb_tests::servers::{mariadb, process, redis as server, replicated};

/// A test per engine for every function of a suite.
macro_rules! suite {
    (@on $module:ident, $engine:ident, $suite:ident: $($test:ident),+) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                crate::$suite::$test(crate::engines::$engine().await).await;
            })+
        }
    };
    ($suite:ident on $($module:ident = $engine:ident),+: $tests:tt) => {
        mod $suite {
            $(suite!(@each $module, $engine, $suite: $tests);)+
        }
    };
    (@each $module:ident, $engine:ident, $suite:ident: { $($test:ident),+ $(,)? }) => {
        suite!(@on $module, $engine, $suite: $($test),+);
    };
}

/// A test per registry that nodes can share.
macro_rules! shared {
    ($($test:ident),+ $(,)?) => {
        mod on_etcd {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let config = crate::etcd_server::shared().await.config();
                crate::shared_registry::$test(config).await;
            })+
        }
        mod on_redis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let server = crate::server::RedisServer::start();
                let url = server.url();
                let config =
                    framedb_host::registry::RegistryConfig { url, ..Default::default() };
                crate::shared_registry::$test(config).await;
            })+
        }
    };
}

/// The suites, under names of their own.
mod suites {
    suite!(objects on
        in_memory = memory, on_disk = file, on_redis = redis, on_redis_tls = redis_tls,
        on_redis_sentinel = redis_sentinel, on_redis_cluster = redis_cluster, on_mysql = mysql,
        in_chunks = mysql_chunks: {
        a_value_is_read_as_it_was_put,
        absence_is_no_error,
        put_replaces_and_repeats,
        the_later_of_two_records_is_kept,
        a_record_that_is_too_large_fails_alone,
        deleted_values_are_gone,
        an_expired_value_is_absent_everywhere,
        a_new_value_drops_the_old_expiry,
        only_expired_values_are_deleted_as_such,
        only_a_value_that_is_unchanged_is_deleted_as_such,
        lists_are_ordered_and_paged,
        keys_with_unusual_characters_are_kept_apart,
        data_and_route_appear_together,
        an_older_generation_loses_and_changes_nothing,
        deleting_data_takes_its_route_along,
        many_writers_lose_nothing,
    });
    suite!(queues on
        in_memory = memory, on_disk = file, on_redis = redis, on_redis_tls = redis_tls,
        on_redis_sentinel = redis_sentinel, on_redis_cluster = redis_cluster: {
        elements_come_out_in_order,
        an_empty_queue_is_no_error,
        a_repeated_id_is_the_same_element,
        an_id_is_remembered_after_the_element_is_gone,
        an_acknowledged_element_is_gone,
        a_returned_element_comes_first,
        an_ended_lease_returns_its_element,
        an_extended_lease_lasts,
        tokens_of_ended_leases_answer_false,
        tokens_are_of_one_queue,
        lengths_tell_ready_from_leased,
        a_purged_queue_is_as_if_it_never_was,
        names_that_begin_alike_are_apart,
        consumers_at_once_get_each_element_once,
        a_random_history_agrees_with_the_model,
    });
    suite!(buckets on
        on_disk = bucket_on_disk, on_redis = bucket_in_redis,
        on_redis_cluster = bucket_in_cluster: {
        a_value_is_read_as_it_was_set,
        many_values_are_answered_in_the_order_of_the_keys,
        of_several_values_for_a_key_the_last_counts,
        deleted_keys_are_gone_and_absent_ones_are_no_error,
        buckets_are_apart,
        keys_are_listed_page_by_page,
        numbers_are_added_to_in_one_step,
        a_swap_minds_what_is_there,
        of_swaps_at_once_one_is_done,
        what_is_too_much_is_refused,
        a_cursor_of_nobody_does_no_harm,
    });
    suite!(registry on
        in_memory = memory, on_disk = file, on_etcd = etcd_registry,
        on_redis_registry = redis_registry: {
        a_route_is_found_as_it_was_registered,
        an_older_generation_is_a_conflict,
        registering_again_changes_nothing,
        removal_minds_the_generation,
        lists_are_ordered_filtered_and_paged,
        expired_routes_are_listed_oldest_first,
        the_count_follows,
        queues_have_routes,
        a_key_moves_between_memory_and_disk,
        a_sweep_removes_data_and_route,
        a_sweep_leaves_what_was_written_meanwhile,
        a_document_is_read_as_it_was_written,
        a_document_that_was_changed_meanwhile_is_not_overwritten,
    });

    mod shared_registry {
        shared! {
            nodes_see_each_others_routes,
            nodes_see_each_others_documents,
            of_nodes_that_race_the_highest_generation_wins,
            any_number_of_routes_is_registered_at_once,
            a_key_that_conflicts_does_not_fail_its_neighbours,
            a_node_that_starts_again_finds_everything,
            registries_with_other_prefixes_are_apart,
        }
    }
}
