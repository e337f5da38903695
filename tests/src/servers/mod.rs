//! Real servers, started by the tests on free loopback ports and stopped after.

pub mod mariadb;
pub mod process;
pub mod redis;
pub mod replicated;
pub mod web;
