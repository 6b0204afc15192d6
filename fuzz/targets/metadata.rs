//! Any bytes as a metadata document.
#![no_main]

mod common;
mod metadata_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    metadata_check::check(input);
});
