//! The SDK: both generations, and consumers of queues.

crate::flows!(sdk: {
    /// D1: the SDK wants its status. D9: one URL for reading and writing, whoever has a cluster.
    objects_are_set_and_got,
    /// D9, D12: what the node wrote is where the SDK looks.
    objects_of_the_node_are_got,
    many_objects_are_read_in_one_statement,
    /// D19: pulling is first in, first out.
    queues_of_the_node_are_pulled_oldest_first,
    /// D19: `BLPOP` takes the newest; who waits hears each element at once.
    a_waiting_listener_hears_what_the_node_pushes,
    /// D18: no element is handed out twice.
    consumers_of_both_kinds_get_each_element_once,
    /// D22: a backup right after a write works, and leaves a copy. D21: and no stale one.
    a_backup_moves_the_route_and_leaves_a_copy,
    backups_of_many_say_which_were_made,
    /// D7, D8: copies are chosen by cluster, and stay apart from the primary.
    copies_of_the_own_cluster_are_read_there,
});
