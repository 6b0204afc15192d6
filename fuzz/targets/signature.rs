//! Any bytes as a signature, or as what a signature opens to.
#![no_main]

#[path = "../../core/tests/signatures/forger.rs"]
#[allow(dead_code, reason = "the tests of signatures need more of it")]
mod forger;
mod signature_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    signature_check::check(input);
});
