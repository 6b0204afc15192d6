//! Claims: which types and values are taken, of which kind of token, and at which time.
#![cfg(feature = "rsa")]

mod kit;
mod support;

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use kit::{
    ALL, CLIENT, ISSUER, NOW, Op, access_claims, access_rules, at, base64url, id_claims, id_rules,
    logout_claims, logout_rules, merged, refusal, without,
};
use oidc_core::config::{Danger, Remember, ResponseMode};
use oidc_core::error::{Malformation, ProviderError, Segment, TokenError};
use oidc_core::guard::Policy;
use oidc_core::keys::Freshness;
use oidc_core::login::LoginState;
use oidc_core::step::{Fetch, FetchResult, Purpose};
use oidc_core::store::Memory;
use oidc_core::time::UnixTime;
use oidc_core::token::{AccessToken, TokenRules};
use oidc_core::{Callback, Claims, Config, Error, Incoming, LoginOptions, Session, Step, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};
use support::{Answer, Ask, Browser, World, config};

type Judged = Result<Claims, TokenError>;

const CLAIM_INVALID: &str = "claim_invalid";
const CLAIM_MISSING: &str = "claim_missing";

/// A kind of token: rules that take it, what its header says beside `alg` and `kid`, and good claims.
struct Kind {
    name: &'static str,
    rules: TokenRules,
    header: Value,
    claims: Value,
}

impl Kind {
    fn id() -> Self {
        Self { name: "ID token", rules: id_rules(), header: json!({}), claims: id_claims() }
    }

    fn at_jwt() -> Self {
        let header = json!({ "typ": "at+jwt" });
        Self { name: "at+jwt", rules: access_rules(), header, claims: access_claims() }
    }

    /// An access token of a provider that says nothing but what every token must say.
    fn jwt() -> Self {
        let rules = access_rules().accept(&[AccessToken::Jwt]).unwrap();
        Self { name: "jwt", rules, header: json!({}), claims: without(id_claims(), "iat") }
    }

    fn bearer_id_token() -> Self {
        let rules = access_rules().accept(&[AccessToken::IdToken]).unwrap();
        let claims = merged(id_claims(), json!({ "nonce": "n" }));
        Self { name: "ID token as bearer", rules, header: json!({ "typ": "JWT" }), claims }
    }

    fn logout() -> Self {
        let header = json!({ "typ": "logout+jwt" });
        Self { name: "logout token", rules: logout_rules(), header, claims: logout_claims() }
    }

    fn all() -> [Self; 5] {
        [Self::id(), Self::at_jwt(), Self::jwt(), Self::bearer_id_token(), Self::logout()]
    }

    fn bearers() -> [Self; 3] {
        [Self::at_jwt(), Self::jwt(), Self::bearer_id_token()]
    }

    /// The good claims with others in their place.
    fn judge(&self, op: &Op, changes: Value) -> Judged {
        self.judge_claims(op, &merged(self.claims.clone(), changes))
    }

    fn judge_claims(&self, op: &Op, claims: &Value) -> Judged {
        op.judge(&self.rules, &op.token_with(self.header.clone(), claims))
    }

    /// The good claims, one of which is any text.
    fn judge_text(&self, op: &Op, name: &str, text: &str) -> Judged {
        op.judge(&self.rules, &self.token_text(op, name, text))
    }

    fn token_text(&self, op: &Op, name: &str, text: &str) -> String {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        let others = claims.to_string();
        let header = merged(op.header(), self.header.clone());
        op.raw(&header.to_string(), &format!("{{\"{name}\":{text},{}", &others[1..]))
    }
}

/// Each kind is accepted as it is, and refused so when a claim is any of these texts.
fn assert_refused(kinds: &[Kind], claim: &'static str, texts: &[&str], code: &str) {
    let op = Op::new();
    for kind in kinds {
        assert!(kind.judge(&op, json!({})).is_ok(), "{}", kind.name);
        for text in texts {
            let judged = refusal(kind.judge_text(&op, claim, text));
            assert_eq!(judged, (code, Some(claim)), "{}: {claim} {text}", kind.name);
        }
    }
}

/// Each kind is accepted as it is, and refused so without a claim.
fn assert_needed(kinds: &[Kind], claim: &'static str, code: &str) {
    let op = Op::new();
    for kind in kinds {
        assert!(kind.judge(&op, json!({})).is_ok(), "{}", kind.name);
        let judged = refusal(kind.judge_claims(&op, &without(kind.claims.clone(), claim)));
        assert_eq!(judged, (code, Some(claim)), "{}", kind.name);
    }
}

/// Each kind is accepted with a claim that is any of these texts.
fn assert_accepted(kinds: &[Kind], claim: &str, texts: &[&str]) {
    let op = Op::new();
    for kind in kinds {
        for text in texts {
            let judged = kind.judge_text(&op, claim, text);
            assert!(judged.is_ok(), "{}: {claim} {text}: {judged:?}", kind.name);
        }
    }
}

fn after(seconds: f64) -> UnixTime {
    UnixTime::since_epoch(Duration::from_secs(NOW) + Duration::from_secs_f64(seconds))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// --- exp, nbf, iat ---

#[test]
fn c01_a_token_without_exp_is_refused() {
    assert_needed(&Kind::all(), "exp", CLAIM_MISSING);
}

#[test]
fn c02_c03_an_exp_that_is_no_number_is_refused() {
    let texts = [
        r#""4102444800""#,
        r#""""#,
        r#""2100-01-01T00:00:00Z""#,
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[4102444800]",
    ];
    assert_refused(&Kind::all(), "exp", &texts, CLAIM_INVALID);
}

#[test]
fn c04_a_fraction_of_exp_counts_and_is_not_rounded_up() {
    let op = Op::new();
    let kind = Kind::id();
    let rules = id_rules().leeway(Duration::ZERO).unwrap();
    let token = kind.token_text(&op, "exp", "1700000000.5");
    let judge = |now| rules.verify(&token, &op.keys(), now);
    assert_eq!(judge(after(0.0)).unwrap().expires_at(), Some(after(0.5)));
    assert!(judge(after(0.499)).is_ok());
    for expired in [0.5, 0.75, 1.0] {
        assert_eq!(judge(after(expired)), Err(TokenError::Expired), "{expired}");
    }
    let past = kind.token_text(&op, "exp", "1699999999.5");
    assert_eq!(rules.verify(&past, &op.keys(), after(0.0)), Err(TokenError::Expired));
}

#[test]
fn c05_exp_in_scientific_form_has_its_value() {
    let op = Op::new();
    for text in ["4e9", "4E9", "4e+9", "4.0e9", "40000000e2", "4000000000", "4000000000.0"] {
        let claims = Kind::id().judge_text(&op, "exp", text).unwrap();
        assert_eq!(claims.expires_at(), Some(at(4_000_000_000)), "{text}");
    }
    let rules = id_rules().leeway(Duration::ZERO).unwrap();
    let token = Kind::id().token_text(&op, "exp", "1.7000003e9");
    assert!(rules.verify(&token, &op.keys(), at(NOW + 299)).is_ok());
    assert_eq!(rules.verify(&token, &op.keys(), at(NOW + 300)), Err(TokenError::Expired));
}

#[test]
fn c06_an_exp_out_of_range_is_refused() {
    let texts = [
        "1e300",
        "9223372036854775808",
        "18446744073709551616",
        "1e400",
        "253402300800",
        "253402300799.5",
        "99999999999999999999999999999999999999999",
    ];
    assert_refused(&Kind::all(), "exp", &texts, CLAIM_INVALID);
    assert_accepted(&Kind::all(), "exp", &["253402300799"]);
}

#[test]
fn c07_an_exp_of_zero_is_in_the_past_and_a_negative_one_is_none() {
    let op = Op::new();
    for kind in Kind::all() {
        for text in ["0", "-0", "-0.0", "0.0", "0e9", "0.5"] {
            let judged = refusal(kind.judge_text(&op, "exp", text));
            assert_eq!(judged, ("expired", Some("exp")), "{} {text}", kind.name);
        }
    }
    assert_refused(&Kind::all(), "exp", &["-1", "-0.5", "-1e9", "-9223372036854775809"], CLAIM_INVALID);
}

#[test]
fn c08_a_token_has_expired_in_the_second_of_its_exp() {
    let op = Op::new();
    for kind in Kind::all() {
        let token = kind.token_text(&op, "exp", &(NOW + 60).to_string());
        let rules = kind.rules.leeway(Duration::ZERO).unwrap();
        assert!(rules.verify(&token, &op.keys(), after(59.999)).is_ok(), "{}", kind.name);
        assert_eq!(rules.verify(&token, &op.keys(), at(NOW + 60)), Err(TokenError::Expired), "{}", kind.name);
    }
}

#[test]
fn c09_leeway_prolongs_a_token_by_60_seconds_unless_configured_and_by_300_at_most() {
    let op = Op::new();
    for kind in Kind::all() {
        let token =
            op.token_with(kind.header.clone(), &merged(kind.claims.clone(), json!({ "exp": NOW + 30 })));
        let ends = |rules: &TokenRules, end: u64| {
            assert!(rules.verify(&token, &op.keys(), at(end - 1)).is_ok(), "{} {end}", kind.name);
            assert_eq!(rules.verify(&token, &op.keys(), at(end)), Err(TokenError::Expired), "{}", kind.name);
        };
        ends(&kind.rules, NOW + 30 + 60);
        ends(&kind.rules.clone().leeway(seconds(10)).unwrap(), NOW + 30 + 10);
        if kind.name != "logout token" {
            ends(&kind.rules.clone().leeway(seconds(300)).unwrap(), NOW + 30 + 300);
        }
        let error = kind.rules.leeway(Duration::from_millis(300_001)).unwrap_err();
        assert_eq!(error.setting(), "leeway");
    }
    let built = |leeway| config().leeway(seconds(leeway)).build().map(drop).map_err(|error| error.setting());
    assert_eq!((built(300), built(301)), (Ok(()), Err("leeway")));
}

#[test]
fn c10_a_token_is_not_taken_before_its_nbf() {
    let op = Op::new();
    for kind in Kind::all() {
        for text in ["1700000061", "1700000060.5", "1800000000"] {
            let judged = refusal(kind.judge_text(&op, "nbf", text));
            assert_eq!(judged, ("not_yet_valid", Some("nbf")), "{} {text}", kind.name);
        }
    }
    assert_accepted(&Kind::all(), "nbf", &["1700000060", "1700000000", "0"]);
}

#[test]
fn c11_an_nbf_of_a_wrong_type_or_range_is_refused_although_it_may_be_absent() {
    let texts = [
        r#""1700000000""#,
        r#""""#,
        "null",
        "1e300",
        "1e400",
        "-1",
        "true",
        "[]",
        "{}",
        "9223372036854775808",
    ];
    assert_refused(&Kind::all(), "nbf", &texts, CLAIM_INVALID);
}

#[test]
fn c12_an_iat_in_the_future_is_refused() {
    assert_refused(&Kind::all(), "iat", &["1700086400", "1700000061", "1700000060.5"], CLAIM_INVALID);
    assert_accepted(&Kind::all(), "iat", &["1700000060", "1700000000"]);
}

#[test]
fn c13_an_id_token_without_iat_is_refused() {
    assert_needed(&[Kind::id(), Kind::bearer_id_token(), Kind::logout()], "iat", CLAIM_MISSING);
    assert_refused(&Kind::all(), "iat", &["null", r#""1700000000""#, "1e300", "-1", "[]"], CLAIM_INVALID);
}

#[test]
fn c14_a_token_older_than_the_configured_age_is_refused_and_must_tell_its_age() {
    let op = Op::new();
    for mut kind in [Kind::id(), Kind::at_jwt(), Kind::jwt(), Kind::bearer_id_token()] {
        kind.claims = merged(kind.claims, json!({ "iat": NOW - 3600, "exp": NOW + 3600 }));
        assert!(kind.judge(&op, json!({})).is_ok(), "{}: no limit unless configured", kind.name);
        kind.rules = kind.rules.max_token_age(seconds(600));
        for (iat, accepted) in [(NOW, true), (NOW - 660, true), (NOW - 661, false), (NOW - 3600, false)] {
            match kind.judge(&op, json!({ "iat": iat })) {
                Ok(_) => assert!(accepted, "{} {iat}", kind.name),
                judged => {
                    assert_eq!(refusal(judged), (CLAIM_INVALID, Some("iat")), "{} {iat}", kind.name);
                    assert!(!accepted, "{} {iat}", kind.name);
                }
            }
        }
        let judged = refusal(kind.judge_claims(&op, &without(kind.claims.clone(), "iat")));
        assert_eq!(judged, (CLAIM_MISSING, Some("iat")), "{}", kind.name);
    }
}

#[test]
fn c14_the_configured_age_holds_for_bearer_tokens_remembered_ones_and_sign_ins() {
    for settings in [config(), config().remember_tokens(Remember::new().max_age(seconds(100_000)))] {
        let mut world = World::with(settings.max_token_age(seconds(600)));
        let token = world.access_token();
        world.pass(660);
        assert_eq!(world.bearer(&token).sub(), Some("ada"));
        assert_eq!(world.bearer(&token).sub(), Some("ada"));
        world.pass(1);
        assert_eq!(world.bearer(&token).code(), CLAIM_INVALID);
    }
    let mut world = World::with(config().max_token_age(seconds(600)));
    for (iat, expected) in [(NOW - 660, None), (NOW - 661, Some("iat"))] {
        let attempt = Attempt::start(&mut world, LoginOptions::default());
        let finished = attempt.finish(&mut world, json!({ "iat": iat }));
        assert_eq!(finished.as_ref().err().map(claim_of), expected.map(|claim| (CLAIM_INVALID, Some(claim))));
    }
}

// --- iss, aud, azp, sub ---

#[test]
fn c15_a_token_without_one_issuer_is_refused() {
    assert_needed(&Kind::all(), "iss", CLAIM_INVALID);
    let texts = [
        "null",
        "5",
        "true",
        "{}",
        "[]",
        r#"["https://op.example"]"#,
        r#"["https://evil.example","https://op.example"]"#,
        r#"["https://op.example","https://evil.example"]"#,
        r#"{"https://op.example":1}"#,
    ];
    assert_refused(&Kind::all(), "iss", &texts, CLAIM_INVALID);
}

#[test]
fn c16_an_issuer_that_only_means_the_same_is_refused() {
    let texts = [
        "https://op.example/",
        "https://OP.example",
        "HTTPS://op.example",
        "https://op.example:443",
        "https://op.example/.",
        "https://op.example/a/..",
        "https://op%2Eexample",
        "https://%6fp.example",
        "https://op.example#",
        "https://op.example?",
        "https://@op.example",
        "https://op.example.",
        " https://op.example",
        "https://op.example\n",
        "https:\\\\op.example",
        "op.example",
        "http://op.example",
        "https://op.ex\u{430}mple",
        "https://op.example\0",
    ]
    .map(|iss| json!(iss).to_string());
    assert_refused(&Kind::all(), "iss", &texts.each_ref().map(String::as_str), CLAIM_INVALID);

    let op = Op::new();
    let rules = TokenRules::id("https://op.example/Tenant/", CLIENT).unwrap();
    for (iss, accepted) in [
        ("https://op.example/Tenant/", true),
        ("https://op.example/Tenant", false),
        ("https://op.example/tenant/", false),
        ("https://op.example/%54enant/", false),
        ("https://op.example//Tenant/", false),
        ("https://op.example/x/../Tenant/", false),
    ] {
        let judged = op.judge(&rules, &op.token(&merged(id_claims(), json!({ "iss": iss }))));
        assert_eq!(judged.is_ok(), accepted, "{iss}");
    }
    let escaped = Kind::id().judge_text(&op, "iss", r#""https:\/\/op.ex\u0061mple""#);
    assert_eq!(escaped.unwrap().iss(), ISSUER, "JSON's own escapes are another way to write the same text");
}

#[test]
fn c17_a_part_of_the_issuer_or_more_than_it_is_refused() {
    let texts = [
        "https://op.exampl",
        "https://",
        "h",
        "",
        "op.example",
        "://op",
        "https://op.example.evil.example",
        "https://op.example@evil.example",
        "https://op.example/tenant",
        "https://evil.example/https://op.example",
        "xhttps://op.example",
        "https://op.examplehttps://op.example",
    ]
    .map(|iss| json!(iss).to_string());
    assert_refused(&Kind::all(), "iss", &texts.each_ref().map(String::as_str), CLAIM_INVALID);
}

const TEMPLATE: &str = "https://op.example/{tenantid}/v2.0";
const TENANT: &str = "https://op.example/contoso/v2.0";

#[test]
fn c18_a_template_is_no_issuer_of_the_configuration() {
    for issuer in [TEMPLATE, "https://op.example/{}", "https://op.example/a}", "https://op.example/{a"] {
        let builders = [support::config_for(issuer), Config::resource_server(issuer, "api")];
        for builder in builders {
            assert_eq!(builder.build().unwrap_err().setting(), "issuer", "{issuer}");
        }
        for rules in [TokenRules::id, TokenRules::access, TokenRules::logout] {
            assert_eq!(rules(issuer, CLIENT).unwrap_err().setting(), "issuer", "{issuer}");
        }
    }
    assert!(support::config_for(TENANT).build().is_ok() && TokenRules::id(TENANT, CLIENT).is_ok());
}

#[test]
fn c18_a_template_in_a_token_stands_for_no_tenant() {
    let op = Op::new();
    let rules = TokenRules::id(TENANT, CLIENT).unwrap();
    for (iss, accepted) in [
        (TENANT, true),
        (TEMPLATE, false),
        ("https://op.example/%7Btenantid%7D/v2.0", false),
        ("https://op.example/*/v2.0", false),
        ("https://op.example/fabrikam/v2.0", false),
    ] {
        let judged =
            op.judge(&rules, &op.token(&merged(id_claims(), json!({ "iss": iss, "tid": "contoso" }))));
        match judged {
            Ok(_) => assert!(accepted, "{iss}"),
            judged => assert_eq!((refusal(judged), accepted), ((CLAIM_INVALID, Some("iss")), false), "{iss}"),
        }
    }
}

#[test]
fn c18_metadata_whose_issuer_is_a_template_is_refused() {
    for (issuer, code) in [(TENANT, None), (TEMPLATE, Some("issuer_mismatch"))] {
        let mut world = World::with(support::config_for(TENANT));
        let client = world.client();
        let step = client.begin_login(LoginOptions::default(), world.now);
        let begun = carry(&mut world, step, |fetch, world| {
            let mut metadata = world.send(fetch).unwrap();
            let mut document: Value = serde_json::from_slice(metadata.body()).unwrap();
            document["issuer"] = issuer.into();
            *metadata.body_mut() = document.to_string().into_bytes();
            Ok(metadata)
        });
        assert_eq!(begun.err().map(|error| error.code()), code);
    }
}

#[test]
fn c19_a_token_without_audience_is_refused() {
    assert_needed(&Kind::all(), "aud", CLAIM_INVALID);
    assert_refused(&Kind::all(), "aud", &["null"], CLAIM_INVALID);
}

#[test]
fn c20_an_audience_that_is_not_exactly_ours_is_refused() {
    let texts = [
        "other",
        "Web",
        "WEB",
        "we",
        "webb",
        "web2",
        "",
        " web",
        "web ",
        "web other",
        "other web",
        "web,other",
    ]
    .map(|aud| json!(aud).to_string());
    assert_refused(&Kind::all(), "aud", &texts.each_ref().map(String::as_str), CLAIM_INVALID);
    assert_refused(&Kind::all(), "aud", &[r#"["other"]"#, r#"["Web","web other"]"#], CLAIM_INVALID);
}

#[test]
fn c21_an_array_of_audiences_that_has_ours_is_accepted() {
    let op = Op::new();
    for kind in Kind::all() {
        assert_eq!(kind.judge(&op, json!({ "aud": ["web"] })).unwrap().aud(), ["web"], "{}", kind.name);
    }
    for kind in [Kind::at_jwt(), Kind::jwt()] {
        for aud in [json!(["other", "web"]), json!(["web", "other"]), json!(["web", "web"])] {
            let claims = kind.judge(&op, json!({ "aud": aud })).unwrap();
            assert_eq!(json!(claims.aud()), aud, "{}", kind.name);
        }
    }
}

#[test]
fn c22_an_audience_of_a_wrong_type_is_refused() {
    let texts = [
        "[]",
        r#"[["web"]]"#,
        r#"{"web":true}"#,
        r#"["web",5]"#,
        r#"["web",null]"#,
        r#"["web",["other"]]"#,
        r#"[{"web":1},"web"]"#,
        "5",
        "true",
        "{}",
    ];
    assert_refused(&Kind::all(), "aud", &texts, CLAIM_INVALID);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it is measured how long this takes")]
fn c23_audiences_are_bounded_by_the_size_of_the_token() {
    let op = Op::new();
    let many = |count: usize, last: &str| {
        let mut all = vec![""; count];
        all.push(last);
        json!({ "aud": all })
    };
    let started = std::time::Instant::now();
    for kind in Kind::all() {
        assert_eq!(refusal(kind.judge(&op, many(10_000, "web"))), ("too_large", None), "{}", kind.name);
        let other = refusal(kind.judge(&op, many(3_900, "other")));
        assert_eq!(other, (CLAIM_INVALID, Some("aud")), "{}", kind.name);
    }
    for kind in [Kind::at_jwt(), Kind::jwt()] {
        assert_eq!(kind.judge(&op, many(3_900, "web")).unwrap().aud().len(), 3_901, "{}", kind.name);
    }
    assert!(started.elapsed() < seconds(2), "{:?}", started.elapsed());
}

#[test]
fn c24_an_id_token_for_others_too_is_refused_unless_these_are_trusted() {
    let op = Op::new();
    let judge = |rules: &TokenRules, aud: Value, azp: Option<&str>| {
        let mut claims = merged(id_claims(), json!({ "aud": aud }));
        if let Some(azp) = azp {
            claims["azp"] = azp.into();
        }
        op.judge(rules, &op.token(&claims))
    };
    let trusting = id_rules().also_audience("api").also_audience("reports");
    for azp in [None, Some("web")] {
        for aud in [json!(["web", "api"]), json!(["api", "web"])] {
            assert_eq!(
                refusal(judge(&id_rules(), aud.clone(), azp)),
                (CLAIM_INVALID, Some("aud")),
                "{azp:?}"
            );
            assert!(judge(&trusting, aud, azp).is_ok(), "{azp:?}");
        }
        for untrusted in [json!(["web", "api", "other"]), json!(["web", "API"]), json!(["web", ""])] {
            assert_eq!(refusal(judge(&trusting, untrusted, azp)), (CLAIM_INVALID, Some("aud")), "{azp:?}");
        }
        assert!(judge(&id_rules(), json!(["web", "web"]), azp).is_ok(), "{azp:?}");
    }
    let trusted_alone = judge(&trusting, json!(["api"]), None);
    assert_eq!(refusal(trusted_alone), (CLAIM_INVALID, Some("aud")), "trusted beside us, not in our place");
    let bearer = Kind::bearer_id_token();
    assert_eq!(refusal(bearer.judge(&op, json!({ "aud": ["web", "api"] }))), (CLAIM_INVALID, Some("aud")));
}

#[test]
fn c25_an_azp_that_is_not_ours_is_refused() {
    let kinds = || [Kind::id(), Kind::bearer_id_token()];
    let texts =
        [r#""other""#, r#""Web""#, r#""we""#, r#""web ""#, r#""""#, "null", "5", r#"["web"]"#, "true", "{}"];
    assert_refused(&kinds(), "azp", &texts, CLAIM_INVALID);
    assert_accepted(&kinds(), "azp", &[r#""web""#]);
    let op = Op::new();
    let claims = merged(id_claims(), json!({ "aud": ["web", "api"], "azp": "api" }));
    let judged = op.judge(&id_rules().also_audience("api"), &op.token(&claims));
    assert_eq!(refusal(judged), (CLAIM_INVALID, Some("azp")), "a trusted audience is no authorized party");
}

#[test]
fn c26_a_subject_that_is_absent_empty_too_long_or_no_text_is_refused() {
    let kinds = || {
        let mut logout = Kind::logout();
        logout.claims = without(logout.claims, "sid");
        [Kind::id(), Kind::jwt(), Kind::bearer_id_token(), logout]
    };
    assert_needed(&kinds(), "sub", CLAIM_INVALID);
    let quoted = |text: String| format!("\"{text}\"");
    let (longest, longer) = (quoted("a".repeat(255)), quoted("a".repeat(256)));
    let (longest_bytes, longer_bytes) = (quoted("é".repeat(127) + "a"), quoted("é".repeat(128)));
    let texts = [r#""""#, "5", "1.5", "null", "true", "[]", r#"["ada"]"#, "{}", &longer, &longer_bytes];
    assert_refused(&kinds(), "sub", &texts, CLAIM_INVALID);
    assert_refused(&[Kind::at_jwt(), Kind::logout()], "sub", &texts, CLAIM_INVALID);
    assert_accepted(&Kind::all(), "sub", &[&longest, &longest_bytes, r#""a""#, r#"" ""#]);
}

/// A subject that would end a line, a header or a string, and one that would turn a line round.
const ODD_SUBJECTS: [&str; 5] =
    ["ada\r\nset-cookie: a=b", "ada\0", "\u{202e}ada\u{2066}", "\u{1b}[31mada\u{7f}", "<b>\"ada\"</b>\\"];

#[test]
fn c27_an_odd_subject_is_kept_byte_for_byte() {
    let op = Op::new();
    for sub in ODD_SUBJECTS {
        for kind in Kind::all() {
            let claims = kind.judge(&op, json!({ "sub": sub })).unwrap();
            assert_eq!(claims.sub().unwrap().as_bytes(), sub.as_bytes(), "{}", kind.name);
        }
    }
}

#[test]
fn c27_an_odd_subject_is_shown_escaped_and_stands_in_no_header() {
    let harmless = |text: &str| {
        let odd = |char: char| {
            char.is_control() || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        !text.contains(odd)
    };
    for sub in ODD_SUBJECTS {
        let mut world = World::new();
        let request = oidc_dev_provider::AccessTokenRequest {
            sub: sub.into(),
            client_id: CLIENT.into(),
            audience: CLIENT.into(),
            ..Default::default()
        };
        let token = world.provider.access_token(request, NOW);
        let identity = world.bearer(&token).identity.unwrap();
        assert_eq!(identity.sub().as_bytes(), sub.as_bytes());
        let shown = [format!("{identity:?}"), format!("{:?}", identity.claims())];
        assert!(shown.iter().all(|shown| shown.contains("ada") && harmless(shown)), "{shown:?}");

        let attempt = Attempt::start(&mut world, LoginOptions::default());
        let session = attempt.finish(&mut world, json!({ "sub": sub })).unwrap();
        assert_eq!(session.sub(), sub);
        assert!(harmless(&format!("{session:?}")), "{session:?}");

        let mut browser = Browser::default();
        let answer = AtGuard::new(json!({ "sub": sub })).sign_in(&mut world, &mut browser);
        assert_eq!(answer.status(), 303, "{sub:?} {}", answer.code());
        for (name, value) in &answer.headers {
            assert!(value.to_str().is_ok_and(|value| !value.contains("ada")), "{name}");
        }
        assert_eq!(answer.all("set-cookie").iter().filter(|cookie| cookie.starts_with("a=b")).count(), 0);
        let page = browser.open(&mut world, "/");
        assert_eq!(page.sub(), Some(sub));
    }
}

// --- nonce, at_hash, auth_time, acr ---

/// A fetch is answered by `answer`, which may ask the provider.
fn carry<T>(world: &mut World, mut step: Step<T>, answer: impl Fn(Fetch, &mut World) -> FetchResult) -> T {
    loop {
        step = match step {
            Step::Done(value) => return value,
            Step::Fetch(fetch, reply) => {
                let result = answer(fetch, world);
                reply.resume(result, world.now)
            }
            other => panic!("{other:?}"),
        };
    }
}

fn json_answer(body: &Value) -> FetchResult {
    let answer = http::Response::builder().header("content-type", "application/json");
    Ok(answer.body(body.to_string().into_bytes()).unwrap())
}

const ACCESS_TOKEN: &str = "the-access-token";

fn token_response(id_token: &str) -> FetchResult {
    json_answer(&json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": id_token }))
}

/// The value of a parameter of the authorization request.
fn parameter(url: &url::Url, name: &str) -> String {
    url.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned()
}

fn signed(world: &World, header: Value, claims: &Value) -> String {
    let kid = world.provider.current_kid();
    world.provider.sign(&merged(json!({ "alg": "RS256", "kid": kid }), header), claims)
}

/// A sign-in at the client that is under way, whose ID token a test makes up.
#[derive(Clone)]
struct Attempt {
    login: LoginState,
    state: String,
    nonce: String,
}

impl Attempt {
    fn start(world: &mut World, options: LoginOptions) -> Self {
        let client = world.client();
        let redirect = world.run(|now| client.begin_login(options, now)).unwrap();
        let (state, nonce) = (parameter(&redirect.url, "state"), parameter(&redirect.url, "nonce"));
        Self { login: redirect.login, state, nonce }
    }

    /// What a good ID token of this sign-in says.
    fn claims(&self) -> Value {
        merged(id_claims(), json!({ "nonce": self.nonce }))
    }

    /// Finishes it with an ID token of these claims in place of good ones.
    fn finish(self, world: &mut World, changes: Value) -> Result<Session, Error> {
        let id_token = signed(world, json!({}), &merged(self.claims(), changes));
        self.finish_with(world, &id_token)
    }

    fn finish_with(self, world: &mut World, id_token: &str) -> Result<Session, Error> {
        let query = format!("code=c&state={}&iss={ISSUER}", self.state);
        let step = world.client().finish_login(self.login, Callback::parse(&query).unwrap(), world.now);
        carry(world, step, |fetch, world| match fetch.purpose {
            Purpose::Token => token_response(id_token),
            _ => world.send(fetch),
        })
    }
}

/// Code and claim of a refused ID token of a sign-in.
fn claim_of(error: &Error) -> (&'static str, Option<&'static str>) {
    match error {
        Error::Provider(ProviderError::IdToken(token)) => (error.code(), token.claim()),
        other => (other.code(), None),
    }
}

fn refused(finished: Result<Session, Error>) -> (&'static str, Option<&'static str>) {
    claim_of(&finished.expect_err("it is to be refused"))
}

#[test]
fn c28_an_id_token_without_the_nonce_that_was_sent_is_refused() {
    let op = Op::new();
    let rules = id_rules().nonce("n-1");
    assert!(op.judge(&rules, &op.token(&merged(id_claims(), json!({ "nonce": "n-1" })))).is_ok());
    assert_eq!(refusal(op.judge(&rules, &op.token(&id_claims()))), (CLAIM_INVALID, Some("nonce")));
    for nonce in [json!(null), json!(1), json!(["n-1"]), json!(true), json!("")] {
        let token = op.token(&merged(id_claims(), json!({ "nonce": nonce })));
        assert_eq!(refusal(op.judge(&rules, &token)), (CLAIM_INVALID, Some("nonce")), "{nonce}");
    }
    let mut world = World::new();
    let attempt = Attempt::start(&mut world, LoginOptions::default());
    let id_token = signed(&world, json!({}), &without(attempt.claims(), "nonce"));
    assert_eq!(refused(attempt.finish_with(&mut world, &id_token)), (CLAIM_INVALID, Some("nonce")));
    let attempt = Attempt::start(&mut world, LoginOptions::default());
    assert_eq!(attempt.finish(&mut world, json!({})).unwrap().sub(), "ada");
}

#[test]
fn c29_a_nonce_of_another_sign_in_is_refused() {
    let mut world = World::new();
    let one = Attempt::start(&mut world, LoginOptions::default());
    let other = Attempt::start(&mut world, LoginOptions::default());
    assert_ne!(one.nonce, other.nonce);
    let finished = one.finish(&mut world, json!({ "nonce": other.nonce }));
    assert_eq!(refused(finished), (CLAIM_INVALID, Some("nonce")));
    assert!(other.finish(&mut world, json!({})).is_ok());
}

#[test]
fn c29_neither_a_callback_nor_an_id_token_serves_twice() {
    let mut world = World::new();
    let attempt = Attempt::start(&mut world, LoginOptions::default());
    let id_token = signed(&world, json!({}), &attempt.claims());
    assert!(attempt.clone().finish_with(&mut world, &id_token).is_ok());
    assert_eq!(refused(attempt.finish_with(&mut world, &id_token)), ("state_mismatch", None));
    let next = Attempt::start(&mut world, LoginOptions::default());
    assert_eq!(refused(next.finish_with(&mut world, &id_token)), (CLAIM_INVALID, Some("nonce")));
}

/// That no part of it is compared by an operator, which may stop at the first difference, `secrets.rs` sees to.
#[test]
fn c30_a_nonce_is_compared_whole_and_byte_for_byte() {
    let op = Op::new();
    for (expected, others) in [
        (
            "abcdef",
            &["abcde", "abcdefg", "bcdef", "ABCDEF", "abcdeF", " abcdef", "abcdef ", "abcdef\0", ""][..],
        ),
        ("10", &["010", "1e1", "10.0", "+10", "9", "1 0"]),
        ("file2", &["file02", "file10", "file1"]),
        ("\u{e9}", &["e\u{301}", "e"]),
        ("stra\u{df}e", &["strasse"]),
    ] {
        let rules = id_rules().nonce(expected);
        let judge =
            |nonce: &str| op.judge(&rules, &op.token(&merged(id_claims(), json!({ "nonce": nonce }))));
        assert!(judge(expected).is_ok(), "{expected}");
        for other in others {
            assert_eq!(refusal(judge(other)), (CLAIM_INVALID, Some("nonce")), "{expected} {other:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn c30_of_two_nonces_only_the_same_one_is_taken(one in "[ab0 ]{0,3}", other in "[ab0 ]{0,3}") {
        let op = Op::new();
        let token = op.token(&merged(id_claims(), json!({ "nonce": one })));
        prop_assert_eq!(op.judge(&id_rules().nonce(&other), &token).is_ok(), one == other);
    }
}

/// The hash that goes with an algorithm.
fn hash(algorithm: &str) -> Vec<u8> {
    match algorithm {
        "RS256" => Sha256::digest(ACCESS_TOKEN).to_vec(),
        "RS384" => Sha384::digest(ACCESS_TOKEN).to_vec(),
        "RS512" => Sha512::digest(ACCESS_TOKEN).to_vec(),
        other => panic!("{other}"),
    }
}

fn half(algorithm: &str) -> String {
    let hash = hash(algorithm);
    base64url(&hash[..hash.len() / 2])
}

#[test]
fn c31_an_at_hash_that_is_not_the_access_tokens_is_refused() {
    let mut world = World::with(config().algorithms(&ALL));
    let algorithms = ALL.map(oidc_core::jose::Algorithm::name);
    for algorithm in algorithms {
        let mut finish = |at_hash: Value| {
            let attempt = Attempt::start(&mut world, LoginOptions::default());
            let claims = merged(attempt.claims(), json!({ "at_hash": at_hash }));
            let id_token = signed(&world, json!({ "alg": algorithm }), &claims);
            attempt.finish_with(&mut world, &id_token)
        };
        let right = half(algorithm);
        assert!(finish(json!(right)).is_ok(), "{algorithm}");
        let whole = hash(algorithm);
        let mut wrong = vec![
            json!(base64url(&whole)),
            json!(base64url(&whole[whole.len() / 2..])),
            json!(base64url(&whole[..whole.len() / 2 - 1])),
            json!(&right[..right.len() - 1]),
            json!(format!("{right}A")),
            json!(format!("{right}=")),
            json!(right.to_ascii_lowercase()),
            json!("A".repeat(right.len())),
            json!(""),
            json!(null),
            json!(5),
            json!([right]),
        ];
        wrong.extend(algorithms.iter().filter(|other| **other != algorithm).map(|other| json!(half(other))));
        for at_hash in wrong {
            let finished = finish(at_hash.clone());
            assert_eq!(refused(finished), (CLAIM_INVALID, Some("at_hash")), "{algorithm} {at_hash}");
        }
    }
}

#[test]
fn c31_an_at_hash_under_an_algorithm_whose_hash_is_not_known_is_refused() {
    for algorithm in ["none", "HS256", "ES256", "PS256", "EdDSA", "RS256K", "RS1", "rs256"] {
        let mut world = World::with(config().algorithms(&ALL));
        let attempt = Attempt::start(&mut world, LoginOptions::default());
        let claims = merged(attempt.claims(), json!({ "at_hash": half("RS256") }));
        let id_token = signed(&world, json!({ "alg": algorithm }), &claims);
        let finished = attempt.finish_with(&mut world, &id_token);
        assert_eq!(refused(finished), ("algorithm_not_allowed", None), "{algorithm}");
    }
}

#[test]
fn c32_an_id_token_without_at_hash_is_accepted() {
    let mut world = World::new();
    let attempt = Attempt::start(&mut world, LoginOptions::default());
    assert!(attempt.claims().get("at_hash").is_none());
    assert_eq!(attempt.finish(&mut world, json!({})).unwrap().sub(), "ada");
}

#[test]
fn c33_a_callback_with_a_token_of_the_front_channel_is_refused_before_any_token_request() {
    for token in ["id_token", "access_token"] {
        for value in ["x", "", "a.b.c"] {
            for mode in [ResponseMode::Query, ResponseMode::FormPost] {
                let mut world = World::with(config().response_mode(mode));
                let mut browser = Browser::default();
                let callback = |world: &mut World, browser: &mut Browser, more: &str| {
                    let url = browser.ask(world, Ask::get("/profile").page().required()).location();
                    assert_eq!(parameter(&url, "response_type"), "code");
                    let text = format!("code=c&state={}&iss={ISSUER}{more}", parameter(&url, "state"));
                    let ask = match mode {
                        ResponseMode::Query => Ask::get(&format!("/callback?{text}")),
                        _ => Ask::form("/callback", text),
                    };
                    browser.ask(world, ask.page())
                };
                let answer = callback(&mut world, &mut browser, &format!("&{token}={value}"));
                let seen = (answer.status(), answer.code());
                assert_eq!(seen, (400, "malformed_callback".to_owned()), "{mode:?} {token}");
                assert!(!browser.has_session());
                assert_eq!(world.provider.requests("/token"), 0);
                callback(&mut world, &mut browser, "");
                assert_eq!(world.provider.requests("/token"), 1, "without it the code is redeemed");
            }
        }
    }
}

#[test]
fn c34_a_sign_in_that_is_older_than_max_age_allows_is_refused() {
    let mut world = World::new();
    let options = |max_age: u64| LoginOptions { max_age: Some(seconds(max_age)), ..LoginOptions::default() };
    for (max_age, auth_time, accepted) in [
        (600, json!(NOW), true),
        (600, json!(NOW - 660), true),
        (600, json!(NOW - 661), false),
        (600, json!(NOW - 660).as_f64().map(|time| json!(time - 0.5)).unwrap(), false),
        (0, json!(NOW - 60), true),
        (0, json!(NOW - 61), false),
        (600, json!(NOW + 60), true),
        (600, json!(NOW + 61), false),
        (600, json!(0), false),
        (600, json!(NOW.to_string()), false),
        (600, json!(null), false),
        (600, json!(true), false),
        (600, json!([NOW]), false),
    ] {
        let attempt = Attempt::start(&mut world, options(max_age));
        match attempt.finish(&mut world, json!({ "auth_time": auth_time })) {
            Ok(_) => assert!(accepted, "{max_age} {auth_time}"),
            Err(error) => {
                assert_eq!(claim_of(&error), (CLAIM_INVALID, Some("auth_time")), "{max_age} {auth_time}");
                assert!(!accepted, "{max_age} {auth_time}");
            }
        }
    }
    let missing = Attempt::start(&mut world, options(600)).finish(&mut world, json!({}));
    assert_eq!(refused(missing), (CLAIM_INVALID, Some("auth_time")));
    let unasked = Attempt::start(&mut world, LoginOptions::default());
    assert!(unasked.finish(&mut world, json!({ "auth_time": NOW - 1_000_000 })).is_ok());
    let rules = id_rules().max_age(seconds(600));
    let op = Op::new();
    assert_eq!(refusal(op.judge(&rules, &op.token(&id_claims()))), (CLAIM_INVALID, Some("auth_time")));
}

#[test]
fn c35_an_acr_that_is_none_of_the_essential_ones_is_refused() {
    let mut world = World::new();
    let essential = |acr: Value| LoginOptions {
        claims: Some(json!({ "id_token": { "acr": acr } })),
        ..LoginOptions::default()
    };
    let two = || essential(json!({ "essential": true, "values": ["high", "higher"] }));
    let one = || essential(json!({ "essential": true, "value": "high" }));
    for (options, acr, accepted) in [
        (two(), json!({ "acr": "high" }), true),
        (two(), json!({ "acr": "higher" }), true),
        (two(), json!({ "acr": "low" }), false),
        (two(), json!({ "acr": "HIGH" }), false),
        (two(), json!({ "acr": "hig" }), false),
        (two(), json!({ "acr": "high higher" }), false),
        (two(), json!({ "acr": "" }), false),
        (two(), json!({ "acr": null }), false),
        (two(), json!({ "acr": ["high"] }), false),
        (two(), json!({}), false),
        (one(), json!({ "acr": "high" }), true),
        (one(), json!({ "acr": "higher" }), false),
        (essential(json!({ "essential": true })), json!({ "acr": "low" }), true),
        (essential(json!({ "essential": true })), json!({}), false),
        (essential(json!({ "values": ["high"] })), json!({ "acr": "low" }), true),
    ] {
        let attempt = Attempt::start(&mut world, options.clone());
        match attempt.finish(&mut world, acr.clone()) {
            Ok(_) => assert!(accepted, "{:?} {acr}", options.claims),
            Err(error) => {
                assert_eq!(claim_of(&error), (CLAIM_INVALID, Some("acr")), "{:?} {acr}", options.claims);
                assert!(!accepted, "{:?} {acr}", options.claims);
            }
        }
    }
}

// --- kinds of token ---

const WRONG_TYPE: (&str, Option<&str>) = ("wrong_type", None);

#[test]
fn c36_an_id_token_is_no_bearer_token_unless_configured() {
    let mut world = World::new();
    let attempt = Attempt::start(&mut world, LoginOptions::default());
    let session = attempt.finish(&mut world, json!({ "at_hash": half("RS256") })).unwrap();
    let id_token = session.id_token().expose();
    for (kinds, code) in [
        (&[AccessToken::AtJwt][..], "wrong_type"),
        (&[AccessToken::Jwt], "wrong_type"),
        (&[AccessToken::AtJwt, AccessToken::Jwt], "wrong_type"),
        (&[AccessToken::IdToken], ""),
    ] {
        let mut world = World::with(config().bearer(kinds));
        let answer = world.bearer(id_token);
        assert_eq!(answer.code(), code, "{kinds:?}");
        assert_eq!(answer.status(), if code.is_empty() { 0 } else { 401 }, "{kinds:?}");
        assert_eq!(answer.sub(), code.is_empty().then_some("ada"), "{kinds:?}");
    }
}

#[test]
fn c36_a_token_for_the_client_is_none_for_an_api_of_another_name() {
    let op = Op::new();
    let rules = TokenRules::access(ISSUER, "my-api").unwrap();
    let api = json!({ "aud": "my-api" });
    let typed = json!({ "typ": "at+jwt" });
    let judge = |header: &Value, claims: &Value| op.judge(&rules, &op.token_with(header.clone(), claims));
    assert!(judge(&typed, &merged(access_claims(), api.clone())).is_ok());
    assert_eq!(refusal(judge(&typed, &access_claims())), (CLAIM_INVALID, Some("aud")));
    for typ in [json!({}), json!({ "typ": "JWT" })] {
        assert_eq!(refusal(judge(&typ, &merged(access_claims(), api.clone()))), WRONG_TYPE);
        for mark in ["nonce", "at_hash", "c_hash"] {
            let marked = merged(merged(access_claims(), api.clone()), json!({ mark: "x" }));
            assert_eq!(refusal(judge(&typ, &marked)), WRONG_TYPE, "{mark}");
            let loose = rules.clone().accept(&[AccessToken::Jwt]).unwrap();
            let judged = op.judge(&loose, &op.token_with(typ.clone(), &marked));
            assert_eq!(refusal(judged), WRONG_TYPE, "{mark}");
        }
    }
}

#[test]
fn c37_an_access_token_is_no_id_token() {
    let op = Op::new();
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        let token = op.token_with(json!({ "typ": typ }), &merged(access_claims(), json!({ "nonce": "n" })));
        assert_eq!(refusal(op.judge(&id_rules().nonce("n"), &token)), WRONG_TYPE, "{typ}");
        assert_eq!(refusal(op.judge(&logout_rules(), &token)), WRONG_TYPE, "{typ}");
    }
    let mut world = World::new();
    let attempt = Attempt::start(&mut world, LoginOptions::default());
    let access_token = world.access_token();
    assert_eq!(refused(attempt.finish_with(&mut world, &access_token)), WRONG_TYPE);
}

#[test]
fn c38_a_logout_token_is_neither_id_token_nor_access_token() {
    let op = Op::new();
    for kind in [Kind::id(), Kind::at_jwt(), Kind::jwt(), Kind::bearer_id_token()] {
        for typ in ["logout+jwt", "LOGOUT+JWT", "application/logout+jwt"] {
            let token = op.token_with(json!({ "typ": typ }), &kind.claims);
            assert_eq!(refusal(op.judge(&kind.rules, &token)), WRONG_TYPE, "{} {typ}", kind.name);
        }
        let events = logout_claims()["events"].clone();
        for events in [events, json!({}), json!(null), json!("x")] {
            let judged = refusal(kind.judge(&op, json!({ "events": events })));
            assert_eq!(judged, WRONG_TYPE, "{} {events}", kind.name);
        }
    }
    let mut world = World::new();
    let attempt = Attempt::start(&mut world, LoginOptions::default());
    let claims = merged(attempt.claims(), logout_claims());
    let logout_token = signed(&world, json!({ "typ": "logout+jwt" }), &claims);
    assert_eq!(refused(attempt.finish_with(&mut world, &logout_token)), WRONG_TYPE);
    assert_eq!(world.bearer(&logout_token).code(), "wrong_type");
}

#[test]
fn c39_typ_is_a_media_type_in_any_case_and_may_be_absent() {
    let op = Op::new();
    let judge = |typ: &str| op.judge(&id_rules(), &op.token_with(json!({ "typ": typ }), &id_claims()));
    assert!(op.judge(&id_rules(), &op.token(&id_claims())).is_ok(), "absent");
    for typ in ["jwt", "JWT", "Jwt", "application/jwt", "application/JWT", "APPLICATION/JWT"] {
        assert!(judge(typ).is_ok(), "{typ}");
    }
    for typ in [
        "",
        "JOSE",
        "jwt ",
        " jwt",
        "text/jwt",
        "applicatiom/jwt",
        "application/application/jwt",
        "/jwt",
        "xjwt",
        "id+jwt",
    ] {
        assert_eq!(refusal(judge(typ)), WRONG_TYPE, "{typ:?}");
    }
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "APPLICATION/at+JWT"] {
        let token = op.token_with(json!({ "typ": typ }), &access_claims());
        assert!(op.judge(&access_rules(), &token).is_ok(), "{typ}");
    }
}

#[test]
fn c40_a_typ_that_is_no_text_is_malformed() {
    let op = Op::new();
    for kind in Kind::all() {
        for typ in [json!(5), json!(1.5), json!(null), json!(true), json!(["JWT"]), json!({ "typ": "JWT" })] {
            let token = op.token_with(json!({ "typ": typ }), &kind.claims);
            let malformed =
                TokenError::Malformed { segment: Segment::Header, reason: Malformation::Header("typ") };
            assert_eq!(op.judge(&kind.rules, &token), Err(malformed), "{} {typ}", kind.name);
        }
    }
}

#[test]
fn c41_a_token_of_type_at_jwt_has_all_that_its_profile_demands() {
    for claim in ["client_id", "iat", "jti", "sub"] {
        assert_needed(&[Kind::at_jwt()], claim, CLAIM_MISSING);
        assert_refused(&[Kind::at_jwt()], claim, &["null", r#""""#, "[]", "{}", "true"], CLAIM_INVALID);
    }
    let op = Op::new();
    let plain = merged(id_claims(), json!({ "scope": "read" }));
    let both = access_rules().accept(&[AccessToken::AtJwt, AccessToken::Jwt]).unwrap();
    let typed = op.token_with(json!({ "typ": "at+jwt" }), &plain);
    assert_eq!(refusal(op.judge(&both, &typed)), (CLAIM_MISSING, Some("client_id")), "its type binds it");
    assert!(op.judge(&both, &op.token(&plain)).is_ok());
}

// --- what a token permits ---

#[test]
fn c42_scopes_are_words_whatever_stands_between_them() {
    let op = Op::new();
    let scopes = |kind: &Kind, changes: Value| -> Vec<String> {
        kind.judge(&op, changes).unwrap().scopes().into_iter().map(str::to_owned).collect()
    };
    for kind in Kind::bearers() {
        for (scope, words) in [
            ("read write", &["read", "write"][..]),
            ("  read   write ", &["read", "write"]),
            ("read", &["read"]),
            ("read\twrite", &["read\twrite"]),
            ("", &[]),
            ("   ", &[]),
        ] {
            assert_eq!(scopes(&kind, json!({ "scope": scope })), words, "{} {scope:?}", kind.name);
        }
    }
    assert_eq!(scopes(&Kind::jwt(), json!({})), [""; 0], "no scope");
    for name in ["scope", "scp"] {
        let array = scopes(&Kind::jwt(), json!({ name: ["read", "write all"] }));
        assert_eq!(array, ["read", "write all"], "an element is one scope, not several");
    }
    assert_eq!(scopes(&Kind::jwt(), json!({ "scp": "read write" })), ["read", "write"]);
}

#[test]
fn c42_a_scope_of_a_wrong_type_is_refused() {
    for claim in ["scope", "scp"] {
        let texts = ["5", "null", "true", r#"{"read":true}"#, r#"["read",5]"#, r#"[["read"]]"#, "[null]"];
        assert_refused(&Kind::bearers(), claim, &texts, CLAIM_INVALID);
        let arrays = [r#"["read"]"#, "[]"];
        assert_refused(&[Kind::at_jwt()], claim, &arrays, CLAIM_INVALID);
        assert_accepted(&[Kind::jwt(), Kind::bearer_id_token()], claim, &arrays);
    }
}

/// How a request with this `Authorization` is answered where these scopes are required; `None`: it is let through.
fn ask_for(world: &mut World, authorization: Option<&str>, scopes: &[&str]) -> Option<Answer> {
    let mut headers = HeaderMap::new();
    if let Some(value) = authorization {
        headers.insert("authorization", HeaderValue::try_from(value).unwrap());
    }
    let incoming = incoming(&Method::GET, "/api/things", &headers);
    let guard = world.guard.clone();
    let policy = Policy::builder().scopes(scopes).build().unwrap();
    answer_of(world.run(|now| guard.require_policy(incoming, &policy, now)))
}

fn incoming<'a>(method: &'a Method, target: &'a str, headers: &'a HeaderMap) -> Incoming<'a> {
    Incoming { method, target, headers, body: None, presented: None }
}

fn answer_of(verdict: Verdict) -> Option<Answer> {
    match verdict {
        Verdict::Allow { .. } => None,
        Verdict::Reply { status, headers, body } => Some(Answer {
            status: Some(status),
            identity: None,
            headers,
            body: String::from_utf8(body).unwrap(),
        }),
    }
}

#[test]
fn c42_a_token_without_a_required_scope_is_answered_403_which_names_it() {
    let mut world = World::new();
    for (scope, required, permitted) in [
        ("read write", &["write"][..], true),
        ("read  write ", &["write", "read"], true),
        ("read", &[], true),
        ("read", &["write"], false),
        ("read", &["read", "write"], false),
        ("", &["write"], false),
        ("writer write:all", &["write"], false),
        ("Write", &["write"], false),
    ] {
        let request = oidc_dev_provider::AccessTokenRequest {
            client_id: CLIENT.into(),
            audience: CLIENT.into(),
            scope: scope.into(),
            ..Default::default()
        };
        let token = world.provider.access_token(request, NOW);
        let answer = ask_for(&mut world, Some(&format!("Bearer {token}")), required);
        assert_eq!(answer.is_none(), permitted, "{scope:?} {required:?}");
        if let Some(answer) = answer {
            assert_eq!((answer.status(), answer.code().as_str()), (403, "insufficient_scope"));
            let challenge = format!(
                "Bearer realm=\"oidc\", error=\"insufficient_scope\", error_description=\"insufficient_scope\", \
                 scope=\"{}\"",
                required.join(" ")
            );
            assert_eq!(answer.header("www-authenticate"), challenge);
        }
    }
    assert_eq!(ask_for(&mut world, None, &["write"]).unwrap().status(), 401, "nobody asks");
    assert_eq!(ask_for(&mut world, Some("Bearer x"), &["write"]).unwrap().code(), "malformed");
}

#[test]
fn c43_a_token_bound_to_a_key_is_refused_unless_the_deployment_checks_that_itself() {
    let op = Op::new();
    let bound = [r#"{"jkt":"x"}"#, r#"{"x5t#S256":"x"}"#, "{}", "null", "true", r#""""#];
    assert_refused(&Kind::bearers(), "cnf", &bound, CLAIM_INVALID);
    let danger = Danger::new().unproven_confirmation();
    for mut kind in Kind::bearers() {
        let cnf = json!({ "cnf": { "jkt": "x" } });
        kind.rules = kind.rules.danger(Danger::new());
        assert_eq!(refusal(kind.judge(&op, cnf.clone())), (CLAIM_INVALID, Some("cnf")), "{}", kind.name);
        kind.rules = kind.rules.danger(danger);
        assert!(kind.judge(&op, cnf.clone()).is_ok(), "{}", kind.name);
        let expired = merged(cnf, json!({ "exp": NOW - 60 }));
        assert_eq!(refusal(kind.judge(&op, expired)), ("expired", Some("exp")), "{}", kind.name);
    }
    let token = op.token_with(
        json!({ "typ": "at+jwt" }),
        &merged(access_claims(), json!({ "cnf": { "x5t#S256": "x" } })),
    );
    assert_eq!(World::new().bearer(&token).code(), CLAIM_INVALID);
    assert_eq!(World::with(config().danger(danger)).bearer(&token).sub(), Some("ada"));
}

// --- userinfo and what is known of a person ---

/// What a provider says in a sign-in at the guard, in place of its own words.
struct AtGuard {
    id_claims: Value,
    userinfo: Value,
}

impl AtGuard {
    fn new(id_claims: Value) -> Self {
        let userinfo = json!({ "sub": id_claims.get("sub").cloned().unwrap_or("ada".into()) });
        Self { id_claims, userinfo }
    }

    fn saying(id_claims: Value, userinfo: Value) -> Self {
        Self { id_claims, userinfo }
    }

    /// The answer to the callback.
    fn sign_in(&self, world: &mut World, browser: &mut Browser) -> Answer {
        let url = browser.ask(world, Ask::get("/profile").page().required()).location();
        let target = format!("/callback?code=c&state={}&iss={ISSUER}", parameter(&url, "state"));
        let own = json!({ "nonce": parameter(&url, "nonce"), "iat": world.now.as_secs() });
        let own = merged(own, json!({ "exp": world.now.as_secs() + 300 }));
        let claims = merged(merged(id_claims(), own), self.id_claims.clone());
        let id_token = signed(world, json!({}), &claims);
        let mut headers = HeaderMap::new();
        let cookies: Vec<String> =
            browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        headers.insert("cookie", HeaderValue::try_from(cookies.join("; ")).unwrap());
        headers.insert("accept", HeaderValue::from_static("text/html"));
        let step = world.guard.check(incoming(&Method::GET, &target, &headers), world.now);
        let verdict = carry(world, step, |fetch, world| match fetch.purpose {
            Purpose::Token => token_response(&id_token),
            Purpose::Userinfo => json_answer(&self.userinfo),
            _ => world.send(fetch),
        });
        let answer = answer_of(verdict).unwrap();
        for cookie in answer.all("set-cookie").iter().filter(|cookie| !cookie.contains("Max-Age=0;")) {
            let (name, rest) = cookie.split_once('=').unwrap();
            browser.cookies.insert(name.into(), rest.split(';').next().unwrap().into());
        }
        answer
    }
}

/// The claims of the session that comes of what ID token and userinfo say.
fn session_claims(id_claims: Value, userinfo: Value) -> Claims {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let answer = AtGuard::saying(id_claims, userinfo).sign_in(&mut world, &mut browser);
    assert_eq!(answer.status(), 303, "{}", answer.code());
    browser.open(&mut world, "/").identity.unwrap().claims().clone()
}

#[test]
fn c44_userinfo_of_another_subject_or_of_none_ends_the_sign_in() {
    for userinfo in [
        json!({ "sub": "alan" }),
        json!({ "sub": "Ada" }),
        json!({ "sub": "ada " }),
        json!({ "sub": "ada\0" }),
        json!({ "sub": "" }),
        json!({ "sub": null }),
        json!({ "sub": ["ada"] }),
        json!({ "sub": 5 }),
        json!({}),
    ] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        let says = AtGuard::saying(json!({}), merged(userinfo.clone(), json!({ "roles": ["admin"] })));
        let answer = says.sign_in(&mut world, &mut browser);
        let seen = (answer.status(), answer.code());
        assert_eq!(seen, (502, "subject_mismatch".to_owned()), "{userinfo}");
        assert!(!browser.has_session(), "{userinfo}");
    }
    let merged = session_claims(json!({}), json!({ "sub": "ada", "roles": ["admin"] }));
    assert_eq!(merged.get::<Vec<String>>("roles"), Some(vec!["admin".to_owned()]));
}

#[test]
fn c45_where_id_token_and_userinfo_differ_the_id_token_stands() {
    let claims = session_claims(
        json!({ "email": "ada@one.example", "name": "Ada" }),
        json!({ "sub": "ada", "email": "ada@other.example", "name": "Other", "nickname": "A" }),
    );
    let said = |name: &str| claims.get::<String>(name).unwrap();
    assert_eq!((said("email").as_str(), said("name").as_str()), ("ada@one.example", "Ada"));
    assert_eq!(said("nickname"), "A", "what only userinfo says is added");
    assert_eq!((claims.iss(), claims.sub()), (ISSUER, Some("ada")));
}

#[test]
fn c45_userinfo_changes_nothing_of_who_somebody_is() {
    let claims = session_claims(
        json!({ "sub": "ada" }),
        json!({ "sub": "ada", "iss": ISSUER, "aud": "web", "exp": 4_000_000_000_u64, "sid": "other", "iat": 0 }),
    );
    assert_eq!((claims.sub(), claims.iss(), claims.aud()), (Some("ada"), ISSUER, &["web".to_owned()][..]));
    assert_eq!(claims.issued_at(), Some(at(NOW)));
    assert!(claims.expires_at().unwrap() <= at(NOW + 86_400), "the session's own end");
}

#[test]
fn c45_one_address_does_not_make_two_people_one() {
    let address = json!({ "email": "shared@one.example", "email_verified": true });
    let mut subs = Vec::new();
    for sub in ["ada", "mallory"] {
        let said = merged(json!({ "sub": sub }), address.clone());
        let claims = session_claims(said.clone(), said);
        assert_eq!(claims.verified_email(&["one.example"]), Some("shared@one.example"));
        subs.push(claims.sub().unwrap().to_owned());
    }
    assert_eq!(subs, ["ada", "mallory"]);
    let (mut world, mut browser) = (World::new(), Browser::default());
    let other = merged(json!({ "sub": "mallory" }), address.clone());
    let says = AtGuard::saying(merged(json!({ "sub": "ada" }), address), other);
    assert_eq!(says.sign_in(&mut world, &mut browser).code(), "subject_mismatch");
}

#[test]
fn c45_c46_the_word_that_an_address_is_verified_goes_with_that_address() {
    let verified = json!({ "email_verified": true });
    let mine = json!({ "email": "mallory@evil.example" });
    let other = json!({ "email": "ada@good.example" });
    let userinfo = |said: Value| merged(json!({ "sub": "ada" }), said);
    let domains = &["good.example", "evil.example"];
    let claims = session_claims(other.clone(), userinfo(merged(mine.clone(), verified.clone())));
    assert_eq!(claims.verified_email(domains), None, "verified is the address of userinfo alone");
    let claims =
        session_claims(verified.clone(), userinfo(merged(other, json!({ "email_verified": false }))));
    assert_eq!(claims.verified_email(domains), None, "userinfo calls its own address not verified");
    let claims = session_claims(json!({}), userinfo(merged(mine, verified)));
    assert_eq!(claims.verified_email(domains), Some("mallory@evil.example"));
}

#[test]
fn c46_an_address_is_verified_only_by_a_true_that_is_no_text() {
    let op = Op::new();
    for kind in Kind::all() {
        for (said, verified) in [
            (json!(true), Some(true)),
            (json!(false), Some(false)),
            (json!("true"), None),
            (json!("false"), None),
            (json!(1), None),
            (json!(null), None),
            (json!([true]), None),
            (json!({ "value": true }), None),
        ] {
            let email = json!({ "email": "ada@good.example", "email_verified": said });
            let claims = kind.judge(&op, email).unwrap();
            assert_eq!(claims.email_verified(), verified, "{said}");
            let listed = claims.verified_email(&["good.example"]);
            assert_eq!(listed, (verified == Some(true)).then_some("ada@good.example"), "{said}");
        }
        let claims = kind.judge(&op, json!({ "email": "ada@good.example" })).unwrap();
        assert_eq!((claims.email_verified(), claims.verified_email(&["good.example"])), (None, None));
    }
}

#[test]
fn c47_a_rule_about_domains_is_about_the_whole_domain() {
    let op = Op::new();
    let listed = ["good.example", "xn--bcher-kva.example", "b\u{fc}cher.test"];
    for (email, taken) in [
        ("ada@good.example", true),
        ("ada@GOOD.Example", true),
        ("Ada+x.y@good.example", true),
        ("ada@xn--bcher-kva.example", true),
        ("ada@XN--BCHER-KVA.example", true),
        ("ada@b\u{fc}cher.example", false),
        ("ada@xn--bcher-kva.test", false),
        ("ada@b\u{dc}cher.test", false),
        ("ada@evil.example@good.example", false),
        ("ada@good.example@evil.example", false),
        ("\"ada@evil.example\"@good.example", false),
        ("@good.example", false),
        ("ada@@good.example", false),
        ("good.example", false),
        ("ada@", false),
        ("ada@good.example.evil.example", false),
        ("ada@evil.good.example", false),
        ("ada@evilgood.example", false),
        ("ada@good.example.", false),
        ("ada@.good.example", false),
        ("ada@good.example ", false),
        ("ada@ good.example", false),
        ("ada@good.example\0", false),
        ("ada@good.example\n", false),
        ("ada@good.example/", false),
        ("ada@good\u{3002}example", false),
        ("ada@g\u{43e}\u{43e}d.example", false),
        ("ada@\u{ff47}ood.example", false),
        ("ada@[good.example]", false),
        ("", false),
    ] {
        let said = json!({ "email": email, "email_verified": true });
        let claims = Kind::id().judge(&op, said).unwrap();
        assert_eq!(claims.verified_email(&listed), taken.then_some(email), "{email:?}");
        assert_eq!(claims.verified_email(&[]), None, "{email:?}");
        assert_eq!(claims.verified_email(&["", "@", ".example", "*"]), None, "{email:?}");
    }
    for email in [json!(null), json!(5), json!(["ada@good.example"]), json!({ "a": "ada@good.example" })] {
        let claims = Kind::id().judge(&op, json!({ "email": email, "email_verified": true })).unwrap();
        assert_eq!(claims.verified_email(&listed), None, "{email}");
    }
}

#[test]
fn c47_no_domain_on_the_list_can_make_two_at_signs_good() {
    let op = Op::new();
    let said = json!({ "email": "ada@evil.example@good.example", "email_verified": true });
    let claims = Kind::id().judge(&op, said).unwrap();
    assert_eq!(claims.verified_email(&["evil.example@good.example", "good.example"]), None);
}

#[test]
fn c48_names_of_people_and_groups_are_told_apart_by_case() {
    let op = Op::new();
    let said = json!({ "preferred_username": "Ada", "groups": ["Admin", "admins"], "scope": "Read" });
    let claims = Kind::jwt().judge(&op, said).unwrap();
    assert_eq!(claims.get::<String>("preferred_username").unwrap(), "Ada");
    assert_eq!(claims.get::<Vec<String>>("groups").unwrap(), ["Admin", "admins"]);
    assert_eq!(claims.scopes(), ["Read"]);
    for name in ["Groups", "GROUPS", "group", "Preferred_Username"] {
        assert!(claims.get::<Value>(name).is_none(), "{name}");
    }
    let judged =
        Kind::jwt().judge(&op, json!({ "Sub": "root", "ISS": "x", "AUD": "y", "EXP": 0, "Nbf": "z" }));
    let claims = judged.unwrap();
    assert_eq!((claims.sub(), claims.iss(), claims.aud()), (Some("ada"), ISSUER, &["web".to_owned()][..]));
    let shouted = without(merged(Kind::jwt().claims, json!({ "SUB": "ada" })), "sub");
    assert_eq!(refusal(Kind::jwt().judge_claims(&op, &shouted)), (CLAIM_INVALID, Some("sub")));
    let two =
        [json!({ "sub": "ada" }), json!({ "sub": "Ada" })].map(|sub| Kind::jwt().judge(&op, sub).unwrap());
    assert!(two[0] != two[1] && two[0].sub() != two[1].sub());
}

// --- the clock ---

/// An access token that was issued an hour ago and lives for this long from now on.
fn long_lived(world: &mut World, lifetime: u64) -> String {
    let request = oidc_dev_provider::AccessTokenRequest {
        client_id: CLIENT.into(),
        audience: CLIENT.into(),
        lifetime: lifetime + 3600,
        ..Default::default()
    };
    world.provider.access_token(request, world.now.as_secs() - 3600)
}

fn freshness(world: &World) -> Freshness {
    world.client().key_status(world.now).freshness
}

#[test]
fn c49_a_clock_that_is_set_back_judges_tokens_by_its_own_time_and_loses_no_keys() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let (fresh, old) = (world.access_token(), long_lived(&mut world, 7200));
    let expired = long_lived(&mut world, 0);
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    assert_eq!(world.bearer(&fresh).sub(), Some("ada"));
    world.pass(120);
    assert_eq!(world.bearer(&expired).code(), "expired");
    let fetches = world.fetched.len();
    world.now = at(NOW - 600);
    world.down = true;
    assert_eq!(world.bearer(&old).sub(), Some("ada"), "the keys at hand still serve");
    assert_eq!(world.bearer(&expired).sub(), Some("ada"), "by this clock it lives");
    assert_eq!(world.bearer(&fresh).code(), CLAIM_INVALID, "by this clock it is yet to be issued");
    assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"));
    assert_eq!(freshness(&world), Freshness::Fresh);
    assert_eq!(world.fetched.len(), fetches);
    world.down = false;
    world.provider.rotate_keys(true);
    let renewed = long_lived(&mut world, 7200);
    assert_eq!(world.bearer(&renewed).sub(), Some("ada"), "a new key is looked up at once");
    assert_eq!(Browser::default().sign_in(&mut world).status(), 303);
}

#[test]
fn c49_a_clock_that_jumps_a_day_ahead_judges_tokens_by_its_own_time_and_fetches_keys_anew() {
    let (mut world, mut browser, mut other) = (World::new(), Browser::default(), Browser::default());
    let (fresh, old) = (world.access_token(), long_lived(&mut world, 2 * 86_400));
    let pending = other.start(&mut world, "/profile");
    assert_eq!(browser.sign_in(&mut world).status(), 303);
    assert_eq!(world.bearer(&fresh).sub(), Some("ada"));
    let keys = world.provider.requests("/jwks");
    world.pass(86_400);
    assert_eq!(world.bearer(&fresh).code(), "expired");
    assert_eq!(world.provider.requests("/jwks"), keys, "not for a token that has expired");
    world.down = true;
    let answer = world.bearer(&old);
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (503, "keys_unavailable"),
        "never 401 for want of keys"
    );
    world.down = false;
    world.pass(5);
    assert_eq!(world.bearer(&old).sub(), Some("ada"));
    assert_eq!(world.provider.requests("/jwks"), keys + 1);
    assert_eq!(freshness(&world), Freshness::Fresh);
    assert_eq!(browser.open(&mut world, "/").sub(), None, "the session was idle for a day");
    assert_eq!(other.ask(&mut world, pending).code(), "state_mismatch", "a sign-in has ten minutes");
    assert_eq!(browser.sign_in(&mut world).status(), 303);
}

#[test]
fn c49_a_clock_that_swings_to_and_fro_does_no_harm() {
    let mut world = World::new();
    let old = long_lived(&mut world, 4 * 86_400);
    for now in [NOW, NOW - 600, NOW + 86_400, NOW + 85_800, NOW + 2 * 86_400, NOW, NOW - 600, NOW + 600] {
        world.now = at(now);
        let mut browser = Browser::default();
        assert_eq!(world.bearer(&old).sub(), Some("ada"), "{now}");
        assert_eq!(browser.sign_in(&mut world).status(), 303, "{now}");
        assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"), "{now}");
        let client = world.client();
        assert!(world.run(|now| client.renew_keys(now)).0.is_ok(), "{now}");
    }
}

/// The first time there is, the last second of the year 9999, the next one, and the last times there are.
fn odd_times() -> [UnixTime; 6] {
    [
        UnixTime::EPOCH,
        at(1),
        at(253_402_300_799),
        at(253_402_300_800),
        at(u64::MAX),
        UnixTime::since_epoch(Duration::MAX),
    ]
}

#[test]
fn c50_every_now_gives_a_verdict() {
    let op = Op::new();
    for now in odd_times() {
        for kind in Kind::all() {
            let token =
                op.token_with(kind.header.clone(), &merged(kind.claims.clone(), json!({ "iat": NOW })));
            let early = now < at(NOW);
            let expected = if early { (CLAIM_INVALID, Some("iat")) } else { ("expired", Some("exp")) };
            for rules in [kind.rules.clone(), kind.rules.clone().max_token_age(Duration::MAX)] {
                assert_eq!(refusal(rules.verify(&token, &op.keys(), now)), expected, "{} {now:?}", kind.name);
            }
        }
        let ever = merged(id_claims(), json!({ "exp": 253_402_300_799_u64, "iat": 0 }));
        let judged = id_rules().verify(&op.token(&ever), &op.keys(), now);
        assert_eq!(judged.is_ok(), now < at(253_402_300_799 + 60), "{now:?}");
    }
}

#[test]
fn c50_arithmetic_about_the_first_and_last_time_saturates() {
    let last = UnixTime::since_epoch(Duration::MAX);
    assert_eq!(UnixTime::EPOCH.saturating_sub(Duration::MAX), UnixTime::EPOCH);
    assert_eq!(UnixTime::EPOCH.saturating_since(last), Duration::ZERO);
    assert_eq!(last.saturating_add(Duration::MAX), last);
    assert_eq!(at(u64::MAX).saturating_add(seconds(60)), last);
    assert_eq!(last.saturating_since(UnixTime::EPOCH), Duration::MAX);
    assert_eq!(last.as_secs(), u64::MAX);
}

#[test]
fn c50_every_now_gives_an_answer_to_every_request() {
    for now in odd_times() {
        let (mut world, mut browser, mut other) = (World::new(), Browser::default(), Browser::default());
        let token = world.access_token();
        assert_eq!(world.bearer(&token).sub(), Some("ada"));
        assert_eq!(browser.sign_in(&mut world).status(), 303);
        let pending = other.start(&mut world, "/profile");
        world.now = now;
        let answer = world.bearer(&token);
        let expected = if now < at(NOW) { CLAIM_INVALID } else { "expired" };
        assert_eq!((answer.status(), answer.code().as_str()), (401, expected), "{now:?}");
        let seated = browser.open(&mut world, "/");
        assert_eq!(seated.sub(), (now < at(NOW)).then_some("ada"), "{now:?}");
        let finished = other.ask(&mut world, pending).status();
        assert_eq!(finished, if now < at(NOW) { 303 } else { 400 }, "{now:?}");
        let begun = Browser::default().ask(&mut world, Ask::get("/profile").page().required());
        // The last time there is leaves none for a fetch.
        let last = now == UnixTime::since_epoch(Duration::MAX);
        assert_eq!(begun.status(), if last { 503 } else { 303 }, "{now:?}");
        let client = world.client();
        assert_eq!(world.run(|now| client.renew_keys(now)).0.is_ok(), !last, "{now:?}");
        let expected = if last { Freshness::None } else { Freshness::Fresh };
        assert_eq!(freshness(&world), expected, "{now:?}");
    }
}

const CENTURY: u64 = 100 * 365 * 86_400;

#[test]
fn c51_a_token_may_live_for_a_century_unless_an_age_is_configured() {
    let op = Op::new();
    for kind in [Kind::id(), Kind::at_jwt(), Kind::bearer_id_token()] {
        let token =
            op.token_with(kind.header.clone(), &merged(kind.claims.clone(), json!({ "exp": NOW + CENTURY })));
        let judge = |rules: &TokenRules, now: u64| rules.verify(&token, &op.keys(), at(now)).map(drop);
        for now in [NOW, 2_147_483_647, 2_147_483_648, 4_294_967_295, 4_294_967_296, NOW + CENTURY + 59] {
            assert_eq!(judge(&kind.rules, now), Ok(()), "{} {now}", kind.name);
        }
        assert_eq!(judge(&kind.rules, NOW + CENTURY + 60), Err(TokenError::Expired), "{}", kind.name);
        let limited = kind.rules.max_token_age(seconds(3600));
        assert_eq!(judge(&limited, NOW + 3660), Ok(()), "{}", kind.name);
        assert_eq!(judge(&limited, NOW + 3661), Err(TokenError::ClaimInvalid("iat")), "{}", kind.name);
    }
}

#[test]
fn c51_a_session_ends_in_its_own_time_whatever_the_id_token_says() {
    let hour = seconds(3600);
    let mut world = World::with(config().session_idle(hour).session_absolute(hour * 3));
    let mut browser = Browser::default();
    let says = AtGuard::new(json!({ "exp": NOW + CENTURY }));
    assert_eq!(says.sign_in(&mut world, &mut browser).status(), 303);
    let identity = browser.open(&mut world, "/").identity.unwrap();
    assert_eq!(identity.expires_at(), at(NOW + 3600));
    assert_eq!(identity.claims().expires_at(), Some(at(NOW + 3600)));
    for _ in 0..3 {
        world.pass(3500);
        assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"));
    }
    world.pass(300);
    assert_eq!(browser.open(&mut world, "/").sub(), None, "three hours have passed");
}

// --- used once ---

fn used_up(answer: &Answer) -> bool {
    let challenge = "Bearer realm=\"oidc\", error=\"invalid_token\", error_description=\"claim_invalid\"";
    answer.status() == 401 && answer.code() == CLAIM_INVALID && answer.header("www-authenticate") == challenge
}

/// An access token with these claims in place of good ones.
fn bearer_with(world: &World, changes: Value) -> String {
    signed(world, json!({ "typ": "at+jwt" }), &merged(access_claims(), changes))
}

#[test]
fn c52_a_token_is_taken_once_where_it_is_so_configured() {
    let mut reusing = World::new();
    let token = bearer_with(&reusing, json!({}));
    for _ in 0..3 {
        assert_eq!(reusing.bearer(&token).sub(), Some("ada"), "any number of times unless configured");
    }
    for settings in [config(), config().remember_tokens(Remember::new())] {
        let mut world = World::with(settings.single_use_tokens(true));
        let token = bearer_with(&world, json!({ "exp": NOW + 300 }));
        assert_eq!(world.bearer(&token).sub(), Some("ada"));
        for pass in [0, 1, 300, 58] {
            world.pass(pass);
            assert!(used_up(&world.bearer(&token)), "{:?}", world.now);
        }
        assert_eq!(world.now, at(NOW + 359));
        world.pass(1);
        assert_eq!(world.bearer(&token).code(), "expired", "until it has expired, leeway and all");
    }
}

#[test]
fn c52_it_is_the_jti_that_counts_and_no_bad_token_uses_one_up() {
    let mut world = World::with(config().single_use_tokens(true));
    let token = bearer_with(&world, json!({ "jti": "one" }));
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    assert_eq!(world.bearer(&forged).code(), "bad_signature");
    let expired = bearer_with(&world, json!({ "jti": "one", "exp": NOW - 60 }));
    assert_eq!(world.bearer(&expired).code(), "expired");
    assert_eq!(world.bearer(&token).sub(), Some("ada"));
    let again = bearer_with(&world, json!({ "jti": "one", "sub": "alan", "exp": NOW + 200 }));
    assert!(used_up(&world.bearer(&again)), "another token of the same name");
    let other = bearer_with(&world, json!({ "jti": "two" }));
    assert_eq!(world.bearer(&other).sub(), Some("ada"));
}

#[test]
fn c52_a_token_that_cannot_be_told_from_others_is_refused() {
    let mut world = World::with(config().single_use_tokens(true).bearer(&[AccessToken::Jwt]));
    let without_jti = signed(&world, json!({}), &id_claims());
    assert_eq!(world.bearer(&without_jti).code(), CLAIM_MISSING);
    for jti in [json!(5), json!(null), json!(["one"]), json!({ "one": 1 }), json!("")] {
        let token = signed(&world, json!({}), &merged(id_claims(), json!({ "jti": jti })));
        assert_eq!(world.bearer(&token).code(), CLAIM_INVALID, "{jti}");
    }
    let token = signed(&world, json!({}), &merged(id_claims(), json!({ "jti": "one" })));
    assert_eq!(world.bearer(&token).sub(), Some("ada"));
    assert!(used_up(&world.bearer(&token)));
}

#[test]
fn c52_a_store_decides_for_all_instances_and_one_that_is_down_lets_nothing_in() {
    let settings = || config().single_use_tokens(true).session_store(true);
    let mut first = World::with(settings());
    let (token, next) = (bearer_with(&first, json!({})), bearer_with(&first, json!({ "jti": "t-2" })));
    assert_eq!(first.bearer(&token).sub(), Some("ada"));
    let mut second = World { store: first.store.take(), ..World::with(settings()) };
    assert!(used_up(&second.bearer(&token)), "used up at another instance");
    let store = second.store.take();
    for token in [&token, &next] {
        let answer = second.bearer(token);
        assert_eq!((answer.status(), answer.code().as_str()), (503, "store_unavailable"));
        assert_eq!(answer.header("retry-after"), "1");
        assert!(answer.all("www-authenticate").is_empty());
    }
    second.store = store;
    assert_eq!(second.bearer(&next).sub(), Some("ada"), "nothing was used up meanwhile");
    assert!(used_up(&second.bearer(&next)));
}

/// Sign-ins cost nobody more than two requests each, and the provider none.
#[test]
fn c52_no_number_of_sign_ins_makes_a_store_in_memory_forget_a_token() {
    const ROOM: usize = 16;
    let mut world = World::with(config().single_use_tokens(true).session_store(true));
    world.store = Some(Memory::with_limits(ROOM, 1 << 20));
    let token = bearer_with(&world, json!({}));
    assert_eq!(world.bearer(&token).sub(), Some("ada"));
    for _ in 0..2 * ROOM {
        let mut browser = Browser::default();
        let redirect = browser.open(&mut world, "/login").location();
        let state = &support::query(&redirect)["state"];
        let answer = browser.open(&mut world, &format!("/callback?error=access_denied&state={state}"));
        assert_eq!(answer.code(), "provider_error");
    }
    assert!(used_up(&world.bearer(&token)));
}

// --- what a refusal tells ---

#[test]
fn c53_refusals_differ_in_their_code_alone_and_tell_nothing_of_what_was_expected() {
    const AUDIENCE: &str = "the-audience-of-this-api";
    let mut world = World::with(config().audience(AUDIENCE));
    let good = bearer_with(&world, json!({ "aud": AUDIENCE }));
    assert_eq!(world.bearer(&good).sub(), Some("ada"));
    let (input, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let claims = merged(access_claims(), json!({ "aud": AUDIENCE }));
    let elsewhere = bearer_with(&world, json!({ "aud": AUDIENCE, "iss": "https://evil.example" }));
    let cases = [
        (format!("{input}.{flipped}{}", &signature[1..]), "bad_signature"),
        (signed(&world, json!({ "typ": "at+jwt", "kid": "made-up" }), &claims), "unknown_key"),
        (elsewhere, CLAIM_INVALID),
        (bearer_with(&world, json!({})), CLAIM_INVALID),
    ];
    let kid = world.provider.current_kid();
    let modulus = world.provider.jwks()["keys"][0]["n"].as_str().unwrap().to_owned();
    for page in [false, true] {
        let mut seen = Vec::new();
        for (token, code) in &cases {
            let ask = Ask::get("/api/whoami").header("authorization", &format!("Bearer {token}"));
            let answer = world.ask(if page { ask.page() } else { ask });
            assert_eq!((answer.status(), answer.code().as_str()), (401, *code));
            let told = format!("{:?} {}", answer.headers, answer.body);
            let sent = token.split('.');
            let secret =
                [ISSUER, "op.example", AUDIENCE, &kid, "made-up", "evil", "ada", signature, &modulus];
            for secret in secret.into_iter().chain(sent) {
                assert!(!told.contains(secret), "{secret} {told}");
            }
            assert!(told.contains(code));
            seen.push(told.replace(code, "CODE"));
        }
        assert!(seen.iter().all(|told| *told == seen[0]), "{seen:?}");
    }
}

#[test]
fn l06_a_logout_token_is_taken_for_two_minutes_and_the_leeway() {
    let op = Op::new();
    let issued = |seconds: u64| {
        let claims = merged(logout_claims(), json!({ "iat": NOW - seconds }));
        op.judge(&logout_rules(), &op.token(&claims)).err().map(|error| (error.code(), error.claim()))
    };
    assert_eq!(issued(0), None);
    assert_eq!(issued(180), None, "the limit is inclusive");
    assert_eq!(issued(181), Some(("claim_invalid", Some("iat"))));
    assert_eq!(issued(86_400), Some(("claim_invalid", Some("iat"))));
}
