//! The target `redis-answers` of `framedb_host::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assert!(framedb_host::fuzz::run("redis-answers", data)));
