//! Any bytes as a token response.
#![no_main]

mod common;
mod token_response_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    token_response_check::check(input);
});
