//! What plugins may import beside WASI, as Rust traits: generated from `wit/`. Their types can be
//! written down, for records.

wasmtime::component::bindgen!({
    inline: "
        package framedb:node@0.1.0;

        world capabilities {
            import spin:variables/variables@3.0.0;
            import wasi:keyvalue/store@0.2.0-draft2;
            import wasi:keyvalue/batch@0.2.0-draft2;
            import spin:key-value/key-value@3.0.0;
            import spin:redis/redis@3.0.0;
            import spin:mysql/mysql@3.0.0;
            import fermyon:spin/mysql@2.0.0;
            import framedb:objects/objects@0.1.0;
            import framedb:streams/streams@0.1.0;
            import framedb:routing/routing@0.1.0;
            import framedb:clusters/clusters@0.1.0;
        }
    ",
    path: [
        "../wit/deps/spin-variables@3.0.0",
        "../wit/deps/wasi-keyvalue-0.2.0-draft2",
        "../wit/deps/spin-key-value@3.0.0",
        "../wit/deps/spin-redis@3.0.0",
        "../wit/deps/spin-mysql@3.0.0",
        "../wit/deps/fermyon-spin@2.0.0",
        "../wit/capabilities/objects",
        "../wit/capabilities/streams",
        "../wit/capabilities/routing",
        "../wit/capabilities/clusters",
    ],
    imports: { default: async | trappable },
    with: {
        "wasi:keyvalue/store.bucket": crate::plugin::caps::buckets::Opened,
        "spin:key-value/key-value.store": crate::plugin::caps::buckets::Opened,
        "spin:redis/redis.connection": crate::plugin::caps::redis::Opened,
        "spin:mysql/mysql.connection": crate::plugin::caps::mysql::Opened,
        "fermyon:spin/mysql.connection": crate::plugin::caps::mysql::Opened,
    },
    additional_derives: [serde::Serialize, serde::Deserialize],
    require_store_data_send: true,
});

/// `wasi:keyvalue/atomics` by itself: its error has a handle, which cannot be written down.
pub(crate) mod atomics {
    wasmtime::component::bindgen!({
        inline: "
            package framedb:node@0.1.0;

            world atomics {
                import wasi:keyvalue/atomics@0.2.0-draft2;
            }
        ",
        path: ["../wit/deps/wasi-keyvalue-0.2.0-draft2"],
        imports: { default: async | trappable },
        with: {
            "wasi:keyvalue/store": super::wasi::keyvalue::store,
            "wasi:keyvalue/atomics.cas": crate::plugin::caps::keyvalue::Seen,
        },
        require_store_data_send: true,
    });
}
