//! Any bytes as a token's header.
#![no_main]

mod common;
mod header_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    header_check::check(input);
});
