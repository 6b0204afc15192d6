//! Any bytes as a key set.
#![no_main]

mod common;
mod jwk_set_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    jwk_set_check::check(input);
});
