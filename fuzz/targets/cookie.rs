//! Any bytes as cookies, and as an address to return to.
#![no_main]

mod common;
mod cookie_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    cookie_check::check(input);
});
