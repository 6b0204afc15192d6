//! What a server keeps of sign-ins that are started and never finished. Alone in its process, whose memory is measured.
#![cfg(all(feature = "rsa", target_os = "linux"))]

mod support;

use http::HeaderMap;
use oidc_core::{Incoming, Step, Verdict};
use support::{Ask, World};

/// Pages in use by this process, of 4 KiB at least.
#[expect(clippy::disallowed_methods, reason = "the kernel tells how much memory is in use by a file")]
fn pages() -> usize {
    let counts = std::fs::read_to_string("/proc/self/statm").unwrap();
    counts.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn k28_a_flood_of_started_sign_ins_keeps_nothing_in_the_server() {
    let mut world = World::new();
    assert_eq!(world.ask(Ask::get("/login")).status(), 303, "with the metadata at hand");
    let headers = HeaderMap::new();
    let target = format!("/login?return_to=/{}", "a".repeat(500));
    let start = |times: usize| {
        for _ in 0..times {
            let incoming = Incoming {
                method: &http::Method::GET,
                target: &target,
                headers: &headers,
                body: None,
                presented: None,
            };
            let Step::Done(Verdict::Reply { status, .. }) = world.guard.check(incoming, world.now) else {
                panic!("nothing is to be fetched")
            };
            assert_eq!(status, 303);
        }
    };
    start(1_000);
    let before = pages();
    start(30_000);
    let kept = pages().saturating_sub(before);
    // A name of 16 bytes for each would be 117 pages, the sign-ins themselves 5,000.
    assert!(kept < 64, "{kept} pages more");
}
