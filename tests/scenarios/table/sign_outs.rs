//! Sign-outs, from either side.

use oidc_dev_provider::Fault;

use super::super::{At, Flow, Named, Scenario};
use super::{SUITE, USUAL, all_at, misused, right, row};

pub(super) fn rows() -> Vec<Scenario> {
    let back_channel = Flow::BackChannelLogout;
    let like_the_suite = "The same, as the suite's simulated provider does it.";
    let replayed = "Sends the same logout token again.";
    let other = "The frame names somebody else's session, which leaves this one alone.";
    let mut rows = all_at(At::LogoutToken, back_channel(Named::Both), LOGOUT_TOKENS);
    rows.extend([
        right("logout-of-a-person", "The logout token has no `sid`.", USUAL, back_channel(Named::Person)),
        right("logout-of-a-session", "The logout token has no `sub`.", USUAL, back_channel(Named::Session)),
        misused("logout-replayed", replayed, Flow::LogoutTwice, At::LogoutToken, "claim_invalid"),
        right(
            "rp-init-logout",
            "Ends its own session, and sends the browser back.",
            USUAL,
            Flow::RpInitiatedLogout,
        ),
        right("rp-init-logout-like-the-suite", like_the_suite, SUITE, Flow::RpInitiatedLogout),
        row(Fault::LogoutOtherState, Flow::RpInitiatedLogout, At::AfterLogout, ""),
        row(Fault::LogoutNoState, Flow::RpInitiatedLogout, At::AfterLogout, ""),
        right(
            "rp-frontchannel-rpinitlogout",
            "Has the signed-out browser load a frame that names the session.",
            USUAL,
            Flow::FrontChannelLogout,
        ),
        right("rp-frontchannel-opinitlogout", like_the_suite, SUITE, Flow::FrontChannelLogout),
        right("rp-frontchannel-other-session", other, USUAL, Flow::OtherFrame),
    ]);
    rows
}

/// What is unusual about a logout token, and the code; no code where nothing is wrong.
const LOGOUT_TOKENS: &[(Fault, &str)] = &[
    (Fault::LogoutUnknownClaim, ""),
    (Fault::LogoutAlgNone, "algorithm_not_allowed"),
    (Fault::LogoutWrongAlg, "algorithm_not_allowed"),
    (Fault::LogoutWrongIss, "claim_invalid iss"),
    (Fault::LogoutWrongAud, "claim_invalid aud"),
    (Fault::LogoutNoEvent, "claim_missing events"),
    (Fault::LogoutWrongEvent, "claim_invalid events"),
    (Fault::LogoutWithNonce, "claim_invalid nonce"),
    (Fault::LogoutEventText, "claim_invalid events"),
    (Fault::LogoutInvalidSig, "bad_signature"),
    (Fault::LogoutUnknownKid, "unknown_key"),
    (Fault::LogoutOfNobody, "claim_invalid sub"),
    (Fault::LogoutWithoutExp, "claim_missing exp"),
    (Fault::LogoutWithoutIat, "claim_missing iat"),
    (Fault::LogoutWithoutJti, "claim_missing jti"),
    (Fault::LogoutWithoutAud, "claim_invalid aud"),
    (Fault::LogoutExpired, "expired"),
    (Fault::LogoutTypMissing, ""),
    (Fault::LogoutTypAtJwt, "wrong_type"),
    (Fault::LogoutClaimTwice, "malformed payload"),
    (Fault::IdTokenAsLogoutToken, "claim_invalid nonce"),
];
