//! The rows, by what they are about.

mod algorithms;
mod answers;
mod clients;
mod hybrid;
mod pushed;
mod right;
mod sign_outs;
mod token_status;
mod tokens;

use std::time::Duration;

use oidc_dev_provider::Fault;

use super::{At, Auth, Flow, Given, Outcome, Par, Scenario};

/// Every row, under a heading.
pub(super) fn sections() -> Vec<(&'static str, Vec<Scenario>)> {
    vec![
        ("Everything right, in many ways", right::rows()),
        ("Clients that prove who they are", clients::rows()),
        ("ID tokens", tokens::id_tokens()),
        ("ID tokens beside a code", hybrid::rows()),
        ("Keys", tokens::keys()),
        ("Algorithms of signatures", algorithms::rows()),
        ("Metadata", answers::metadata()),
        ("Pushed authorization requests", pushed::rows()),
        ("Authorization responses", answers::responses()),
        ("Token responses", answers::tokens()),
        ("Userinfo", answers::userinfo()),
        ("Refreshes", answers::refreshes()),
        ("Questions about a token", token_status::introspection()),
        ("Revocations", token_status::revocation()),
        ("Answers that go wrong on their way", answers::transport()),
        ("Sign-outs", sign_outs::rows()),
    ]
}

pub(super) fn table() -> Vec<Scenario> {
    sections().into_iter().flat_map(|(_, rows)| rows).collect()
}

const USUAL: Given = Given {
    suite: false,
    alg: None,
    allowed: &[],
    auth: Auth::Basic,
    only_auth: false,
    for_token_endpoint: false,
    par: Par::No,
    form_post: false,
    hybrid: false,
    signed_userinfo: false,
    prompt_none: false,
    max_age: None,
};
const SUITE: Given = Given { suite: true, ..USUAL };

/// Rows of faults that are refused, if at all, at the same step.
fn all_at(at: At, flow: Flow, faults: &[(Fault, &str)]) -> Vec<Scenario> {
    faults.iter().map(|(fault, code)| row(fault.clone(), flow, at, code)).collect()
}

/// What it does, the fault says itself. An empty code: it is accepted. After the code there may be the name of what is wrong.
fn row(fault: Fault, flow: Flow, at: At, code: &str) -> Scenario {
    Scenario {
        name: fault.name(),
        does: fault.explain().to_owned(),
        fault: Some(fault),
        given: USUAL,
        flow,
        expected: if code.is_empty() { Outcome::Accepted } else { Outcome::Refused(at, code.to_owned()) },
    }
}

/// Nothing is wrong.
fn right(name: &str, does: &str, given: Given, flow: Flow) -> Scenario {
    let expected = Outcome::Accepted;
    Scenario { name: name.to_owned(), does: does.to_owned(), fault: None, given, flow, expected }
}

/// Nothing is wrong with what the provider says: it is brought to the wrong place, or again.
fn misused(name: &str, does: &str, flow: Flow, at: At, code: &str) -> Scenario {
    Scenario { expected: Outcome::Refused(at, code.to_owned()), ..right(name, does, USUAL, flow) }
}

impl Scenario {
    fn named(self, name: &str, does: &str) -> Self {
        Self { name: name.to_owned(), does: does.to_owned(), ..self }
    }

    fn given(self, given: Given) -> Self {
        Self { given, ..self }
    }
}

fn signed_by(alg: &'static str, given: Given) -> Given {
    Given { alg: Some(alg), ..given }
}

fn with_max_age(seconds: u64) -> Given {
    Given { max_age: Some(Duration::from_secs(seconds)), ..USUAL }
}
