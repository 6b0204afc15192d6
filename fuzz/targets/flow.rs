//! Any answers to any flows, in any order.
#![no_main]

mod common;
mod flow_check;
mod flows;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    flow_check::check(input);
});
