//! Any bytes as claims.
#![no_main]

mod claims_check;
mod common;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    claims_check::check(input);
});
