//! Any history of a client's keys.
#![no_main]

mod cache_check;
mod common;
mod flows;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    cache_check::check(input);
});
