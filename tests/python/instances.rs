//! The config service: instances that come and go while the node runs.

crate::flows!(instances: {
    /// D11: both families keep their cluster. D13: create, find, list and delete work.
    servers_that_run_are_registered_used_and_removed,
    /// D12: every form of URL becomes one that all drivers take.
    urls_without_a_scheme_become_usable,
    /// D14: a list and an object of directives.
    a_directive_reaches_the_server_in_both_forms,
    bad_registrations_are_refused_by_name,
});
