//! Signatures of every kind that the library may be built for: wrong ones, right ones that nobody allowed, and keys that are
//! not for them. Those by RS256 are among the ID tokens and the keys.

use oidc_dev_provider::Fault;

use super::super::{ALGORITHMS, At, Flow, Given, Scenario};
use super::{USUAL, misused, right, row, signed_by};

pub(super) fn rows() -> Vec<Scenario> {
    let es256 = row(Fault::InvalidSigEs256, Flow::Login, At::Callback, "bad_signature");
    let does = "Signs by ES256, and every byte of the signature is XORed with `0x5a`.";
    let by_nobody = row(Fault::InvalidSigEs256, Flow::Login, At::Callback, "algorithm_not_allowed");
    let mut rows = vec![
        es256.named("invalid-sig-es256", does).given(signed_by("ES256", USUAL)),
        by_nobody
            .named("sig-es256-by-nobody", "The ID token has a published P-256 key's `kid`, and `ES256`."),
    ];
    for alg in ALGORITHMS.iter().filter(|alg| !["RS256", "ES256"].contains(alg)) {
        let does = format!("Signs by {alg}, and every byte of the signature is XORed with `0x5a`.");
        let row = row(Fault::InvalidSigRs256, Flow::Login, At::Callback, "bad_signature");
        rows.push(
            row.named(&format!("invalid-sig-{}", alg.to_lowercase()), &does).given(signed_by(alg, USUAL)),
        );
    }
    for alg in ["PS256", "ES256", "ES384", "EdDSA"] {
        for (fault, name, does, code) in WRONG {
            let (name, does) = (format!("{name}-{}", alg.to_lowercase()), format!("Signs by {alg}. {does}"));
            let row = row(fault.clone(), Flow::Login, At::Callback, code);
            rows.push(row.named(&name, &does).given(signed_by(alg, USUAL)));
        }
    }
    rows.extend(NOT_ALLOWED.iter().map(|(alg, allowed)| {
        let name = format!("{}-where-{}-is-allowed", alg.to_lowercase(), allowed[0].to_lowercase());
        let does = format!("Signs by {alg}, rightly; the client takes {} only.", allowed[0]);
        misused(&name, &does, Flow::Login, At::Callback, "algorithm_not_allowed").given(taken(alg, allowed))
    }));
    rows.extend(ALLOWED_TOO.iter().map(|(alg, allowed)| {
        let name = format!("{}-among-others", alg.to_lowercase());
        let does = format!("Signs by {alg}; the client takes {}.", allowed.join(" and "));
        right(&name, &does, taken(alg, allowed), Flow::Refresh)
    }));
    rows.extend(OTHER_KEYS.iter().map(|(fault, name, alg, allowed)| {
        let does =
            format!("{} It signs by {alg}; the client takes {}.", fault.explain(), allowed.join(" and "));
        let row = row(fault.clone(), Flow::Login, At::Callback, "unknown_key");
        row.named(name, &does).given(taken(alg, allowed))
    }));
    rows
}

fn taken(alg: &'static str, allowed: &'static [&'static str]) -> Given {
    Given { alg: Some(alg), allowed, ..USUAL }
}

/// What is wrong with a signature of any kind, and the code.
const WRONG: &[(Fault, &str, &str, &str)] = &[
    (Fault::SigEmpty, "sig-empty", "The signature is empty.", "bad_signature"),
    (Fault::SigZeros, "sig-zeros", "The signature is of zeros.", "bad_signature"),
    (Fault::SubExchanged, "sub-exchanged", "The `sub` is exchanged after that.", "bad_signature"),
    (Fault::SigNone, "sig-none", "The ID token has `alg` `none`.", "algorithm_not_allowed"),
    (Fault::UnknownKid, "unknown-kid", "The `kid` is one that is never published.", "unknown_key"),
];

/// What the provider signs with, and what the client takes.
const NOT_ALLOWED: &[(&str, &[&str])] = &[
    ("ES256", &["RS256"]),
    ("EdDSA", &["RS256"]),
    // By the very key that RS256 has.
    ("PS256", &["RS256"]),
    ("RS256", &["PS256"]),
    ("PS384", &["PS256"]),
    ("RS256", &["ES256"]),
    ("ES384", &["ES256"]),
    ("ES256", &["EdDSA"]),
];

const ALLOWED_TOO: &[(&str, &[&str])] = &[
    ("RS256", &["RS256", "PS256", "ES256", "EdDSA"]),
    ("PS256", &["RS256", "PS256"]),
    ("ES256", &["RS256", "ES256"]),
    ("EdDSA", &["RS256", "EdDSA"]),
];

/// What is wrong with the key, its name here, what the provider signs with, and what the client takes.
const OTHER_KEYS: &[(Fault, &str, &str, &[&str])] = &[
    (Fault::AlgOfOtherType, "es256-by-rsa-kid", "RS256", &["RS256", "ES256"]),
    (Fault::AlgOfOtherType, "rs256-by-p256-kid", "ES256", &["RS256", "ES256"]),
    (Fault::KidOfOtherType, "ps256-by-p256-kid", "PS256", &["PS256"]),
    (Fault::KeyAlgOtherPadding, "key-alg-rs256-signs-ps256", "PS256", &["RS256", "PS256"]),
    (Fault::KeyAlgOtherPadding, "key-alg-ps256-signs-rs256", "RS256", &["RS256", "PS256"]),
];
