//! What every driver and web server must do alike, over real sockets. Each driver's tests include this file and give it
//! `start`, which serves `/` (anybody), `/profile` and `/api/whoami` (identity required), `/transfer` (where `transfers` is
//! met), and perhaps `/ws` (see `over_websockets.rs`) on a free port.

#[path = "answers.rs"]
mod answers;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use oidc_dev_provider::{AccessTokenRequest, Delivery, DevClient, DevProvider, Endpoint, Fault, Running};
use serde_json::json;
use url::Url;

use super::oidc_core::config::ConfigBuilder;
use super::oidc_core::{Config, Secret};
use super::{Policy, start};

pub(crate) struct World {
    pub(crate) provider: Running,
    pub(crate) origin: String,
    agent: ureq::Agent,
    pub(crate) cookies: BTreeMap<String, String>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: ureq::http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn code(&self) -> String {
        let json: Option<serde_json::Value> = serde_json::from_str(&self.body).ok();
        json.and_then(|json| json["error"].as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// What `/transfer` demands.
pub(crate) fn transfers() -> Policy {
    Policy::builder().role("/roles", "engineer").acr(&["phr"]).build().unwrap()
}

pub(crate) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

impl World {
    fn new() -> Self {
        Self::with(&[])
    }

    /// A provider and an application of its own, with these variables beside the necessary ones.
    pub(crate) fn with(variables: &[(&str, &str)]) -> Self {
        let provider = DevProvider::serve("127.0.0.1:0").unwrap();
        provider.with(|provider| provider.auto_login(Some("ada")));
        let issuer = provider.issuer();
        let origin = start(&|origin, name| match name {
            "OIDC_ISSUER" => Some(issuer.clone()),
            "OIDC_CLIENT_ID" => Some("demo-client".into()),
            "OIDC_CLIENT_SECRET" => Some("demo-secret".into()),
            "OIDC_REDIRECT_URI" => Some(format!("{origin}/callback")),
            other => variables.iter().find(|(name, _)| *name == other).map(|(_, value)| (*value).to_owned()),
        });
        let agent = ureq::Agent::config_builder().max_redirects(0).max_redirects_will_error(false);
        let agent = agent.http_status_as_error(false).proxy(None).build().into();
        Self { provider, origin, agent, cookies: BTreeMap::new() }
    }

    pub(crate) fn send(&mut self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        let ours = url.starts_with(&self.origin);
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if ours && !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_owned()).unwrap();
        let (head, mut body) = self.agent.run(request).unwrap().into_parts();
        for cookie in head.headers.get_all("set-cookie").iter().filter(|_| ours) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            if rest.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), rest.split(';').next().unwrap().into());
            }
        }
        Answer { status: head.status.as_u16(), headers: head.headers, body: body.read_to_string().unwrap() }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", &format!("{}{path}", self.origin), &[], "")
    }

    fn whoami(&mut self, token: &str) -> Answer {
        let url = format!("{}/api/whoami", self.origin);
        self.send("GET", &url, &[("authorization", &format!("Bearer {token}"))], "")
    }

    /// Starts a sign-in; what the provider answers is not delivered yet.
    fn callback(&mut self) -> String {
        let redirect = self.get("/profile");
        assert_eq!(redirect.status, 303, "{}", redirect.body);
        let answer = self.send("GET", redirect.header("location"), &[], "");
        answer.header("location").to_owned()
    }

    pub(crate) fn sign_in(&mut self) -> Answer {
        let callback = self.callback();
        self.send("GET", &callback, &[], "")
    }

    fn has_session(&self) -> bool {
        self.cookies.keys().any(|name| name.ends_with("-session"))
    }

    pub(crate) fn access_token(&self) -> String {
        self.provider.with(|provider| provider.access_token(AccessTokenRequest::default(), now()))
    }

    fn fault(&self, fault: Fault) {
        self.provider.with(|provider| provider.set_fault(Some(fault)));
    }
}

/// The settings of a second provider, if there is one: its callback is at a path of its own.
pub(crate) fn second_provider(
    variable: &dyn Fn(&str, &str) -> Option<String>,
    origin: &str,
) -> Option<ConfigBuilder> {
    let issuer = variable(origin, "SECOND_ISSUER")?;
    let config = Config::builder(&issuer, "demo-client", &format!("{origin}/callback/second"));
    Some(config.client_secret(Secret::new("demo-secret")))
}

#[test]
fn two_providers_sign_people_in_and_each_judges_its_own_tokens() {
    let second = DevProvider::serve("127.0.0.1:0").unwrap();
    second.with(|provider| provider.auto_login(Some("grace")));
    // The same key under the same name: nothing but the issuer tells their tokens apart.
    let mut world = World::with(&[("SECOND_ISSUER", &second.issuer())]);
    let theirs = second.with(|provider| provider.access_token(AccessTokenRequest::default(), now()));
    let ours = world.access_token();
    for (token, issuer) in [(&ours, world.provider.issuer()), (&theirs, second.issuer())] {
        let answer = world.whoami(token);
        assert!(answer.status == 200 && answer.body.contains(&issuer), "{}", answer.body);
    }
    let start = world.get(&format!("/login?iss={}&return_to=/profile", second.issuer()));
    assert!(start.header("location").starts_with(&second.issuer()), "{}", start.header("location"));
    let callback = world.send("GET", start.header("location"), &[], "").header("location").to_owned();
    // Delivered where the first one's answers come, it is nobody's.
    let elsewhere = callback.replace("/callback/second", "/callback");
    assert_eq!(world.send("GET", &elsewhere, &[], "").code(), "state_mismatch");
    let start = world.get(&format!("/login?iss={}&return_to=/profile", second.issuer()));
    let callback = world.send("GET", start.header("location"), &[], "").header("location").to_owned();
    assert_eq!(world.send("GET", &callback, &[], "").header("location"), "/profile");
    assert_eq!(world.get("/profile").body, "grace");
    let session = world.get("/api/whoami").body;
    assert!(session.contains(&second.issuer()), "{session}");
    let out = format!("{}/logout", world.origin);
    let origin = world.origin.clone();
    let left = world.send("POST", &out, &[("origin", &origin)], "");
    assert!(left.header("location").starts_with(&second.issuer()), "{}", left.header("location"));
    assert_eq!(world.sign_in().header("location"), "/profile", "the first one is the one without a name");
    assert_eq!(world.get("/profile").body, "ada");
}

#[test]
fn a_person_signs_in_is_recognised_and_signs_out() {
    let mut world = World::new();
    assert_eq!(world.get("/").body, "nobody");
    let answer = world.sign_in();
    assert_eq!((answer.status, answer.header("location")), (303, "/profile"));
    let profile = world.get("/profile");
    assert_eq!((profile.status, profile.body.as_str()), (200, "ada"));
    assert_eq!(world.get("/").body, "ada");
    let out = format!("{}/logout", world.origin);
    assert_eq!(world.send("POST", &out, &[], "").status, 403);
    let origin = world.origin.clone();
    let answer = world.send("POST", &out, &[("origin", &origin)], "");
    assert_eq!(answer.status, 303);
    let url = Url::parse(answer.header("location")).unwrap();
    assert_eq!(url.path(), "/end-session");
    let answer = world.send("GET", url.as_str(), &[], "");
    let back = answer.header("location").to_owned();
    assert!(back.starts_with(&format!("{origin}/logged-out?state=")), "{} {back}", answer.status);
    assert!(world.send("GET", &back, &[], "").body.contains("ended your session there too"));
    assert_eq!(world.get("/").body, "nobody");
}

#[test]
fn a_policy_admits_steps_up_and_refuses() {
    let mut world = World::new();
    world.sign_in();
    let html = [("accept", "text/html")];
    let url = format!("{}/transfer?to=bob", world.origin);
    let answer = world.send("GET", &url, &[("accept", "application/json")], "");
    assert_eq!((answer.status, answer.code().as_str()), (401, "insufficient_user_authentication"));
    assert!(answer.header("www-authenticate").ends_with("acr_values=\"phr\""));

    world.provider.with(|provider| provider.support_acr(&["phr"]));
    let redirect = world.send("GET", &url, &html, "");
    assert_eq!(redirect.status, 303, "{}", redirect.body);
    let back = world.send("GET", redirect.header("location"), &[], "");
    let answer = world.send("GET", back.header("location"), &html, "");
    assert_eq!((answer.status, answer.header("location")), (303, "/transfer?to=bob"));
    assert_eq!(world.send("GET", &url, &html, "").body, "ada");

    let transfer_with = |world: &mut World, roles: serde_json::Value| {
        let extra = json!({ "acr": "phr", "roles": roles }).as_object().unwrap().clone();
        let request = AccessTokenRequest { extra, ..Default::default() };
        let token = world.provider.with(|provider| provider.access_token(request, now()));
        world.cookies.clear();
        world.send("GET", &url, &[("authorization", &format!("Bearer {token}"))], "")
    };
    assert_eq!(transfer_with(&mut world, json!(["engineer"])).body, "ada");
    let answer = transfer_with(&mut world, json!(["viewer"]));
    assert_eq!((answer.status, answer.code().as_str()), (403, "insufficient_role"));
    let answer = world.send("GET", &url, &[], "");
    assert_eq!(answer.status, 303, "nobody is sent to sign in");
}

#[test]
fn a_session_ends_by_a_logout_token_and_by_a_frame() {
    let mut world = World::new();
    let uri = format!("{}/backchannel-logout", world.origin);
    world.sign_in();
    let client = DevClient {
        back_channel_logout_uri: Some(uri.clone()),
        ..DevClient::confidential("demo-client", "demo-secret")
    };
    let calls = world.provider.with(|provider| {
        provider.add_client(client);
        provider.back_channel_logout(Some("ada"), None, "demo-client", now())
    });
    let body = format!("logout_token={}", calls[0].logout_token);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = world.send("POST", &uri, &form, &body);
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.body);
    let answer = world.send("POST", &uri, &form, &body);
    assert_eq!((answer.status, answer.code().as_str()), (400, "claim_invalid"), "it is good once");
    assert_eq!(world.get("/").body, "nobody");
    assert!(!world.has_session());
    let issuer: String = url::form_urlencoded::byte_serialize(world.provider.issuer().as_bytes()).collect();
    let answer = world.get(&format!("/frontchannel-logout?iss={issuer}&sid=of-nobody"));
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let policy = answer.header("content-security-policy");
    assert!(policy.ends_with(&format!("frame-ancestors {}", world.provider.issuer())), "{policy}");
}

#[test]
fn a_person_signs_in_by_form_post() {
    let mut world = World::with(&[("OIDC_RESPONSE_MODE", "form_post")]);
    let redirect = world.get("/profile");
    let page = world.send("GET", redirect.header("location"), &[], "");
    let field = |name: &str| {
        let input =
            page.body.split("<input").find(|input| input.contains(&format!("name=\"{name}\""))).unwrap();
        input.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for name in ["code", "state", "iss"] {
        form.append_pair(name, &field(name));
    }
    let (callback, form) = (format!("{}/callback", world.origin), form.finish());
    let urlencoded = [("content-type", "application/x-www-form-urlencoded")];
    let large = world.send("POST", &callback, &urlencoded, &"a".repeat(70_000));
    assert_eq!((large.status, large.code().as_str()), (413, "body_too_large"));
    assert_eq!(world.send("POST", &callback, &[("content-type", "text/plain")], &form).status, 415);
    assert_eq!(world.send("POST", &callback, &urlencoded, &form).status, 303);
    assert_eq!(world.get("/profile").body, "ada");
}

#[test]
fn a_callback_that_finishes_no_sign_in_is_refused_and_nobody_is_signed_in() {
    let mut world = World::new();
    let callback = world.callback();
    let wrong_state = callback.replace("state=", "state=x");
    let answer = world.send("GET", &wrong_state, &[], "");
    assert_eq!((answer.status, answer.code().as_str()), (400, "state_mismatch"));
    let cookies = std::mem::take(&mut world.cookies);
    let answer = world.send("GET", &callback, &[], "");
    assert_eq!((answer.status, answer.code().as_str()), (400, "state_mismatch"), "without its cookie");
    assert!(!world.has_session());
    world.cookies.clone_from(&cookies);
    assert_eq!(world.send("GET", &callback, &[], "").status, 303);
    world.cookies = cookies;
    let answer = world.send("GET", &callback, &[], "");
    assert_eq!((answer.status, answer.code().as_str()), (400, "state_mismatch"), "replayed");
    assert!(!world.has_session());
    assert_eq!(world.provider.with(|provider| provider.requests("/token")), 1);
}

#[test]
fn a_provider_that_misbehaves_signs_nobody_in() {
    for (fault, status, code) in [
        (Fault::AccessDenied, 403, "provider_error"),
        (Fault::NonceInvalid, 502, "claim_invalid"),
        (Fault::InvalidIss, 502, "claim_invalid"),
        (Fault::InvalidAud, 502, "claim_invalid"),
        (Fault::SigNone, 502, "algorithm_not_allowed"),
        (Fault::InvalidSigHs256, 502, "algorithm_not_allowed"),
        (Fault::InvalidSigRs256, 502, "bad_signature"),
        (Fault::UnknownKid, 502, "unknown_key"),
        (Fault::UserinfoInvalidSub, 502, "subject_mismatch"),
        (Fault::Html(Endpoint::Token), 502, "provider_content_type"),
        (Fault::Redirect(Endpoint::Token), 502, "provider_status"),
        (Fault::Status(Endpoint::Token, 503), 503, "provider_status"),
        (Fault::Deliver(Endpoint::Token, Delivery::Reset), 503, "provider_unreachable"),
        (Fault::Deliver(Endpoint::Token, Delivery::Endless), 503, "provider_too_large"),
    ] {
        let mut world = World::new();
        world.fault(fault.clone());
        let answer = world.sign_in();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{fault:?}");
        assert!(!world.has_session(), "{fault:?}");
    }
}

#[test]
fn d41_a_provider_that_hangs_at_the_callback_ends_in_five_seconds() {
    let mut world = World::new();
    let callback = world.callback();
    world.fault(Fault::Deliver(Endpoint::Token, Delivery::Hang));
    let started = Instant::now();
    let answer = world.send("GET", &callback, &[], "");
    assert_eq!((answer.status, answer.code().as_str()), (503, "provider_timeout"));
    assert!(started.elapsed() < Duration::from_millis(5500), "{:?}", started.elapsed());
}

#[test]
fn d19_a_server_starts_while_its_provider_is_down_and_recovers() {
    let mut world = World::new();
    world.fault(Fault::Deliver(Endpoint::Any, Delivery::Reset));
    assert_eq!(world.get("/").body, "nobody");
    let answer = world.get("/profile");
    assert_eq!((answer.status, answer.code().as_str()), (503, "provider_unreachable"));
    let token = world.access_token();
    let answer = world.whoami(&token);
    assert_eq!((answer.status, answer.code().as_str()), (503, "keys_unavailable"));
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    world.provider.with(|provider| provider.set_fault(None));
    let give_up = Instant::now() + Duration::from_secs(10);
    while world.whoami(&token).status != 200 {
        assert!(Instant::now() < give_up, "it never recovers");
        std::thread::yield_now();
    }
    assert_eq!(world.sign_in().status, 303);
}

#[test]
fn a_bearer_token_is_judged_in_the_same_words_everywhere() {
    let mut world = World::new();
    let good = world.access_token();
    let answer = world.whoami(&good);
    let me: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &me["sub"], &me["aud"]), (200, &json!("ada"), &json!("demo-client")));
    assert_eq!(me["iss"], json!(world.provider.issuer()));

    let url = format!("{}/api/whoami", world.origin);
    let answer = world.send("GET", &url, &[], "");
    assert_eq!((answer.status, answer.body.as_str()), (401, r#"{"error":"no_credentials"}"#));
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"oidc\"");
    let bearer = format!("Bearer {good}");
    let answer = world.send("GET", &url, &[("authorization", &bearer), ("authorization", &bearer)], "");
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_request"));

    let (signed, signature) = good.rsplit_once('.').unwrap();
    let tampered =
        format!("{signed}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    let mint = |claims: serde_json::Value| {
        let extra = claims.as_object().unwrap().clone();
        world
            .provider
            .with(|provider| provider.access_token(AccessTokenRequest { extra, ..Default::default() }, 1))
    };
    let unknown_kid = world.provider.with(|provider| {
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": "made-up"});
        let issuer = provider.issuer().to_owned();
        provider.sign(
            &header,
            &json!({"iss": issuer, "aud": "demo-client", "sub": "ada", "exp": 4_102_444_800_u64,
            "iat": 1, "jti": "1", "client_id": "demo-client"}),
        )
    });
    for (token, code) in [
        ("junk".to_owned(), "malformed"),
        ("a".repeat(8_000) + "." + &"b".repeat(8_400), "too_large"),
        (format!("eyJhbGciOiJub25lIn0.{}.", signed.split('.').nth(1).unwrap()), "algorithm_not_allowed"),
        (tampered, "bad_signature"),
        (unknown_kid, "unknown_key"),
        (mint(json!({})), "expired"),
        (mint(json!({"exp": 4_102_444_800_u64, "aud": "other"})), "claim_invalid"),
        (mint(json!({"exp": 4_102_444_800_u64, "iss": "https://evil.example"})), "claim_invalid"),
    ] {
        let answer = world.whoami(&token);
        assert_eq!((answer.status, answer.body.as_str()), (401, format!(r#"{{"error":"{code}"}}"#).as_str()));
        let challenge =
            format!("Bearer realm=\"oidc\", error=\"invalid_token\", error_description=\"{code}\"");
        assert_eq!(answer.header("www-authenticate"), challenge);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[test]
fn d18_a_hundred_first_requests_make_one_fetch_each() {
    let world = World::new();
    let bearer = format!("Bearer {}", world.access_token());
    let url = format!("{}/api/whoami", world.origin);
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let answer = world.agent.get(&url).header("authorization", &bearer).call().unwrap();
                assert_eq!(answer.status(), 200);
            });
        }
    });
    let fetched = |path| world.provider.with(|provider| provider.requests(path));
    assert_eq!((fetched("/openid-configuration"), fetched("/jwks")), (1, 1));
}
