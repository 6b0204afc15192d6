//! Providers that are right, each in its way.

use super::super::{Auth, Flow, Given, Scenario};
use super::{SUITE, USUAL, right, signed_by, with_max_age};

pub(super) fn rows() -> Vec<Scenario> {
    let mut rows = Vec::new();
    for (name, what, given) in [
        ("client-test", "as the suite's simulated provider does it", SUITE),
        ("ordinary", "as most providers do it", USUAL),
    ] {
        rows.push(right(name, &format!("Everything right, {what}."), given, Flow::Userinfo));
        for alg in ["RS384", "RS512"] {
            let name = format!("{name}-{}", alg.to_lowercase());
            let does = format!("Everything right, {what}, and signed by {alg}.");
            rows.push(right(&name, &does, signed_by(alg, given), Flow::Userinfo));
        }
    }
    let post = Given { auth: Auth::Post, ..USUAL };
    let public = Given { auth: Auth::Public, ..USUAL };
    rows.extend([
        right("client-secret-basic", "Takes the client's secret by HTTP Basic only.", SUITE, Flow::Login),
        right("client-secret-post", "Takes the client's secret in the form only.", post, Flow::Login),
        right("public-client", "Knows the client by its code verifier only.", public, Flow::Userinfo),
        right(
            "max-age",
            "Says when the person has signed in, which the client wants to know.",
            with_max_age(600),
            Flow::Login,
        ),
    ]);
    rows
}
