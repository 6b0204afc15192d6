//! The fuzz target's corpus, replayed without a fuzzer: what was found once stays found.
#![cfg(feature = "rsa")]

use std::path::Path;

#[path = "../../fuzz/targets/compact_check.rs"]
mod compact_check;

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may read its corpus")]
fn every_input_of_the_corpus_keeps_what_must_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/compact");
    let mut good = 0;
    let mut all = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let taken = compact_check::check(&std::fs::read(&path).unwrap());
        let name = path.file_name().unwrap().to_string_lossy();
        assert_eq!(taken, name.starts_with("good-"), "{name}");
        good += usize::from(taken);
        all += 1;
    }
    assert!(good >= 3 && all > good, "{all} inputs, {good} of them good, in {}", folder.display());
}
