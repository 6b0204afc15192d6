//! ID tokens, and the keys by which they are judged.

use oidc_dev_provider::{Endpoint, Fault};

use super::super::{At, Flow, Scenario};
use super::{SUITE, USUAL, all_at, right, row, with_max_age};

pub(super) fn id_tokens() -> Vec<Scenario> {
    let mut rows = all_at(At::Callback, Flow::Login, ID_TOKENS);
    rows.extend([Fault::AuthTimeMissing, Fault::AuthTimeOld].map(|fault| {
        let does = format!("{} The client wants a sign-in of the last ten minutes.", fault.explain());
        let row = row(fault.clone(), Flow::Login, At::Callback, "claim_invalid auth_time");
        row.named(&fault.name(), &does).given(with_max_age(600))
    }));
    rows
}

pub(super) fn keys() -> Vec<Scenario> {
    let down = |flow, code| row(Fault::Status(Endpoint::Jwks, 503), flow, At::Callback, code);
    let all_down = row(Fault::Status(Endpoint::Any, 503), Flow::TwoLogins, At::Callback, "provider_status");
    let mut rows = all_at(At::Callback, Flow::Login, KEYS);
    rows.extend([
        right(
            "discovery-jwks-uri-keys",
            "Publishes its keys where the metadata says.",
            SUITE,
            Flow::Userinfo,
        ),
        right("signing-key-rotation", "Exchanges all keys between two sign-ins.", USUAL, Flow::KeyRotation),
        right("refetch-storm", "Nothing: forty tokens come that name keys of nobody's.", USUAL, Flow::Storm),
        down(Flow::Login, "keys_unavailable")
            .named("keys-down-from-the-start", "Answers 503 where the keys are."),
        down(Flow::TwoLogins, "")
            .named("keys-down-while-known", "Answers 503 where the keys are, once they are known."),
        all_down.named(
            "everything-down-while-known",
            "Answers 503 everywhere, once metadata and keys are known.",
        ),
    ]);
    rows
}

/// What is unusual about an ID token, and the code; no code where nothing is wrong.
const ID_TOKENS: &[(Fault, &str)] = &[
    (Fault::NonceInvalid, "claim_invalid nonce"),
    (Fault::NonceMissing, "claim_invalid nonce"),
    (Fault::NonceArray, "claim_invalid nonce"),
    (Fault::InvalidIss, "claim_invalid iss"),
    (Fault::MissingIss, "claim_invalid iss"),
    (Fault::IssSlash, "claim_invalid iss"),
    (Fault::InvalidAud, "claim_invalid aud"),
    (Fault::MissingAud, "claim_invalid aud"),
    (Fault::AudArray, ""),
    (Fault::AudArrayOfOthers, "claim_invalid aud"),
    (Fault::AudUntrusted, "claim_invalid aud"),
    (Fault::AzpMissing, "claim_invalid aud"),
    (Fault::AudEmpty, "claim_invalid aud"),
    (Fault::AzpRight, ""),
    (Fault::AzpWrong, "claim_invalid azp"),
    (Fault::MissingSub, "claim_invalid sub"),
    (Fault::SubEmpty, "claim_invalid sub"),
    (Fault::SubNumber, "claim_invalid sub"),
    (Fault::SubTooLong, "claim_invalid sub"),
    (Fault::MissingIat, "claim_missing iat"),
    (Fault::IatText, "claim_invalid iat"),
    (Fault::IatFuture, "claim_invalid iat"),
    (Fault::IatWeekInPast, ""),
    (Fault::MissingExp, "claim_missing exp"),
    (Fault::Expired, "expired"),
    (Fault::ExpFloat, ""),
    (Fault::ExpHuge, "claim_invalid exp"),
    (Fault::ExpInfinite, "claim_invalid exp"),
    (Fault::ExpNegative, "claim_invalid exp"),
    (Fault::ExpText, "claim_invalid exp"),
    (Fault::NbfFuture, "not_yet_valid"),
    (Fault::ClockAhead, ""),
    (Fault::ClockBehind, ""),
    (Fault::ClockFarAhead, "claim_invalid iat"),
    (Fault::ClockFarBehind, "expired"),
    (Fault::InvalidAtHash, "claim_invalid at_hash"),
    (Fault::MissingAtHash, ""),
    (Fault::ClaimTwice, "malformed payload"),
    (Fault::ClaimTwiceEscaped, "malformed payload"),
    (Fault::ClaimsArray, "malformed payload"),
    (Fault::ClaimsNotUtf8, "malformed payload"),
    (Fault::ClaimsDeep, "malformed payload"),
    (Fault::IdTokenLarge, "provider_too_large"),
    (Fault::SigNone, "algorithm_not_allowed"),
    (Fault::SigNoneInOtherCase, "algorithm_not_allowed"),
    (Fault::AlgMissing, "malformed header"),
    (Fault::AlgNull, "malformed header"),
    (Fault::AlgAlternate, "algorithm_not_allowed"),
    (Fault::InvalidSigRs256, "bad_signature"),
    (Fault::InvalidSigHs256, "algorithm_not_allowed"),
    (Fault::SigHs256ByPublicKey, "algorithm_not_allowed"),
    (Fault::SigEmpty, "bad_signature"),
    (Fault::SigZeros, "bad_signature"),
    (Fault::SubExchanged, "bad_signature"),
    (Fault::UnknownKid, "unknown_key"),
    (Fault::KidOfOtherType, "unknown_key"),
    (Fault::KidForEncryption, "unknown_key"),
    (Fault::KidNumber, "malformed header"),
    (Fault::HeaderTwice, "malformed header"),
    (Fault::TypLogoutJwt, "wrong_type"),
    (Fault::TypAtJwt, "wrong_type"),
    (Fault::TypMissing, ""),
    (Fault::TypInOtherCase, ""),
    (Fault::LogoutTokenAsIdToken, "wrong_type"),
    (Fault::EventsInIdToken, "wrong_type"),
    (Fault::AccessTokenAsIdToken, "wrong_type"),
    (Fault::CritUnknown, "critical_header"),
    (Fault::B64False, "critical_header"),
    (Fault::EmbeddedJwk, "bad_signature"),
    (Fault::Jku, "bad_signature"),
    (Fault::X5u, "bad_signature"),
    (Fault::X5c, "bad_signature"),
    (Fault::Base64Padded, "malformed signature"),
    (Fault::Base64Whitespace, "malformed signature"),
    (Fault::Base64Plain, "malformed signature"),
    (Fault::Base64TrailingBits, "malformed signature"),
    (Fault::Jwe, "malformed token"),
    (Fault::JwsJson, "malformed token"),
    (Fault::FourParts, "malformed token"),
];

/// What is unusual about the keys, and the code; no code where nothing is wrong.
const KEYS: &[(Fault, &str)] = &[
    (Fault::KidAbsentSingleJwks, ""),
    (Fault::KidAbsentMultipleJwks, ""),
    (Fault::KidAbsentInToken, ""),
    (Fault::KidAbsentInKeys, "unknown_key"),
    (Fault::RotationJustBeforeSigning, ""),
    (Fault::KeysMediaType, ""),
    (Fault::EmptyKeys, "keys_unavailable"),
    (Fault::TooManyKeys, "keys_unavailable"),
    (Fault::KeysObject, "keys_unavailable"),
    (Fault::KeysJunk, ""),
    (Fault::KidTwice, ""),
    (Fault::KidAcrossTypes, ""),
    (Fault::KeyAlgContradicts, "unknown_key"),
    (Fault::KeyUseEnc, "keys_unavailable"),
    (Fault::KeyOpsEncrypt, "keys_unavailable"),
    (Fault::KeyTypeOct, "keys_unavailable"),
    (Fault::KeyMemberTwice, "keys_unavailable"),
    (Fault::Rsa1024, "keys_unavailable"),
    (Fault::Rsa16384, "keys_unavailable"),
    (Fault::RsaExponentOne, "keys_unavailable"),
    (Fault::RsaExponentThree, "keys_unavailable"),
    (Fault::RsaExponentEven, "keys_unavailable"),
    (Fault::RsaModulusEven, "keys_unavailable"),
    (Fault::PrivateParts, ""),
    (Fault::X5cJunk, ""),
];
