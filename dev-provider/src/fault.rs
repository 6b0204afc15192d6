//! How the provider misbehaves on demand: each fault has a name, and is named after what goes wrong.
//!
//! A scenario of the OpenID Foundation's suite has the suite's name, without what all its names begin with. What a fault
//! does is beside what it does it to: `id_token`, `keys`, `metadata`, `answers`, `logout`.

mod answers;
mod id_token;
mod keys;
mod logout;
mod metadata;

use std::fmt;

use crate::answer::Delivery;

pub(crate) use id_token::Made;
pub(crate) use logout::EVENT;

/// Defines the faults that take nothing: each by its documentation, its variant and its name.
macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $fault:ident $name:literal,)+) => {
        /// One way to misbehave, until it is taken back.
        ///
        /// A fault of the ID token shows in every ID token, but those named `Refresh…`, which show in refreshed ones only.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Fault {
            $($(#[doc = $doc])+ $fault,)+
            /// A page of HTML, with status 200, in place of the answer.
            Html(Endpoint),
            /// This status in place of 200, with a JSON error; 429 and 503 with `Retry-After: 2`.
            Status(Endpoint, u16),
            /// A 307 to the same endpoint below `/dev/elsewhere`, where it answers rightly.
            Redirect(Endpoint),
            /// The right answer, delivered so.
            Deliver(Endpoint, Delivery),
            /// The first half of the right body, as if it were whole.
            TruncatedJson(Endpoint),
        }

        /// The faults that take nothing, with their names and what they do.
        const SIMPLE: &[(Fault, &str, &str)] = &[$((Fault::$fault, $name, concat!($($doc),+)),)+];
    };
}

faults! {
    // The ID token's claims.
    /// The ID token's `nonce` is the sent one and `1`.
    NonceInvalid "nonce-invalid",
    /// The ID token has no `nonce`.
    NonceMissing "invalid-missing-nonce",
    /// The ID token's `nonce` is an array of the sent one.
    NonceArray "nonce-array",
    /// The ID token's `iss` is the issuer and `1`.
    InvalidIss "invalid-iss",
    /// The ID token has no `iss`.
    MissingIss "invalid-missing-iss",
    /// The ID token's `iss` is the issuer with a slash more, or with the last one left out.
    IssSlash "iss-slash",
    /// The ID token's `aud` is the client's id and `1`.
    InvalidAud "invalid-aud",
    /// The ID token has no `aud`.
    MissingAud "missing-aud",
    /// The ID token's `aud` is an array of the client's id.
    AudArray "valid-aud-as-array",
    /// The ID token's `aud` is an array of others.
    AudArrayOfOthers "aud-array-of-others",
    /// The ID token's `aud` is an array of the client's id and of somebody whom the client does not know; `azp` is the client's id.
    AudUntrusted "invalid-secondary-aud",
    /// The ID token's `aud` is an array of the client's id and of somebody whom the client does not know, without `azp`.
    AzpMissing "azp-missing",
    /// The ID token's `aud` is an empty array.
    AudEmpty "aud-empty",
    /// The ID token's `azp` is the client's id.
    AzpRight "azp-right",
    /// The ID token's `azp` is another client's id.
    AzpWrong "azp-wrong",
    /// The ID token has no `sub`.
    MissingSub "missing-sub",
    /// The ID token's `sub` is empty.
    SubEmpty "sub-empty",
    /// The ID token's `sub` is a number.
    SubNumber "sub-number",
    /// The ID token's `sub` has 256 characters, one more than it may have.
    SubTooLong "sub-too-long",
    /// The ID token has no `iat`.
    MissingIat "missing-iat",
    /// The ID token's `iat` is a text.
    IatText "iat-text",
    /// The ID token's `iat` is an hour in the future.
    IatFuture "iat-future",
    /// The ID token's `iat` is a week in the past.
    IatWeekInPast "iat-is-week-in-past",
    /// The ID token has no `exp`.
    MissingExp "invalid-missing-exp",
    /// The ID token expired an hour ago.
    Expired "invalid-expired-exp",
    /// The ID token's `exp` has a fraction.
    ExpFloat "exp-float",
    /// The ID token's `exp` is 10 to the 18th, in exponential notation.
    ExpHuge "exp-huge",
    /// The ID token's `exp` is 10 to the 400th, which no floating-point number holds.
    ExpInfinite "exp-infinite",
    /// The ID token's `exp` is negative.
    ExpNegative "exp-negative",
    /// The ID token's `exp` is a text.
    ExpText "exp-text",
    /// The ID token's `nbf` is an hour in the future.
    NbfFuture "nbf-future",
    /// The ID token is minted by a clock that is half a minute fast.
    ClockAhead "clock-ahead",
    /// The ID token is minted by a clock that is half a minute slow, and lives for 15 seconds.
    ClockBehind "clock-behind",
    /// The ID token is minted by a clock that is ten minutes fast.
    ClockFarAhead "clock-far-ahead",
    /// The ID token is minted by a clock that is ten minutes slow.
    ClockFarBehind "clock-far-behind",
    /// The ID token's `at_hash` is the right one and `1`.
    InvalidAtHash "invalid-athash",
    /// The ID token has no `at_hash`.
    MissingAtHash "missing-athash",
    /// The `c_hash` of the ID token beside a code is the right one and `1`.
    InvalidCHash "invalid-chash",
    /// The ID token beside a code has no `c_hash`.
    MissingCHash "missing-chash",
    /// The ID token of the code is of another subject than the one beside the code.
    SecondInvalidSub "second-invalid-sub",
    /// The ID token of the code is of another issuer than the one beside the code.
    SecondInvalidIss "second-invalid-iss",
    /// The ID token of the code has another `nonce` than the one beside the code.
    SecondInvalidNonce "second-invalid-nonce",
    /// The ID token has no `auth_time`.
    AuthTimeMissing "auth-time-missing",
    /// The ID token's `auth_time` is a day in the past.
    AuthTimeOld "auth-time-old",
    /// The ID token has a claim twice.
    ClaimTwice "claim-twice",
    /// The ID token has `sub` twice, once with a letter escaped.
    ClaimTwiceEscaped "claim-twice-escaped",
    /// The ID token's payload is an array.
    ClaimsArray "claims-array",
    /// The ID token's payload is not UTF-8.
    ClaimsNotUtf8 "claims-not-utf-8",
    /// The ID token has a claim of arrays that are nested a thousand deep.
    ClaimsDeep "claims-deep",
    /// The ID token is 100 KiB long.
    IdTokenLarge "id-token-large",

    // The ID token's header, signature and form.
    /// The ID token has `alg` `none` and no signature.
    SigNone "idtoken-sig-none",
    /// The ID token has `alg` `nOnE` and no signature.
    SigNoneInOtherCase "sig-none-in-other-case",
    /// The ID token has no `alg`.
    AlgMissing "alg-missing",
    /// The ID token's `alg` is `null`.
    AlgNull "invalid-null-alg",
    /// The ID token is signed by RS512, or by RS256 if that is what the provider signs with, while the metadata offers it.
    AlgAlternate "invalid-alternate-alg",
    /// Every byte of the ID token's signature is XORed with `0x5a`.
    InvalidSigRs256 "invalid-sig-rs256",
    /// The ID token is signed by ES256, if that is what the provider signs with, and every byte of the signature is XORed with
    /// `0x5a`; else it has the `kid` of a published key of that type, and a signature that is none of its.
    InvalidSigEs256 "invalid-sig-es256",
    /// The ID token's `alg` is ES256, or RS256 if the provider signs with a key on a curve, and it is signed so; its `kid` is
    /// still that of the key of the other type.
    AlgOfOtherType "alg-of-other-type",
    /// The ID token is signed by HS256 with the client's secret.
    InvalidSigHs256 "invalid-sig-hs256",
    /// The ID token is signed by HS256 with the published RSA key as the secret.
    SigHs256ByPublicKey "sig-hs256-by-public-key",
    /// The ID token's signature is empty.
    SigEmpty "sig-empty",
    /// The ID token's signature is of zeros, as many as it should have bytes.
    SigZeros "sig-zeros",
    /// The ID token is signed, and then its `sub` is another.
    SubExchanged "sub-exchanged",
    /// The ID token's `kid` is one that is never published.
    UnknownKid "unknown-kid",
    /// The ID token's `kid` is that of a published key of another type.
    KidOfOtherType "kid-of-other-type",
    /// The ID token's `kid` is that of a published key for encryption.
    KidForEncryption "kid-for-encryption",
    /// The ID token's `kid` is a number.
    KidNumber "kid-number",
    /// The ID token's header has a member twice.
    HeaderTwice "header-twice",
    /// The ID token's `typ` is `logout+jwt`.
    TypLogoutJwt "typ-logout-jwt",
    /// The ID token's `typ` is `at+jwt`.
    TypAtJwt "typ-at-jwt",
    /// The ID token has no `typ`.
    TypMissing "typ-missing",
    /// The ID token's `typ` is `jwt`.
    TypInOtherCase "typ-in-other-case",
    /// The ID token is a logout token.
    LogoutTokenAsIdToken "logout-token-as-id-token",
    /// The ID token has a logout token's `events`, too.
    EventsInIdToken "events-in-id-token",
    /// The ID token is an access token.
    AccessTokenAsIdToken "access-token-as-id-token",
    /// The ID token's header has `crit` with a parameter that nobody knows.
    CritUnknown "crit-unknown",
    /// The ID token's header has `b64` `false`, made critical.
    B64False "b64-false",
    /// The ID token is signed by a key that is not published, but embedded in the header as `jwk`.
    EmbeddedJwk "embedded-jwk",
    /// The ID token is signed by a key that is not published, but said to be at the header's `jku`.
    Jku "jku",
    /// The ID token is signed by a key that is not published, but said to be at the header's `x5u`.
    X5u "x5u",
    /// The ID token is signed by a key that is not published, but said to be in the header's `x5c`.
    X5c "x5c",
    /// The ID token's signature is padded with `==`.
    Base64Padded "base64-padded",
    /// The ID token's signature has a line feed in the middle.
    Base64Whitespace "base64-whitespace",
    /// The ID token's signature is in the alphabet of plain base64.
    Base64Plain "base64-plain",
    /// The bits of the ID token's signature that belong to no byte are not zero.
    Base64TrailingBits "base64-trailing-bits",
    /// The ID token is encrypted: a JWE of five parts.
    Jwe "jwe",
    /// The ID token is a JWS in the JSON serialization.
    JwsJson "jws-json",
    /// The ID token has a fourth part.
    FourParts "four-parts",

    // The keys.
    /// Neither the signing keys nor any token have a `kid`; one RSA signing key is published.
    KidAbsentSingleJwks "kid-absent-single-jwks",
    /// Neither the signing keys nor any token have a `kid`; three RSA signing keys are published.
    KidAbsentMultipleJwks "kid-absent-multiple-jwks",
    /// Tokens have no `kid`, while the published keys have one; three of them are RSA signing keys.
    KidAbsentInToken "kid-absent-in-token",
    /// The published keys have no `kid`, while tokens have one.
    KidAbsentInKeys "kid-absent-in-keys",
    /// All keys are new at the moment an ID token is signed.
    RotationJustBeforeSigning "signing-key-rotation-just-before-signing",
    /// The `Content-Type` of the key set is `application/jwk-set+json`.
    KeysMediaType "keys-media-type",
    /// The key set is empty.
    EmptyKeys "empty-keys",
    /// The key set has a thousand RSA keys, the right one among them.
    TooManyKeys "too-many-keys",
    /// `keys` is an object.
    KeysObject "keys-object",
    /// There are elements among the keys that are no keys: `null`, a text, an empty object.
    KeysJunk "keys-junk",
    /// Two RSA keys have the `kid`, and the second one is the right one.
    KidTwice "kid-twice",
    /// An elliptic-curve key and a symmetric one have the right RSA key's `kid`, and come first.
    KidAcrossTypes "kid-across-types",
    /// The right key's `alg` is not the one that it signs with.
    KeyAlgContradicts "key-alg-contradicts",
    /// The right key's `alg` has the other padding: PS256 if the provider signs by RS256, else RS256.
    KeyAlgOtherPadding "key-alg-other-padding",
    /// The right key's `use` is `enc`.
    KeyUseEnc "key-use-enc",
    /// The right key's `key_ops` is `encrypt`.
    KeyOpsEncrypt "key-ops-encrypt",
    /// The right key's `kty` is `oct`.
    KeyTypeOct "key-type-oct",
    /// The right key has `n` twice.
    KeyMemberTwice "key-member-twice",
    /// The published RSA key has 1024 bits.
    Rsa1024 "rsa-1024",
    /// The published RSA key has 16384 bits.
    Rsa16384 "rsa-16384",
    /// The published RSA key's exponent is 1, and the ID token's signature is right by that, which needs no private key.
    RsaExponentOne "rsa-exponent-one",
    /// The published RSA key's exponent is 3.
    RsaExponentThree "rsa-exponent-three",
    /// The published RSA key's exponent is even.
    RsaExponentEven "rsa-exponent-even",
    /// The published RSA key's modulus is even.
    RsaModulusEven "rsa-modulus-even",
    /// The private parts of the right key are published, too.
    PrivateParts "private-parts",
    /// The right key has an `x5c` that is no certificate.
    X5cJunk "x5c-junk",

    // The metadata.
    /// The metadata's `issuer` is the issuer and `INVALID`.
    DiscoveryIssuerMismatch "discovery-issuer-mismatch",
    /// The metadata's `issuer` has a slash more, or the last one left out.
    DiscoveryIssuerSlash "discovery-issuer-slash",
    /// The metadata has no `issuer`.
    DiscoveryIssuerMissing "discovery-issuer-missing",
    /// The metadata has `issuer` twice.
    DiscoveryIssuerTwice "discovery-issuer-twice",
    /// The metadata's `authorization_endpoint` is plain `http` on another host.
    AuthorizationEndpointHttp "authorization-endpoint-http",
    /// The metadata's `token_endpoint` is plain `http` on another host.
    TokenEndpointHttp "token-endpoint-http",
    /// The metadata's `jwks_uri` is plain `http` on another host.
    JwksUriHttp "jwks-uri-http",
    /// The metadata's `userinfo_endpoint` is plain `http` on another host.
    UserinfoEndpointHttp "userinfo-endpoint-http",
    /// The metadata's `token_endpoint` is a `file` address.
    TokenEndpointFile "token-endpoint-file",
    /// The metadata has no `token_endpoint`.
    TokenEndpointMissing "token-endpoint-missing",
    /// The metadata has no `authorization_endpoint`.
    AuthorizationEndpointMissing "authorization-endpoint-missing",
    /// The metadata has no `jwks_uri`.
    JwksUriMissing "jwks-uri-missing",
    /// The metadata has no `userinfo_endpoint`.
    UserinfoEndpointMissing "userinfo-endpoint-missing",
    /// The metadata's endpoints are on another host than the issuer.
    EndpointsOnAnotherHost "endpoints-on-another-host",
    /// The metadata offers ES256 only, for ID tokens.
    OnlyEs256Offered "only-es256-offered",
    /// The metadata offers RS256 only, for ID tokens.
    OnlyRs256Offered "idtoken-sig-rs256",
    /// The metadata has no `mtls_endpoint_aliases`, although no client that authenticates by TLS is believed elsewhere.
    AliasesMissing "mtls-endpoint-aliases-missing",
    /// The metadata's `mtls_endpoint_aliases` is a text.
    AliasesText "mtls-endpoint-aliases-text",
    /// The alias of the `token_endpoint` is plain `http` on another host.
    AliasHttp "mtls-endpoint-alias-http",
    /// The metadata has nothing but what a provider must have.
    BareMetadata "bare-metadata",

    // The authorization response.
    /// The authorization response's `state` is the sent one and `1`.
    StateInvalid "ensure-authorization-response-with-invalid-state-fails",
    /// The authorization response has no `state`.
    StateMissing "ensure-authorization-response-with-invalid-missing-state-fails",
    /// The authorization response has `state` twice.
    StateTwice "state-twice",
    /// The authorization response has `code` twice.
    CodeTwice "code-twice",
    /// The authorization response has `code` and `code[]`.
    CodeArray "code-array",
    /// The authorization response has neither `code` nor `error`.
    CodeMissing "code-missing",
    /// The authorization response has a code that was never issued.
    CodeMadeUp "code-made-up",
    /// The authorization response has an `access_token`, for which nobody asked.
    TokenInFront "token-in-front",
    /// The authorization response has an ID token, whether anybody asked for one or not, and it is right.
    IdTokenInFront "id-token-in-front",
    /// The authorization response has no ID token, whether anybody asked for one or not.
    IdTokenNotInFront "id-token-not-in-front",
    /// The authorization response's `iss` is the issuer and `1`.
    IssParamWrong "invalid-authorization-response-iss",
    /// The authorization response has no `iss`, although the metadata promises it.
    IssParamMissing "remove-authorization-response-iss",
    /// The authorization response has no `iss`, and the metadata does not promise it.
    IssParamNotPromised "iss-param-not-promised",
    /// Every authorization request is answered with `access_denied`.
    AccessDenied "access-denied",
    /// Every authorization request is answered with `login_required`, without `iss`.
    LoginRequired "form-post-error",
    /// The authorization response has both a `code` and an `error`.
    ErrorBesideCode "error-beside-code",
    /// The authorization response has a parameter that nobody knows.
    UnknownParam "unknown-param",

    // The answer to a pushed request.
    /// Every pushed request is answered with `invalid_request`.
    ParRefused "par-refused",
    /// The answer to a pushed request has no `request_uri`.
    ParWithoutRequestUri "par-without-request-uri",
    /// The `request_uri` of a pushed request is empty.
    ParRequestUriEmpty "par-request-uri-empty",
    /// The `request_uri` of a pushed request is a number.
    ParRequestUriNumber "par-request-uri-number",
    /// The answer to a pushed request has `request_uri` twice.
    ParRequestUriTwice "par-request-uri-twice",
    /// The answer to a pushed request has status 200.
    ParStatus200 "par-status-200",

    // The token response.
    /// Every token request is answered with `invalid_grant`.
    TokenErrorInvalidGrant "token-error-invalid-grant",
    /// No client is believed who it says it is: whatever it asks is answered with `invalid_client`.
    InvalidClient "invalid-client",
    /// No assertion is taken but one that is addressed to the token endpoint.
    AssertionForTokenEndpoint "assertion-for-token-endpoint",
    /// Every token request is answered with `invalid_grant` and status 200.
    TokenErrorWithStatus200 "token-error-with-status-200",
    /// The token response has an `error` beside the tokens.
    TokenErrorBesideTokens "token-error-beside-tokens",
    /// Every token request is answered with status 400 and a page of HTML.
    TokenErrorHtml "token-error-html",
    /// The token response has no `id_token`.
    MissingIdToken "missing-id-token",
    /// The token response's `id_token` is `null`.
    NullIdToken "null-id-token",
    /// The token response has no `access_token`.
    MissingAccessToken "missing-access-token",
    /// The token response's `token_type` is `mac`.
    TokenTypeMac "token-type-mac",
    /// The token response's `token_type` is `bearer`, in lower case.
    TokenTypeLowerCase "token-type-case-insensitivity",
    /// The token response has no `token_type`.
    TokenTypeMissing "token-type-missing",
    /// The token response has no `expires_in`.
    ExpiresInMissing "token-endpoint-response-without-expires-in",
    /// The token response's `expires_in` is a text.
    ExpiresInText "expires-in-text",
    /// The token response's `expires_in` is negative.
    ExpiresInNegative "expires-in-negative",
    /// The token response has `access_token` twice.
    TokenMemberTwice "token-member-twice",
    /// The token response has a megabyte of something else beside.
    TokenOversize "token-oversize",
    /// The token response's `Content-Type` is `text/plain`.
    TokenContentType "token-content-type",
    /// The token response has no `Content-Type`.
    TokenContentTypeMissing "token-content-type-missing",
    /// The token response's `Content-Type` is `Application/JSON;charset=UTF-8`.
    TokenCharset "token-charset",

    // Userinfo.
    /// The userinfo's `sub` is the right one and `invalid`.
    UserinfoInvalidSub "userinfo-invalid-sub",
    /// The userinfo has no `sub`.
    UserinfoMissingSub "userinfo-missing-sub",
    /// The userinfo has `sub` twice.
    UserinfoSubTwice "userinfo-sub-twice",
    /// The userinfo has claims that are another's word: in a JWT with `alg` `none` (aggregated).
    AggregatedClaims "aggregated-claims",
    /// The userinfo has claims that are to be fetched elsewhere (distributed).
    DistributedClaims "distributed-claims",
    /// The userinfo is a JWT whose signature is spoiled.
    UserinfoInvalidSig "userinfo-invalid-sig",
    /// The userinfo is a JWT with `alg` `none`.
    UserinfoSigNone "userinfo-sig-none",
    /// The userinfo is a JWT of another issuer.
    UserinfoInvalidIss "userinfo-invalid-iss",
    /// The userinfo is a JWT for another client.
    UserinfoInvalidAud "userinfo-invalid-aud",

    // What is said about a token, and its end.
    /// Every token that is asked about is not active.
    IntrospectionInactive "introspection-inactive",
    /// The answer about a token has no `active`.
    IntrospectionActiveMissing "introspection-active-missing",
    /// In the answer about a token, `active` is a text.
    IntrospectionActiveText "introspection-active-text",
    /// The answer about a token has `active` twice, once `false`.
    IntrospectionActiveTwice "introspection-active-twice",
    /// The token asked about is another issuer's.
    IntrospectionInvalidIss "introspection-invalid-iss",
    /// The token asked about is for somebody else.
    IntrospectionInvalidAud "introspection-invalid-aud",
    /// The answer about a token has no `aud`.
    IntrospectionMissingAud "introspection-missing-aud",
    /// The token asked about expired an hour ago, and is active.
    IntrospectionExpired "introspection-expired",
    /// In the answer about a token, `exp` is a text.
    IntrospectionExpText "introspection-exp-text",
    /// In the answer about a token, `sub` is a number.
    IntrospectionSubNumber "introspection-sub-number",
    /// In the answer about a token, `scope` is an array.
    IntrospectionScopeArray "introspection-scope-array",
    /// No token of this type can be revoked: `unsupported_token_type`.
    RevocationUnsupported "revocation-unsupported-token-type",

    // Refreshed tokens.
    /// A refreshed ID token's `iss` is the issuer and `1`.
    RefreshInvalidIss "refresh-token-invalid-issuer",
    /// A refreshed ID token's `sub` is the right one and `1`.
    RefreshInvalidSub "refresh-token-invalid-sub",
    /// A refreshed ID token's `aud` is the client's id and `1`.
    RefreshInvalidAud "refresh-invalid-aud",
    /// A refreshed ID token's `nonce` is the sent one and `1`.
    RefreshInvalidNonce "refresh-invalid-nonce",
    /// A refreshed ID token's `auth_time` is an hour later than the sign-in.
    RefreshInvalidAuthTime "refresh-invalid-auth-time",
    /// A refreshed ID token has no `nonce`.
    RefreshWithoutNonce "refresh-without-nonce",
    /// A refresh gives no ID token.
    RefreshWithoutIdToken "refresh-without-id-token",
    /// A refresh gives no new refresh token, and the old one stays good.
    RefreshNotRotated "refresh-not-rotated",

    // Sign-outs.
    /// The logout token has `alg` `none` and no signature.
    LogoutAlgNone "rp-backchannel-rpinitlogout-alg-none",
    /// The logout token has `alg` `ES256`, the `kid` of a published key of that type, and a signature that is none of its.
    LogoutWrongAlg "rp-backchannel-rpinitlogout-wrong-alg",
    /// The logout token's `iss` is the issuer and `INVALID`.
    LogoutWrongIss "rp-backchannel-rpinitlogout-wrong-iss",
    /// The logout token's `aud` is the client's id and `INVALID`.
    LogoutWrongAud "rp-backchannel-rpinitlogout-wrong-aud",
    /// The logout token has no `events`.
    LogoutNoEvent "rp-backchannel-rpinitlogout-no-event",
    /// The logout token's event is another one.
    LogoutWrongEvent "rp-backchannel-rpinitlogout-wrong-event",
    /// The logout token has a `nonce`.
    LogoutWithNonce "rp-backchannel-rpinitlogout-with-nonce",
    /// The logout token has a claim that nobody knows.
    LogoutUnknownClaim "rp-backchannel-rpinitlogout",
    /// The logout token's event is no object.
    LogoutEventText "logout-event-text",
    /// Every byte of the logout token's signature is XORed with `0x5a`.
    LogoutInvalidSig "logout-invalid-sig",
    /// The logout token's `kid` is one that is never published.
    LogoutUnknownKid "logout-unknown-kid",
    /// The logout token has neither `sub` nor `sid`.
    LogoutOfNobody "logout-of-nobody",
    /// The logout token has no `exp`.
    LogoutWithoutExp "logout-without-exp",
    /// The logout token has no `iat`.
    LogoutWithoutIat "logout-without-iat",
    /// The logout token has no `jti`.
    LogoutWithoutJti "logout-without-jti",
    /// The logout token has no `aud`.
    LogoutWithoutAud "logout-without-aud",
    /// The logout token expired an hour ago.
    LogoutExpired "logout-expired",
    /// The logout token has no `typ`.
    LogoutTypMissing "logout-typ-missing",
    /// The logout token's `typ` is `at+jwt`.
    LogoutTypAtJwt "logout-typ-at-jwt",
    /// The logout token has `events` twice.
    LogoutClaimTwice "logout-claim-twice",
    /// The logout token is an ID token.
    IdTokenAsLogoutToken "id-token-as-logout-token",
    /// The browser comes back from a sign-out with the sent `state` and `_INVALID`.
    LogoutOtherState "rp-init-logout-other-state",
    /// The browser comes back from a sign-out without `state`.
    LogoutNoState "rp-init-logout-no-state",
}

/// Where a fault of transport shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/.well-known/openid-configuration`
    Discovery,
    /// `/jwks`
    Jwks,
    /// `/token`
    Token,
    /// `/userinfo`
    Userinfo,
    /// `/par`
    Par,
    /// `/introspect`
    Introspection,
    /// `/revoke`
    Revocation,
    /// All of these.
    Any,
}

impl Fault {
    /// Every fault there is; of the statuses only 404, 429, 500 and 503.
    pub fn all() -> Vec<Fault> {
        let simple = SIMPLE.iter().map(|(fault, ..)| fault.clone());
        simple.chain(Endpoint::NAMES.iter().flat_map(|(endpoint, _)| Fault::at(*endpoint))).collect()
    }

    fn at(endpoint: Endpoint) -> Vec<Fault> {
        let mut faults =
            vec![Fault::Html(endpoint), Fault::Redirect(endpoint), Fault::TruncatedJson(endpoint)];
        faults.extend([404, 429, 500, 503].map(|status| Fault::Status(endpoint, status)));
        let misdelivered = Delivery::NAMES.iter().filter(|(delivery, _)| *delivery != Delivery::Whole);
        faults.extend(misdelivered.map(|(delivery, _)| Fault::Deliver(endpoint, *delivery)));
        faults
    }

    /// The name in kebab case, with what it takes: `unknown-kid`, `status-token-503`, `deliver-jwks-hang`.
    pub fn name(&self) -> String {
        match self {
            Fault::Html(endpoint) => format!("html-{endpoint}"),
            Fault::Status(endpoint, status) => format!("status-{endpoint}-{status}"),
            Fault::Redirect(endpoint) => format!("redirect-{endpoint}"),
            Fault::Deliver(endpoint, delivery) => format!("deliver-{endpoint}-{}", delivery.name()),
            Fault::TruncatedJson(endpoint) => format!("truncated-json-{endpoint}"),
            simple => {
                SIMPLE.iter().find(|(fault, ..)| fault == simple).map_or("", |(_, name, _)| name).to_owned()
            }
        }
    }

    /// What it does, in a sentence.
    pub fn explain(&self) -> &'static str {
        match self {
            Fault::Html(_) => "A page of HTML, with status 200, in place of the answer.",
            Fault::Status(..) => "Another status, with a JSON error, in place of the answer.",
            Fault::Redirect(_) => "A redirect to where the right answer is.",
            Fault::Deliver(_, delivery) => delivery.explain(),
            Fault::TruncatedJson(_) => "The first half of the right body, as if it were whole.",
            simple => SIMPLE.iter().find(|(fault, ..)| fault == simple).map_or("", |(.., what)| what.trim()),
        }
    }

    /// The fault of this name.
    pub fn from_name(name: &str) -> Option<Fault> {
        let simple = SIMPLE.iter().find(|(_, known, _)| *known == name);
        simple.map(|(fault, ..)| fault.clone()).or_else(|| Fault::at_endpoint_from_name(name))
    }

    /// Where a fault of transport shows; `None` for all others.
    pub(crate) fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Fault::Html(endpoint)
            | Fault::Status(endpoint, _)
            | Fault::Redirect(endpoint)
            | Fault::Deliver(endpoint, _)
            | Fault::TruncatedJson(endpoint) => Some(*endpoint),
            _ => None,
        }
    }

    fn at_endpoint_from_name(name: &str) -> Option<Fault> {
        if let Some(endpoint) = name.strip_prefix("truncated-json-") {
            return Endpoint::from_name(endpoint).map(Fault::TruncatedJson);
        }
        let (kind, rest) = name.split_once('-')?;
        let (endpoint, how) = rest.split_once('-').map_or((rest, None), |(at, how)| (at, Some(how)));
        let endpoint = Endpoint::from_name(endpoint)?;
        match (kind, how) {
            ("html", None) => Some(Fault::Html(endpoint)),
            ("redirect", None) => Some(Fault::Redirect(endpoint)),
            ("status", Some(status)) => Some(Fault::Status(endpoint, status.parse().ok()?)),
            ("deliver", Some(delivery)) => Some(Fault::Deliver(endpoint, Delivery::from_name(delivery)?)),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Endpoint {
    const NAMES: [(Endpoint, &'static str); 8] = [
        (Endpoint::Discovery, "discovery"),
        (Endpoint::Jwks, "jwks"),
        (Endpoint::Token, "token"),
        (Endpoint::Userinfo, "userinfo"),
        (Endpoint::Par, "par"),
        (Endpoint::Introspection, "introspection"),
        (Endpoint::Revocation, "revocation"),
        (Endpoint::Any, "any"),
    ];

    fn from_name(name: &str) -> Option<Endpoint> {
        Endpoint::NAMES.iter().find(|(_, known)| *known == name).map(|(endpoint, _)| *endpoint)
    }

    /// Whether a fault set here shows at `other`.
    pub(crate) fn covers(self, other: Endpoint) -> bool {
        self == Endpoint::Any || self == other
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Endpoint::NAMES.iter().find(|(endpoint, _)| endpoint == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}
