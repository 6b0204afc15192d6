//! Any bytes as a token.
#![no_main]

mod common;
mod compact_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    compact_check::check(input);
});
