//! `docs/scenarios.md` is made of the table.

use std::fmt::Write;
use std::fs;

use super::table::sections;
use super::{NOT_APPLICABLE, Outcome, table};

/// `UPDATE_DOCS=1` rewrites it.
#[test]
fn the_documentation_says_what_the_table_says() {
    let text = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PATH, &text).unwrap();
    }
    let found = fs::read_to_string(PATH).unwrap_or_default();
    assert!(found == text, "docs/scenarios.md is out of date: run this test with UPDATE_DOCS=1");
}

fn document() -> String {
    let table = table();
    let accepted = table.iter().filter(|row| row.expected == Outcome::Accepted).count();
    let mut text = String::from(HEAD);
    writeln!(
        text,
        "{} scenarios: {accepted} are accepted, {} are refused. {} are not applicable.",
        table.len(),
        table.len() - accepted,
        NOT_APPLICABLE.len()
    )
    .unwrap();
    for (heading, rows) in sections() {
        writeln!(text, "\n## {heading}: {}\n\n{COLUMNS}", rows.len()).unwrap();
        for row in rows {
            writeln!(text, "| {} | {} | {} | yes | yes | yes |", row.name, row.does, row.expected).unwrap();
        }
    }
    writeln!(text, "\n## Not applicable: {}\n\n| scenario | why |\n|---|---|", NOT_APPLICABLE.len()).unwrap();
    for (name, why) in NOT_APPLICABLE {
        writeln!(text, "| {name} | {why} |").unwrap();
    }
    text
}

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scenarios.md");

const HEAD: &str = "\
# Scenarios

What a provider does, and what is to come of it: one table, `tests/scenarios`, that core carries out without sockets and
each driver over real ones. Each of the three asserts every row, so a *yes* is either true or a test that fails. What
is refused for the provider's fault is also shown to be accepted without that fault.

Where the OpenID Foundation's conformance suite for clients has such a module, the row has its name, without
`oidcc-client-test-`. All its modules but those of FAPI, CIBA and federation are here, or below among what is not
applicable. They also pass in every variant: by query and by form, with an ID token beside the code, by RS256, RS384 and
RS512, what is accepted also by PS256, PS384, PS512, ES256, ES384 and EdDSA, by an ordinary provider and by one that is
unusual in all the ways the suite's is. Rows of algorithms that the library was built without are left out: they are all
carried out by `--all-features`.

    cargo test -p oidc-core --all-features --test scenarios -- --nocapture    # and oidc-blocking, oidc-tokio

This page is made of the table: `UPDATE_DOCS=1 cargo test -p oidc-core --test scenarios`.

";

const COLUMNS: &str = "\
| scenario | what the provider does | expected | core | oidc-blocking | oidc-tokio |
|---|---|---|---|---|---|";
