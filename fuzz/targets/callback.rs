//! Any bytes as a callback.
#![no_main]

mod callback_check;
mod common;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    callback_check::check(input);
});
