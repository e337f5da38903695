//! `ObjectsAPI` and readers of the gRPC object service.

crate::flows!(object_service: {
    /// D15: what the current definitions say is what is served.
    objects_of_every_type_are_written_and_read,
    a_write_without_a_key_gets_one,
    /// D17: metadata comes as Python writes a dict, and goes back byte for byte. D16: absent
    /// metadata is an empty object.
    metadata_is_what_python_wrote,
    /// D4: an overwrite and a second push are success.
    overwriting_and_pushing_again_are_success,
    /// D5, D37: the data at the old place goes with its route.
    a_key_may_change_its_type,
    an_object_and_a_queue_take_each_others_name,
    /// D18, D19: `GetObject` goes on popping, the oldest first.
    reading_a_queue_pops_the_oldest,
    /// D15: stubs without a type get an answer, not `UNKNOWN`.
    failures_are_answers,
    /// D40: more than 4 MiB is taken, and refused with a way on when a client cannot receive it.
    five_mebibytes_are_taken_and_refused_readably,
    /// D18, D40: what cannot be handed over is not lost.
    an_element_that_is_too_large_stays_in_its_queue,
    direct_readers_find_the_sent_bytes,
    /// D40: keys compare byte for byte, up to 255 bytes.
    keys_that_differ_in_case_alone_are_two,
    /// D38: one pool serves everybody.
    ten_clients_at_once_lose_nothing,
    /// D10: calls share connections.
    connections_to_engines_are_kept,
});
