//! Providers that are right, each in its way.

use super::super::{ALGORITHMS, Flow, Scenario};
use super::{SUITE, USUAL, right, signed_by, with_max_age};

pub(super) fn rows() -> Vec<Scenario> {
    let mut rows = Vec::new();
    for (name, what, given) in [
        ("client-test", "as the suite's simulated provider does it", SUITE),
        ("ordinary", "as most providers do it", USUAL),
    ] {
        rows.push(right(name, &format!("Everything right, {what}."), given, Flow::Userinfo));
        for alg in &ALGORITHMS[1..] {
            let name = format!("{name}-{}", alg.to_lowercase());
            let does = format!("Everything right, {what}, and signed by {alg}.");
            rows.push(right(&name, &does, signed_by(alg, given), Flow::Userinfo));
        }
    }
    let when = "Says when the person has signed in, which the client wants to know.";
    rows.push(right("max-age", when, with_max_age(600), Flow::Login));
    rows
}
