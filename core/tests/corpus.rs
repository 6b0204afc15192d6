//! The fuzz targets' corpora, replayed without a fuzzer: what was found once stays found.

use std::path::Path;

#[path = "../../fuzz/targets/cache_check.rs"]
mod cache_check;
#[path = "../../fuzz/targets/callback_check.rs"]
mod callback_check;
#[path = "../../fuzz/targets/claims_check.rs"]
mod claims_check;
#[path = "../../fuzz/targets/common.rs"]
mod common;
#[cfg(feature = "rsa")]
#[path = "../../fuzz/targets/compact_check.rs"]
mod compact_check;
#[path = "../../fuzz/targets/cookie_check.rs"]
mod cookie_check;
#[path = "../../fuzz/targets/flow_check.rs"]
mod flow_check;
#[path = "../../fuzz/targets/flows.rs"]
mod flows;
#[cfg(all(feature = "aws-lc-rs", feature = "rsa"))]
#[path = "signatures/forger.rs"]
#[allow(dead_code, reason = "the tests of signatures need more of it")]
mod forger;
#[path = "../../fuzz/targets/guard_check.rs"]
mod guard_check;
#[path = "../../fuzz/targets/header_check.rs"]
mod header_check;
#[path = "../../fuzz/targets/jwk_set_check.rs"]
mod jwk_set_check;
#[path = "../../fuzz/targets/metadata_check.rs"]
mod metadata_check;
#[cfg(all(feature = "aws-lc-rs", feature = "rsa"))]
#[path = "../../fuzz/targets/signature_check.rs"]
mod signature_check;
#[path = "../../fuzz/targets/token_response_check.rs"]
mod token_response_check;

/// Every input keeps what must hold, and those are taken whose names say that they are good.
#[expect(clippy::disallowed_methods, reason = "a test may read its corpus")]
fn replay(target: &str, check: fn(&[u8]) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let (mut good, mut all) = (0, 0);
    for entry in std::fs::read_dir(&folder).expect("the target has a corpus") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let input = std::fs::read(&path).expect("it can be read");
        // The name of an input that fails is the last one printed.
        println!("{target}/{name}");
        let taken = check(&input);
        assert_eq!(taken, name.starts_with("good-"), "{target}/{name}");
        good += usize::from(taken);
        all += 1;
    }
    assert!(good >= 3 && all > good, "{all} inputs, {good} of them good, in {}", folder.display());
}

#[test]
fn cache() {
    replay("cache", cache_check::check);
}

#[test]
fn callback() {
    replay("callback", callback_check::check);
}

#[test]
fn claims() {
    replay("claims", claims_check::check);
}

#[cfg(feature = "rsa")]
#[test]
fn compact() {
    replay("compact", compact_check::check);
}

#[test]
fn cookie() {
    replay("cookie", cookie_check::check);
}

#[test]
fn flow() {
    replay("flow", flow_check::check);
}

#[test]
fn guard() {
    replay("guard", guard_check::check);
}

#[test]
fn header() {
    replay("header", header_check::check);
}

#[test]
fn jwk_set() {
    replay("jwk_set", jwk_set_check::check);
}

#[test]
fn metadata() {
    replay("metadata", metadata_check::check);
}

#[cfg(all(feature = "aws-lc-rs", feature = "rsa"))]
#[test]
fn signature() {
    replay("signature", signature_check::check);
}

#[test]
fn token_response() {
    replay("token_response", token_response_check::check);
}

/// A target without a test here would have a corpus that nobody replays.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test may list the corpora")]
fn every_corpus_is_replayed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let entries = std::fs::read_dir(folder).expect("there are corpora");
    let mut found: Vec<String> = entries
        .map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    let replayed = [
        "cache",
        "callback",
        "claims",
        "compact",
        "cookie",
        "flow",
        "guard",
        "header",
        "jwk_set",
        "metadata",
        "signature",
        "token_response",
    ];
    assert_eq!(found, replayed);
}
