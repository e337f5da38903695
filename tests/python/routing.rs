//! The routing service, called as clients of both generations call it.

crate::flows!(routing: {
    /// D1: 200, never 201. D2: `object_id` and `_id`. D4: registering again is success. D37:
    /// deleting.
    an_object_is_registered_changed_and_deleted,
    /// D3: queues are registered and found.
    a_queue_is_registered_changed_and_deleted,
    /// D7: copies say their cluster and type.
    copies_are_added_found_and_removed,
    /// D25: filters are a safe subset.
    queries_come_as_a_body_of_get,
    /// D25: an update sets known fields, of what there is.
    an_update_changes_known_fields_of_what_exists,
    every_answer_is_a_json_object,
    /// D24: every key that a client can paste into a URL.
    keys_are_found_as_clients_paste_them,
});
