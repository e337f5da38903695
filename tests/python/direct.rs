//! `FrameDBWriter`, which writes to Redis and MySQL by itself.

crate::flows!(direct: {
    /// D11: records say their cluster. D12: URLs are what drivers take, users and databases
    /// included.
    instances_are_found_as_drivers_take_them,
    instances_inside_of_the_node_are_not_for_direct_clients,
    /// D1, D2, D3, D4: everything that is written is registered, and found. D11: the older
    /// generation writes at all.
    what_a_writer_wrote_is_read_over_grpc,
    /// D16: objects come back as JSON text.
    metadata_of_a_writer_is_json_over_grpc,
    a_writer_learns_what_is_wrong,
    /// D40: a table of the node's compares keys byte for byte.
    keys_of_direct_writers_may_differ_in_case_alone,
    /// D5, D37: no orphan stays at the old place.
    a_writer_that_moves_an_object_leaves_nothing_behind,
});
