//! The target `grpc-door` of `framedb_host::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assert!(framedb_host::fuzz::run("grpc-door", data)));
