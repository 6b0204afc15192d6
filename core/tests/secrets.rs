//! Secrets stay where they belong, checks are not lifted in silence, and what the sources promise of themselves.
#![cfg(feature = "rsa")]

#[path = "secrets/sources.rs"]
mod sources;
#[path = "secrets/spy.rs"]
mod spy;
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use oidc_core::config::{ClientAuth, Danger};
use oidc_core::error::ConfigError;
use oidc_core::jose::{KeySet, RustCrypto};
use oidc_core::step::FetchResult;
use oidc_core::time::UnixTime;
use oidc_core::token::TokenRules;
use oidc_core::{Callback, Client, Config, LoginOptions, Secret, Session, Step};
use oidc_dev_provider::{DevClient, DevProvider, Endpoint, Fault};
use serde_json::{Value, json};
use spy::{CLIENT_SECRET, Spy, logged};
use support::{Ask, Browser, ISSUER, Seeded, World};

const PAGE: &[(&str, &str)] = &[("accept", "text/html"), ("sec-fetch-mode", "navigate")];
const SCRIPT: &[(&str, &str)] = &[("accept", "application/json")];

/// Every way in and out, by the guard: a sign-in, a visit, bearer tokens good and bad, and a sign-out.
fn visit(spy: &mut Spy) {
    let redirect = spy.ask(Method::GET, "/profile", PAGE);
    if redirect.status() == 303 {
        let address = location(&redirect);
        spy.learn_address(&address);
        let callback = spy.authorize(&address);
        let target = callback[url::Position::BeforePath..].to_owned();
        spy.ask(Method::GET, &target, PAGE);
        spy.ask(Method::GET, &target, SCRIPT);
    }
    spy.ask(Method::GET, "/profile", PAGE);
    let token = spy.world.access_token();
    spy.secret("access token", &token);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for token in [token.as_str(), &forged, &format!("{token}="), &format!("{token}.{token}")] {
        spy.secret("access token", token);
        let bearer = format!("Bearer {token}");
        spy.ask(Method::GET, "/api/whoami", &[("authorization", &bearer)]);
        spy.ask(Method::GET, "/api/whoami", &[("authorization", &bearer), ("accept", "text/html")]);
        spy.ask(Method::GET, "/", &[("authorization", &bearer), ("authorization", &bearer)]);
    }
    let goodbye = spy.ask(Method::POST, "/logout", &[("origin", support::ORIGIN)]);
    if goodbye.headers().contains_key("location") {
        let address = location(&goodbye);
        spy.learn_address(&address);
        spy.ask(Method::GET, &format!("/logged-out?{}", address.query().unwrap_or_default()), PAGE);
    }
}

fn location(response: &http::Response<Vec<u8>>) -> url::Url {
    let base = url::Url::parse(support::ORIGIN).unwrap();
    base.join(response.headers()["location"].to_str().unwrap()).unwrap()
}

/// Every flow, by the client: each value on the way is shown.
fn walk(spy: &mut Spy) {
    let client = spy.world.client();
    let options = LoginOptions { return_to: Some("/profile".into()), ..LoginOptions::default() };
    spy.show(&options);
    let begun = spy.run(|now| client.begin_login(options, now));
    let Some(redirect) = spy.outcome(begun) else { return };
    spy.learn_address(&redirect.url);
    let login = serde_json::to_value(&redirect.login).unwrap();
    spy.secret("code verifier", login["code_verifier"].as_str().unwrap());
    spy.show(&redirect.login);
    let callback = spy.authorize(&redirect.url);
    let callback = Callback::parse(callback.query().unwrap()).map_err(oidc_core::Error::from);
    let Some(callback) = spy.outcome(callback) else { return };
    spy.show(&callback);
    let finished = spy.run(|now| client.finish_login(redirect.login, callback, now));
    let Some(session) = spy.outcome(finished) else { return };
    for token in [Some(session.id_token()), session.access_token(UnixTime::EPOCH), session.refresh_token()] {
        spy.show(&token);
    }
    let userinfo = spy.run(|now| client.userinfo(&session, now));
    spy.outcome(userinfo);
    let refreshed = spy.run(|now| client.refresh(session.clone(), now));
    spy.outcome(refreshed);
    let state = "canary-logout-state";
    spy.secret("state", state);
    let _ = spy.run(|now| client.logout_url(Some(session.id_token()), state, now));
    let verified = spy.run(|now| client.verify_access_token(session.id_token().expose(), now));
    spy.outcome(verified.map_err(oidc_core::Error::from));
}

/// Nothing, then each fault, then a provider that is away.
fn mishaps() -> Vec<(String, Option<Fault>)> {
    let faults = Fault::all().into_iter().map(|fault| (fault.name(), Some(fault)));
    [("nothing".to_owned(), None), ("away".to_owned(), None)].into_iter().chain(faults).collect()
}

#[test]
fn p01_p02_p03_no_flow_good_or_bad_shows_or_logs_a_secret() {
    for (name, fault) in mishaps() {
        for auth in [ClientAuth::Basic, ClientAuth::Post] {
            let mut spy = Spy::new(&spy::config().client_auth(auth));
            spy.world.down = name == "away";
            spy.world.provider.set_fault(fault.clone());
            walk(&mut spy);
            visit(&mut spy);
            spy.expect_nothing_shown(&name);
            assert!(!spy.log.lines().is_empty(), "{name}: bad tokens are logged");
            if name == "nothing" {
                assert_eq!(spy.kinds(), ALL_KINDS.into(), "each kind has come by");
            }
        }
    }
}

/// What the provider posts, and what it has a frame loaded with.
#[test]
fn p01_p02_no_sign_out_by_the_provider_shows_its_token_or_session() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    world.provider.add_client(DevClient {
        redirect_uris: vec!["https://rp.example/callback".into()],
        back_channel_logout_uri: Some("https://rp.example/backchannel-logout".into()),
        ..DevClient::confidential("web", "s3cr&t +%")
    });
    browser.sign_in(&mut world);
    let sid: String = browser.open(&mut world, "/").identity.unwrap().claims().get("sid").unwrap();
    let now = world.now.as_secs();
    let token = world.provider.back_channel_logout(None, Some(&sid), "web", now).remove(0).logout_token;
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    let mut shown = String::new();
    let lines = logged(|| {
        for token in [&token, &token, &forged] {
            let form = Ask::form("/backchannel-logout", format!("logout_token={token}"));
            shown.push_str(&format!("{:?}", world.ask(form)));
        }
        for iss in ["https://op.example", "https://evil.example"] {
            let frame = Ask::get(&format!("/frontchannel-logout?iss={iss}&sid={sid}"));
            shown.push_str(&format!("{:?}", world.ask(frame)));
        }
    });
    assert_eq!(lines.len(), 3, "each refusal is logged: {lines:?}");
    shown.push_str(&lines.join("\n"));
    for secret in [signed, signature, &forged, &sid, "evil"] {
        assert!(!spy::shows(&shown, secret), "{secret} {shown}");
    }
}

const ALL_KINDS: [&str; 12] = [
    "client secret",
    "cookie secret",
    "state",
    "nonce",
    "code",
    "code verifier",
    "credentials",
    "ID token",
    "access token",
    "refresh token",
    "login cookie",
    "session or logout cookie",
];

/// The search itself: a secret is found in each of its forms, also where lines are broken.
#[test]
fn p01_a_secret_that_is_shown_is_found() {
    let secret = "canary/with space";
    for text in [
        format!("a {secret} b"),
        "?q=canary%2Fwith+space&r".to_owned(),
        format!("{:?}", secret.as_bytes()),
        format!("{:#?}", Some(secret.as_bytes())),
    ] {
        assert!(spy::shows(&text, secret), "{text}");
    }
    assert!(!spy::shows("[redacted]", secret));
    let lines = logged(|| tracing::trace!(token = secret, "at any level"));
    assert_eq!(lines.len(), 1);
    assert!(spy::shows(&lines[0], secret), "{lines:?}");
}

fn keys_with_private_members() -> (String, Vec<&'static str>) {
    let members = ["d", "p", "q", "dp", "dq", "qi"];
    let canaries = vec!["canary-private-d", "canary-private-p", "canary-private-q", "canary-dp-0123456"];
    let mut keys = DevProvider::new(ISSUER).jwks();
    for key in keys["keys"].as_array_mut().unwrap() {
        for (index, member) in members.iter().enumerate() {
            key[*member] = json!(canaries[index % canaries.len()]);
        }
    }
    (keys.to_string(), canaries)
}

#[test]
fn p01_p02_the_private_part_of_a_key_is_never_shown() {
    let (keys, canaries) = keys_with_private_members();
    let builder = Config::resource_server(ISSUER, "api").static_keys(&keys);
    let mut shown = vec![format!("{builder:?}")];
    let config = builder.build().unwrap();
    shown.push(format!("{config:?}"));
    let parsed = KeySet::parse(keys.as_bytes(), &RustCrypto).unwrap();
    assert!(!parsed.is_empty());
    shown.push(format!("{parsed:?} {:?}", parsed.skipped()));
    let lines = logged(|| {
        let client = Client::new(config, Arc::new(Seeded::new()));
        shown.push(format!("{client:?}"));
    });
    assert!(lines.iter().any(|line| line.contains("private key")), "it is said that there is one: {lines:?}");
    for text in shown.iter().chain(&lines) {
        for canary in &canaries {
            assert!(!spy::shows(text, canary), "{canary}: {text}");
        }
    }
}

#[test]
fn p01_rules_for_one_sign_in_do_not_show_its_nonce() {
    let nonce = "canary-nonce-0123456789";
    let rules = TokenRules::id(ISSUER, "web").unwrap().nonce(nonce);
    assert!(!spy::shows(&format!("{rules:?}"), nonce), "{rules:?}");
}

#[test]
fn p01_p02_a_bad_setting_is_named_without_its_secret() {
    let password = "canary-password-0123456789";
    let with_password = |rest: &str| format!("https://me:{password}@{rest}");
    let on_the_web = || Config::builder(ISSUER, "web", "https://rp.example/callback");
    let vars = |name: &str, value: &str| {
        let (name, value) = (name.to_owned(), value.to_owned());
        let given = move |wanted: &str| match wanted {
            wanted if wanted == name => Some(value.clone()),
            "OIDC_ISSUER" => Some(ISSUER.to_owned()),
            "OIDC_CLIENT_ID" => Some("web".to_owned()),
            "OIDC_REDIRECT_URI" => Some("https://rp.example/callback".to_owned()),
            _ => None,
        };
        Config::from_vars(given).map(|_| ())
    };
    let built = |builder: oidc_core::config::ConfigBuilder| builder.build().map(|_| ());
    let refused: Vec<(&str, Result<(), ConfigError>)> = vec![
        ("issuer", built(Config::builder(&with_password("op.example"), "web", "https://rp.example/cb"))),
        ("issuer", built(Config::builder(&with_password("op.example/?q"), "web", "https://rp.example/cb"))),
        ("issuer", built(Config::builder(&with_password("op.example/é"), "web", "https://rp.example/cb"))),
        ("issuer", built(Config::resource_server(&with_password("op.example/{x}"), "api"))),
        ("issuer", built(Config::resource_server(&format!("https:/me:{password}@op.example?q"), "api"))),
        ("issuer", built(Config::resource_server(&format!("https:/\t\\me:{password}@op.example"), "api"))),
        ("issuer", built(Config::resource_server(&format!("https:me:{password}@op.example:x"), "api"))),
        ("redirect_uri", built(Config::builder(ISSUER, "web", &with_password("rp.example/callback?q")))),
        ("redirect_uri", built(Config::builder(ISSUER, "web", &with_password("rp.example/callback")))),
        ("metadata_url", built(on_the_web().metadata_url(&with_password("op.example/metadata")))),
        ("cookie_secret", built(on_the_web().cookie_secrets(&[password.to_owned()]))),
        ("cookie_secret", built(on_the_web().cookie_secrets(&[format!("{password}+/")]))),
        ("cookie_secret", vars("OIDC_COOKIE_SECRET", password)),
        (
            "client_auth",
            built(on_the_web().client_secret(Secret::new(password)).client_auth(ClientAuth::None)),
        ),
        ("static_keys", built(on_the_web().static_keys(password))),
        ("static_keys", built(on_the_web().static_keys(&format!(r#"{{"keys":[{{"d":"{password}"}}]}}"#)))),
    ];
    for (setting, result) in refused {
        let error = result.expect_err(setting);
        assert_eq!(error.setting(), setting);
        let shown = format!("{error} {error:?}");
        assert!(!spy::shows(&shown, password), "{shown}");
    }
}

/// Many providers repeat what they were sent, to be helpful.
#[test]
fn p02_p04_a_provider_that_repeats_our_secrets_in_an_error_does_not_make_them_shown() {
    let mut spy = Spy::new(&spy::config());
    let client = spy.world.client();
    let redirect = spy.run(|now| client.begin_login(LoginOptions::default(), now)).unwrap();
    spy.learn_address(&redirect.url);
    let callback = spy.authorize(&redirect.url);
    let callback = Callback::parse(callback.query().unwrap()).unwrap();
    let Step::Fetch(fetch, reply) = client.finish_login(redirect.login, callback, spy.world.now) else {
        panic!("the code is redeemed")
    };
    let sent: BTreeMap<String, String> =
        url::form_urlencoded::parse(fetch.request.body()).into_owned().collect();
    for (kind, name) in [("code", "code"), ("code verifier", "code_verifier")] {
        spy.secret(kind, &sent[name]);
    }
    let description =
        format!("no code {}; verifier {}; secret {CLIENT_SECRET}", sent["code"], sent["code_verifier"]);
    let answer = json!({"error": "invalid_grant", "error_description": description});
    let step = reply.resume(answered(400, &answer), spy.world.now);
    let finished = spy.run(|_| step);
    let error = finished.as_ref().unwrap_err().clone();
    assert_eq!(error.code(), "provider_error");
    assert!(error.to_string().contains("no code"), "what else it says is kept: {error}");
    spy.outcome(finished);
    spy.expect_nothing_shown(&"the provider repeats");
}

fn answered(status: u16, body: &Value) -> FetchResult {
    let response = http::Response::builder().status(status).header("content-type", "application/json");
    Ok(response.body(body.to_string().into_bytes()).unwrap())
}

#[test]
fn p03_credentials_are_marked_sensitive_and_stand_in_no_address() {
    let mut spy = Spy::new(&spy::config());
    let client = spy.world.client();
    let redirect = spy.run(|now| client.begin_login(LoginOptions::default(), now)).unwrap();
    let callback = spy.authorize(&redirect.url);
    let callback = Callback::parse(callback.query().unwrap()).unwrap();
    let session: Session = {
        let step = client.finish_login(redirect.login, callback, spy.world.now);
        expect_sensitive(&step, "token", "Basic ");
        spy.run(|_| step).unwrap()
    };
    expect_sensitive(&client.userinfo(&session, spy.world.now), "userinfo", "Bearer ");
    expect_sensitive(&client.refresh(session, spy.world.now), "token", "Basic ");
}

fn expect_sensitive<T>(step: &Step<T>, purpose: &str, scheme: &str) {
    let Step::Fetch(fetch, _) = step else { panic!("{step:?}") };
    let value = &fetch.request.headers()["authorization"];
    assert!(value.is_sensitive() && value.to_str().unwrap().starts_with(scheme), "{purpose}");
    assert_eq!((fetch.purpose.name(), fetch.request.uri().query()), (purpose, None));
    assert!(format!("{:?}", fetch.request.headers()).contains("Sensitive"));
}

/// What an answer tells depends on status and code alone.
#[test]
fn p04_an_answer_tells_the_code_of_an_error_and_nothing_else() {
    let mut told: BTreeMap<(u16, bool, String), String> = BTreeMap::new();
    for (name, fault) in mishaps() {
        let mut spy = Spy::new(&spy::config());
        spy.world.down = name == "away";
        spy.world.provider.set_fault(fault);
        visit(&mut spy);
        for answer in spy.answers.iter().filter(|answer| answer.status().as_u16() >= 400) {
            let body = String::from_utf8(answer.body().clone()).unwrap();
            let mut headers = answer.headers().clone();
            headers.remove("set-cookie");
            spy.expect_none_in(&format!("{headers:?} {body}"), &name);
            let html = headers["content-type"] == "text/html; charset=utf-8";
            let code = code_in(&body);
            let key = (answer.status().as_u16(), html, code.clone());
            let body = body.replace("?return_to=%2Fprofile", "?return_to=%2F");
            assert_eq!(told.entry(key).or_insert_with(|| body.clone()), &body, "{name}: {code}");
            if !html {
                assert_eq!(body, json!({ "error": code }).to_string());
            }
        }
    }
    let codes: std::collections::BTreeSet<&str> = told.keys().map(|(_, _, code)| code.as_str()).collect();
    for code in ["malformed", "bad_signature", "provider_error", "state_mismatch", "claim_invalid"] {
        assert!(codes.contains(code), "{codes:?}");
    }
}

fn code_in(body: &str) -> String {
    let json = serde_json::from_str::<Value>(body).ok();
    let code = json
        .and_then(|answer| answer["error"].as_str().map(str::to_owned))
        .or_else(|| body.split("Code: ").nth(1).and_then(|rest| rest.split('<').next()).map(str::to_owned));
    let code = code.unwrap_or_else(|| panic!("no code in {body}"));
    assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
    code
}

#[test]
fn p04_what_an_attacker_or_a_provider_says_is_on_no_page() {
    let canary = "canary-description-0123456789";
    let mut world = World::new();
    for accept in ["text/html", "application/json"] {
        let mut browser = Browser::default();
        let start = browser.ask(&mut world, Ask::get("/profile").page().required());
        let (_, state) =
            start.location().query_pairs().into_owned().find(|(name, _)| name == "state").unwrap();
        for query in [
            format!("error={canary}&error_description={canary}&error_uri={canary}&state={state}"),
            format!("code={canary}&state={canary}"),
            format!("code={canary}&code={canary}&state={canary}"),
            format!("{canary}={canary}"),
        ] {
            let ask = Ask::get(&format!("/callback?{query}")).header("accept", accept);
            let answer = browser.ask(&mut world, ask);
            assert_eq!(answer.status(), 400);
            assert!(!spy::shows(&format!("{:?} {}", answer.headers, answer.body), canary), "{answer:?}");
        }
    }
    let answer = world.ask(Ask::get(&format!("/api/{canary}?{canary}")).required());
    assert_eq!((answer.status(), answer.body.contains(canary)), (401, false));
}

/// The memory where a secret was holds it no longer. (Read as a file: no code of this crate may read it as memory.)
#[cfg(target_os = "linux")]
#[test]
#[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "the test reads its own memory")]
fn p05_a_secret_is_wiped_when_it_is_dropped() {
    use std::io::{Read, Seek, SeekFrom};
    let secret = Secret::new("erase-me".repeat(512));
    let (address, length) = (secret.expose().as_ptr() as u64, secret.expose().len());
    // All that reading needs is there before, or it could take the place of what it is to find.
    let mut memory = std::fs::File::open("/proc/self/mem").unwrap();
    let mut bytes = vec![0; length];
    let mut remembered = || {
        memory.seek(SeekFrom::Start(address)).unwrap();
        memory.read_exact(&mut bytes).unwrap();
        bytes.windows(8).filter(|window| window == b"erase-me").count()
    };
    assert_eq!(remembered(), 512);
    drop(secret);
    assert_eq!(remembered(), 0);
}

/// What is kept of secrets is a `Secret`, and what seals cookies wipes its key.
#[test]
fn p05_secrets_are_kept_as_what_is_wiped() {
    for (file, declaration) in [
        ("core/src/secret.rs", "pub struct Secret(Zeroizing<String>);"),
        ("core/src/config/builder.rs", "client_secret: Option<Secret>,"),
        ("core/src/config/registration.rs", "struct Fixed(Secret);"),
        ("core/src/config.rs", "cookie_secrets: Vec<Secret>,"),
        ("core/src/login.rs", "code_verifier: Secret,"),
        ("core/src/login/callback.rs", "Code(Secret),"),
        ("core/src/exchange.rs", "access_token: Secret,"),
        ("core/src/exchange.rs", "refresh_token: Option<Secret>,"),
        ("core/src/session.rs", "id_token: Secret,"),
        ("core/src/cookie.rs", "let mut key = Zeroizing::new([0; 32]);"),
    ] {
        assert!(sources::read(file).contains(declaration), "{file}: {declaration}");
    }
    let manifest = sources::read("Cargo.toml");
    let cipher = manifest.lines().find(|line| line.starts_with("chacha20poly1305 = ")).unwrap();
    assert!(cipher.contains("\"zeroize\""), "{cipher}");
}

#[test]
fn p06_state_and_nonce_are_compared_whole() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let start = browser.ask(&mut world, Ask::get("/profile").page().required());
    let (_, state) = start.location().query_pairs().into_owned().find(|(name, _)| name == "state").unwrap();
    let first = if state.starts_with('A') { "B" } else { "A" };
    let last = if state.ends_with('A') { "B" } else { "A" };
    for wrong in [
        format!("{first}{}", &state[1..]),
        format!("{}{last}", &state[..state.len() - 1]),
        state[..state.len() - 1].to_owned(),
        format!("{state}A"),
        state.to_ascii_lowercase(),
    ] {
        assert_ne!(wrong, state);
        let answer = browser.open(&mut world, &format!("/callback?code=c&state={wrong}"));
        assert_eq!((answer.status(), answer.code().as_str()), (400, "state_mismatch"), "{wrong}");
    }
    let nonce = "n".repeat(43);
    let rules = TokenRules::id(ISSUER, "web").unwrap().nonce(&nonce);
    let now = world.now.as_secs();
    let keys = KeySet::parse(world.provider.jwks().to_string().as_bytes(), &RustCrypto).unwrap();
    let verify = |nonce: &str| {
        let claims =
            json!({"iss": ISSUER, "aud": "web", "sub": "ada", "iat": now, "exp": now + 60, "nonce": nonce});
        let header = json!({"alg": "RS256", "kid": world.provider.current_kid()});
        let verified = rules.verify(&world.provider.sign(&header, &claims), &keys, world.now);
        verified.map(|_| ()).map_err(|error| (error.code(), error.claim()))
    };
    assert_eq!(verify(&nonce), Ok(()));
    for wrong in
        [format!("{}m", &nonce[1..]), format!("m{}", &nonce[1..]), nonce[1..].to_owned(), String::new()]
    {
        assert_eq!(verify(&wrong), Err(("claim_invalid", Some("nonce"))), "{wrong}");
    }
}

#[test]
fn p06_no_secret_is_compared_by_an_operator() {
    let found =
        sources::comparisons_of_secrets("if given.state == login.state() {}\nif *nonce != expected {}");
    assert_eq!(found.len(), 2, "the search finds what it must: {found:?}");
    for file in sources::rust_files(&["core/src", "io-blocking/src", "io-tokio/src"]) {
        let found = sources::comparisons_of_secrets(&sources::code_of(&file));
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
    let equal = sources::read("core/src/token.rs");
    assert!(equal.contains("a.as_bytes().ct_eq(b.as_bytes())"), "in constant time, by the crate subtle");
    for (file, comparison) in [
        ("core/src/login/callback.rs", "equal(self.state.expose(), login.state.expose())"),
        ("core/src/guard/sign_out.rs", "equal(awaited, &state)"),
    ] {
        assert!(sources::read(file).contains(comparison), "{file}");
    }
}

#[test]
fn p07_every_answer_to_a_callback_keeps_its_address_to_itself() {
    for accept in ["text/html", "application/json", "*/*"] {
        let (mut world, mut browser) = (World::new(), Browser::default());
        let callback = browser.start(&mut world, "/profile");
        let done = browser.ask(&mut world, callback.clone().header("accept", accept));
        assert_eq!((done.status(), done.header("location")), (303, "/profile"));
        assert_eq!(done.header("referrer-policy"), "no-referrer", "{accept}");
        let again = browser.ask(&mut world, callback.header("accept", accept));
        let other = browser.ask(&mut world, Ask::get("/callback?code=c").header("accept", accept));
        let posted = Ask::form("/callback", "code=c&state=s").header("accept", accept);
        let posted = browser.ask(&mut world, posted);
        for (answer, code) in
            [(again, "state_mismatch"), (other, "state_missing"), (posted, "method_not_allowed")]
        {
            assert_eq!(answer.code(), code);
            assert_eq!(answer.all("referrer-policy"), ["no-referrer"], "{accept}: {code}");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
        for fault in [Fault::TokenErrorInvalidGrant, Fault::Status(Endpoint::Token, 503), Fault::AccessDenied]
        {
            world.provider.set_fault(Some(fault));
            let mut browser = Browser::default();
            let callback = browser.start(&mut world, "/profile");
            let failed = browser.ask(&mut world, callback.header("accept", accept));
            assert!(failed.status() >= 400);
            assert_eq!(failed.all("referrer-policy"), ["no-referrer"], "{accept}: {failed:?}");
        }
    }
}

fn warnings_of(danger: Danger) -> Vec<String> {
    let config = Config::resource_server(ISSUER, "api").danger(danger).build().unwrap();
    logged(|| drop(Client::new(config, Arc::new(Seeded::new()))))
}

#[test]
fn p08_each_check_that_is_lifted_is_logged_as_a_warning_and_listed_in_the_security_policy() {
    assert_eq!(warnings_of(Danger::new()), [""; 0]);
    assert_eq!(warnings_of(Danger::default()), [""; 0]);
    let switches = [
        ("rsa_bits_up_to", Danger::new().rsa_bits_up_to(8192)),
        ("small_exponents", Danger::new().small_exponents()),
        ("unproven_confirmation", Danger::new().unproven_confirmation()),
    ];
    let policy = sources::read("SECURITY.md");
    for (name, danger) in switches {
        let lines = warnings_of(danger);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("WARN") && lines[0].contains(name), "{lines:?}");
        assert!(policy.contains(&format!("`Danger::{name}`")), "SECURITY.md does not list {name}");
    }
    let all = Danger::new().rsa_bits_up_to(8192).small_exponents().unproven_confirmation();
    assert_eq!(warnings_of(all).len(), 3);
    let known: Vec<String> = switches.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(sources::public_switches("core/src/danger.rs"), known, "a new one belongs into this test");
}

/// Neither a variable nor a cargo feature lifts a check: the methods of `Danger` alone do.
#[test]
fn p08_nothing_but_a_method_lifts_a_check() {
    for name in ["core", "io-blocking", "io-tokio"] {
        for (feature, _) in sources::features(&format!("{name}/Cargo.toml")) {
            let suspicious = ["danger", "insecure", "skip", "no_", "no-", "disable", "allow", "test"];
            assert!(!suspicious.iter().any(|word| feature.contains(word)), "{name}: {feature}");
        }
    }
    let variables = sources::read("core/src/config/builder.rs");
    let from_vars = variables.split("pub fn from_vars").nth(1).unwrap().split("\n    }").next().unwrap();
    assert!(from_vars.contains("client_auth") && !from_vars.contains("danger"));
    for file in sources::rust_files(&["io-blocking/src", "io-tokio/src"]) {
        assert!(!sources::code_of(&file).contains("Danger"), "{}", file.display());
    }
}

#[test]
fn p09_features_add_and_are_the_known_ones() {
    for (name, known) in [
        (
            "core",
            vec![
                ("default", r#"["rsa"]"#),
                ("aws-lc-rs", r#"["dep:aws-lc-rs"]"#),
                ("ecdsa", r#"["dep:p256", "dep:p384"]"#),
                ("eddsa", r#"["dep:ed25519-dalek"]"#),
                ("metrics", r#"["dep:metrics"]"#),
                ("rsa", r#"["dep:crypto-bigint", "dep:rsa"]"#),
                ("rsa-pss", "[]"),
            ],
        ),
        (
            "io-blocking",
            vec![
                ("default", "[]"),
                ("ecdsa", r#"["oidc-core/ecdsa"]"#),
                ("eddsa", r#"["oidc-core/eddsa"]"#),
                ("metrics", r#"["oidc-core/metrics"]"#),
                ("client-key", r#"["dep:aws-lc-rs", "dep:rustls-pki-types", "dep:serde_json"]"#),
                ("rsa-pss", r#"["oidc-core/rsa-pss"]"#),
                ("redis", r#"["dep:redis"]"#),
                ("rouille", r#"["dep:rouille"]"#),
                ("ws", r#"["dep:tungstenite"]"#),
            ],
        ),
        (
            "io-tokio",
            vec![
                ("default", "[]"),
                ("ecdsa", r#"["oidc-core/ecdsa"]"#),
                ("eddsa", r#"["oidc-core/eddsa"]"#),
                ("metrics", r#"["oidc-core/metrics"]"#),
                ("client-key", r#"["dep:aws-lc-rs", "dep:rustls-pki-types", "dep:serde_json"]"#),
                ("rsa-pss", r#"["oidc-core/rsa-pss"]"#),
                ("redis", r#"["dep:redis", "tokio/sync"]"#),
                ("actix", r#"["dep:actix-web"]"#),
                ("actix-ws", r#"["actix", "sockets", "dep:actix-ws", "dep:bytestring"]"#),
                ("axum", r#"["tower", "dep:axum"]"#),
                ("ws", r#"["axum", "axum/ws", "sockets"]"#),
                ("sockets", r#"["tokio/macros", "tokio/sync"]"#),
                ("socketio", r#"["tower", "sockets", "dep:serde", "dep:serde_json", "dep:socketioxide"]"#),
                (
                    "tower",
                    r#"["dep:http-body", "dep:http-body-util", "dep:tower-layer", "dep:tower-service"]"#,
                ),
            ],
        ),
    ] {
        let manifest = format!("{name}/Cargo.toml");
        let found = sources::features(&manifest);
        let found: Vec<(&str, &str)> =
            found.iter().map(|(feature, enables)| (feature.as_str(), enables.as_str())).collect();
        assert_eq!(found, known, "{manifest}");
        let uncommented = sources::features_without_comment(&manifest);
        assert_eq!(uncommented, [""; 0], "{manifest}: each feature says what it adds");
    }
}

/// What is compiled only without a feature is where a feature could take something away: there is one such item that does
/// nothing, and in each driver one that refuses a store, and one that refuses a key, which it was built without. That verdicts are the same is shown by this suite, which `.ci/run` runs with `metrics` and without.
#[test]
fn p09_no_code_is_left_out_by_a_feature() {
    let mut without = Vec::new();
    for file in sources::rust_files(&["core/src", "io-blocking/src", "io-tokio/src"]) {
        let code = sources::code_of(&file);
        let lines: Vec<&str> = code.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            assert!(!line.contains("cfg!("), "{}: {line}", file.display());
            if line.contains("not(feature") && !line.contains("doc = ") {
                without.push(lines[number + 1].trim().to_owned());
            }
        }
    }
    let refuses = "fn in_redis(_: &str) -> Result<Arc<dyn SessionStore>, ConfigError> {";
    let counts = "fn count_fetch<T>(_: &'static str, _: &Result<Loaded<T>, Failure>) {}";
    let no_key =
        "fn with_key(_: ConfigBuilder, _: &str, _: Option<&str>) -> Result<ConfigBuilder, ConfigError> {";
    assert_eq!(without, [counts, no_key, refuses, no_key, refuses]);
}

#[test]
fn p10_an_empty_list_of_what_is_allowed_is_a_bad_setting_and_allows_nothing() {
    let setting = |result: Result<Config, ConfigError>| result.err().map(|error| error.setting());
    let api = || Config::resource_server(ISSUER, "api");
    let web =
        |issuer: &str, client_id: &str| Config::builder(issuer, client_id, "https://rp.example/callback");
    assert_eq!(setting(api().build()), None);
    assert_eq!(setting(web(ISSUER, "web").build()), None);
    assert_eq!(setting(api().algorithms(&[]).build()), Some("algorithms"));
    assert_eq!(setting(api().bearer(&[]).build()), Some("bearer"));
    assert_eq!(setting(Config::resource_server(ISSUER, "").build()), Some("audience"));
    assert_eq!(setting(web(ISSUER, "web").audience("").build()), Some("audience"));
    assert_eq!(setting(web(ISSUER, "").build()), Some("client_id"));
    assert_eq!(setting(Config::resource_server("", "api").build()), Some("issuer"));
    assert_eq!(setting(web("", "web").build()), Some("issuer"));
    let rules = |result: Result<TokenRules, ConfigError>| result.err().map(|error| error.setting());
    assert_eq!(rules(TokenRules::access("", "api")), Some("issuer"));
    assert_eq!(rules(TokenRules::access(ISSUER, "")), Some("audience"));
    assert_eq!(rules(TokenRules::id(ISSUER, "")), Some("client_id"));
    assert_eq!(rules(TokenRules::logout(ISSUER, "")), Some("client_id"));
    assert_eq!(rules(TokenRules::id(ISSUER, "web").unwrap().algorithms(&[])), Some("algorithms"));
    assert_eq!(rules(TokenRules::access(ISSUER, "api").unwrap().accept(&[])), Some("bearer"));
    for name in ["ALGORITHMS", "AUDIENCE", "BEARER", "ISSUER", "CLIENT_ID"] {
        let variable = format!("OIDC_{name}");
        let given = |wanted: &str| match wanted {
            wanted if wanted == variable => Some(String::new()),
            "OIDC_ISSUER" => Some(ISSUER.to_owned()),
            "OIDC_CLIENT_ID" => Some("web".to_owned()),
            "OIDC_REDIRECT_URI" => Some("https://rp.example/callback".to_owned()),
            _ => None,
        };
        assert_eq!(setting(Config::from_vars(given)), Some(name.to_ascii_lowercase().as_str()));
    }
}

/// The examples of the manual are what shows it; here, that each mistake stands beside what compiles, and names its error.
#[test]
fn p11_each_mistake_that_does_not_compile_stands_beside_what_does() {
    let page = sources::read("core/src/manual/misuse.rs");
    let fences: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("//! ```")).step_by(2).collect();
    assert!(fences.len() >= 40, "{}", fences.len());
    let mut without_code = 0;
    for pair in fences.chunks(2) {
        assert!(pair[0].starts_with("compile_fail") && pair[1].is_empty(), "{pair:?}");
        without_code += usize::from(!pair[0].starts_with("compile_fail,E0"));
    }
    assert_eq!(without_code, 1, "a lint has no code, everything else has one");
}

#[test]
fn p12_no_code_of_the_repository_is_unsafe() {
    let folders = ["core", "io-blocking", "io-tokio", "dev-provider", "benches", "examples", "tests", "fuzz"];
    let files = sources::rust_files(&folders);
    assert!(files.len() > 100, "{}", files.len());
    // Not spelled here, or this file would be found.
    let keyword = ["un", "safe"].concat();
    for file in files {
        let code = sources::code_of(&file);
        let mut words = code.split(|char: char| !char.is_alphanumeric() && !"_-".contains(char));
        assert!(words.all(|word| word != keyword), "{}", file.display());
    }
    let workspace = sources::read("Cargo.toml");
    let lints = workspace.split("[workspace.lints.rust]").nth(1).unwrap().split("\n[").next().unwrap();
    assert!(lints.contains("unsafe_code = \"forbid\""));
    let members = workspace.split("members = [").nth(1).unwrap().split("\n]").next().unwrap();
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() >= 5, "{members:?}");
    for member in members {
        let manifest = sources::read(&format!("{member}/Cargo.toml"));
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{member} does not take the workspace's lints"
        );
    }
}

#[test]
fn p13_core_denies_what_can_panic() {
    let root = sources::read("core/src/lib.rs");
    let denied = root.split("deny(").nth(1).unwrap().split(')').next().unwrap();
    for lint in [
        "unwrap_used",
        "expect_used",
        "panic",
        "indexing_slicing",
        "arithmetic_side_effects",
        "string_slice",
        "unreachable",
    ] {
        assert!(denied.contains(&format!("clippy::{lint}")), "{lint}");
    }
    for file in sources::rust_files(&["core/src"]) {
        if file.ends_with("tests.rs") {
            continue;
        }
        let code = sources::code_of(&file);
        for exempt in ["allow(clippy::", "#![allow"] {
            assert!(!code.contains(exempt), "{}: an `expect` with a reason, not `{exempt}`", file.display());
        }
        for shout in ["panic!(", "unreachable!(", "todo!(", "unimplemented!(", "assert!(", "assert_eq!("] {
            assert!(!code.contains(shout), "{}: {shout}", file.display());
        }
    }
}

/// RUSTSEC-2023-0071 is about private keys: of the crate `rsa`, only what verifies is used, and only by core.
#[test]
fn p14_of_the_crate_rsa_only_public_keys_are_used() {
    let public = [
        "rsa",
        "BoxedUint",
        "PublicKey",
        "Pkcs1v15Sign",
        "pkcs1v15",
        "Pss",
        "pss",
        "traits",
        "PublicKeyParts",
    ];
    let mut found = 0;
    for file in sources::rust_files(&["core/src", "io-blocking/src", "io-tokio/src"]) {
        let code = sources::code_of(&file);
        for line in code.lines().map(str::trim).filter(|line| line.contains("rsa::")) {
            let names = line.strip_prefix("use ").and_then(|rest| rest.strip_suffix(';'));
            let names = names.unwrap_or_else(|| panic!("only `use` may name the crate: {line}"));
            let mut names = names.split(|char: char| !char.is_alphanumeric()).filter(|name| !name.is_empty());
            assert!(names.all(|name| public.contains(&name)), "{}: {line}", file.display());
            found += 1;
        }
    }
    assert!(found > 0, "the crate is used somewhere");
    for driver in ["io-blocking", "io-tokio"] {
        let manifest = sources::read(&format!("{driver}/Cargo.toml"));
        assert!(!["\nrsa.", "\nrsa ="].iter().any(|crate_rsa| manifest.contains(crate_rsa)), "{driver}");
    }
}
