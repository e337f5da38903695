//! The target `host-calls` of `framedb_host::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assert!(framedb_host::fuzz::run("host-calls", data)));
