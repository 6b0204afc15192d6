//! The response type `code id_token`, whose answer comes by form: the ID token beside the code is judged first, and only
//! then is the code redeemed.

use oidc_dev_provider::Fault;

use super::super::{At, Flow, Given, Scenario};
use super::{SUITE, USUAL, right, row};

const HYBRID: Given = Given { hybrid: true, form_post: true, ..USUAL };
const LIKE_THE_SUITE: Given = Given { hybrid: true, form_post: true, ..SUITE };

pub(super) fn rows() -> Vec<Scenario> {
    let nonce = "Demands a nonce, since an ID token goes with the code.";
    let mut rows = vec![
        right("nonce-unless-code-flow", nonce, LIKE_THE_SUITE, Flow::Userinfo),
        right("hybrid", "Sends an ID token with the code.", HYBRID, Flow::Refresh),
        right("hybrid-like-the-suite", "The same, as the suite's does it.", LIKE_THE_SUITE, Flow::Refresh),
    ];
    for (at, faults) in [(At::InFront, IN_FRONT), (At::Callback, AFTERWARDS)] {
        rows.extend(faults.iter().map(|(fault, name, code)| {
            let row = row(fault.clone(), Flow::Login, at, code).given(HYBRID);
            let does = row.does.clone();
            if name.is_empty() { row } else { row.named(name, &does) }
        }));
    }
    rows
}

/// What is wrong with what comes by the browser; its name here, if it is another there; and the code.
const IN_FRONT: &[(Fault, &str, &str)] = &[
    (Fault::InvalidCHash, "", "claim_invalid c_hash"),
    (Fault::MissingCHash, "", "claim_missing c_hash"),
    (Fault::IdTokenNotInFront, "", "malformed_callback"),
    (Fault::NonceInvalid, "hybrid-nonce-invalid", "claim_invalid nonce"),
    (Fault::NonceMissing, "hybrid-missing-nonce", "claim_invalid nonce"),
    (Fault::InvalidIss, "hybrid-invalid-iss", "claim_invalid iss"),
    (Fault::InvalidAud, "hybrid-invalid-aud", "claim_invalid aud"),
    (Fault::MissingSub, "hybrid-missing-sub", "claim_invalid sub"),
    (Fault::Expired, "hybrid-expired", "expired"),
    (Fault::InvalidSigRs256, "hybrid-invalid-sig-rs256", "bad_signature"),
    (Fault::SigNone, "hybrid-sig-none", "algorithm_not_allowed"),
    (Fault::UnknownKid, "hybrid-unknown-kid", "unknown_key"),
    (Fault::LogoutTokenAsIdToken, "hybrid-logout-token-as-id-token", "wrong_type"),
    (Fault::TokenInFront, "hybrid-token-in-front", "malformed_callback"),
    (Fault::CodeMadeUp, "hybrid-code-made-up", "claim_invalid c_hash"),
    (Fault::CodeMissing, "hybrid-code-missing", "malformed_callback"),
    (Fault::AccessDenied, "hybrid-access-denied", "provider_error"),
];

/// What is wrong with what the code is redeemed for.
const AFTERWARDS: &[(Fault, &str, &str)] = &[
    (Fault::SecondInvalidSub, "", "subject_mismatch"),
    (Fault::SecondInvalidIss, "", "claim_invalid iss"),
    (Fault::SecondInvalidNonce, "", "claim_invalid nonce"),
    (Fault::MissingIdToken, "hybrid-missing-id-token", "id_token_missing"),
    (Fault::InvalidAtHash, "hybrid-invalid-athash", "claim_invalid at_hash"),
];
