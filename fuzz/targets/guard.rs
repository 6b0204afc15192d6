//! Any bytes as a request to a guarded server.
#![no_main]

mod common;
mod guard_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    guard_check::check(input);
});
