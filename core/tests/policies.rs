//! Policies: who may enter, who is refused for good, and who signs in anew for it.
#![cfg(feature = "rsa")]

mod support;

use std::time::Duration;

use http::Method;
use oidc_core::guard::{Policy, PolicyBuilder};
use oidc_core::{Incoming, Verdict};
use oidc_dev_provider::{AccessTokenRequest, DevUser};
use serde_json::{Value, json};

use support::{Answer, Ask, Browser, START, World, authorize, config};

fn built(policy: PolicyBuilder) -> Policy {
    policy.build().unwrap()
}

fn strong() -> Policy {
    built(Policy::builder().acr(&["phr", "phrh"]).max_age(Duration::from_secs(300)))
}

/// What a bearer token with these claims meets with.
fn bearer(world: &mut World, claims: &Value, policy: &Policy) -> Answer {
    let request = AccessTokenRequest {
        client_id: "web".into(),
        audience: "web".into(),
        scope: "read write".into(),
        extra: claims.as_object().unwrap().clone(),
        ..Default::default()
    };
    let token = world.provider.access_token(request, world.now.as_secs());
    world.ask(Ask::get("/api/x").header("authorization", &format!("Bearer {token}")).policy(policy))
}

/// A person loads a page that demands it.
fn open(browser: &mut Browser, world: &mut World, policy: &Policy) -> Answer {
    browser.ask(world, Ask::get("/transfer?to=bob").page().policy(policy))
}

/// From the redirect to the provider until the browser is back with what it brought.
fn follow(browser: &mut Browser, world: &mut World, redirect: &Answer) -> Answer {
    assert_eq!(redirect.status(), 303, "{redirect:?}");
    let callback = authorize(world, &redirect.location());
    browser.ask(world, callback)
}

fn parameter(answer: &Answer, name: &str) -> Option<String> {
    let location = answer.location();
    location.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

#[test]
fn a_role_is_a_string_an_element_or_a_member_s_name_and_nothing_else() {
    let mut world = World::new();
    let policy = built(Policy::builder().any_role("/app/roles", &["admin", "owner"]));
    for (roles, held) in [
        (json!("admin"), true),
        (json!("owner"), true),
        (json!(["user", "owner"]), true),
        (json!({ "user": {}, "admin": { "2345": "org.example" } }), true),
        (json!({ "owner": true }), true),
        (json!("admin owner"), false),
        (json!("Admin"), false),
        (json!("administrator"), false),
        (json!(["user"]), false),
        (json!([]), false),
        (json!(["admin", 7]), false),
        (json!([["admin"]]), false),
        (json!([{ "admin": {} }]), false),
        (json!({ "user": "admin" }), false),
        (json!({ "admin": false, "owner": null }), false),
        (json!(true), false),
        (json!(7), false),
        (json!(null), false),
    ] {
        let answer = bearer(&mut world, &json!({ "app": { "roles": roles } }), &policy);
        assert_eq!(answer.status.is_none(), held, "{roles}");
        if !held {
            assert_eq!((answer.status(), answer.code().as_str()), (403, "insufficient_role"), "{roles}");
            assert!(answer.all("www-authenticate").is_empty(), "another token would not help");
        }
    }
    for elsewhere in
        [json!({}), json!({ "app": ["admin"] }), json!({ "app": "admin" }), json!({ "roles": "admin" })]
    {
        assert_eq!(bearer(&mut world, &elsewhere, &policy).code(), "insufficient_role", "{elsewhere}");
    }
}

#[test]
fn a_pointer_reaches_every_name() {
    let mut world = World::new();
    for (pointer, claims) in [
        ("/realm_access/roles", json!({ "realm_access": { "roles": ["r"] } })),
        (
            "/resource_access/my-client/roles",
            json!({ "resource_access": { "my-client": { "roles": ["r"] } } }),
        ),
        ("/urn:zitadel:iam:org:project:roles", json!({ "urn:zitadel:iam:org:project:roles": { "r": {} } })),
        ("/https:~1~1app.example~1roles", json!({ "https://app.example/roles": "r" })),
        ("/~01/", json!({ "~1": { "": "r" } })),
        ("/a/0", json!({ "a": { "0": "r" } })),
    ] {
        let policy = built(Policy::builder().role(pointer, "r"));
        assert_eq!(bearer(&mut world, &claims, &policy).status, None, "{pointer}");
    }
    let policy = built(Policy::builder().role("/a/0", "r"));
    assert_eq!(bearer(&mut world, &json!({ "a": ["r"] }), &policy).code(), "insufficient_role", "no order");
}

#[test]
fn every_demand_must_be_met_and_what_another_sign_in_cannot_mend_is_told_first() {
    let mut world = World::new();
    let policy = built(
        Policy::builder()
            .scopes(&["read", "write"])
            .role("/roles", "admin")
            .role("/groups", "staff")
            .acr(&["phr"]),
    );
    let all = json!({ "roles": "admin", "groups": "staff", "acr": "phr" });
    assert_eq!(bearer(&mut world, &all, &policy).status, None);
    for (name, value, code) in [
        ("scope", json!("read"), "insufficient_scope"),
        ("roles", json!("user"), "insufficient_role"),
        ("groups", json!("guests"), "insufficient_role"),
        ("acr", json!("1"), "insufficient_user_authentication"),
    ] {
        let mut claims = all.clone();
        claims[name] = value;
        assert_eq!(bearer(&mut world, &claims, &policy).code(), code, "{name}");
        claims["acr"] = json!("1");
        assert_eq!(bearer(&mut world, &claims, &policy).code(), code, "{name}");
    }
    assert_eq!(bearer(&mut world, &json!({}), &Policy::default()).status, None, "an identity is enough");
    assert_eq!(world.ask(Ask::get("/api/x").policy(&Policy::default())).code(), "no_credentials");
}

#[test]
fn a_token_of_a_weak_or_old_sign_in_is_challenged_with_what_is_missing() {
    let mut world = World::new();
    let now = START;
    for (claims, met) in [
        (json!({ "acr": "phrh", "auth_time": now }), true),
        (json!({ "acr": "phr", "auth_time": now - 360 }), true),
        (json!({ "acr": "phr", "auth_time": now - 361 }), false),
        (json!({ "acr": "phr", "auth_time": now + 60 }), true),
        (json!({ "acr": "phr", "auth_time": now + 61 }), false),
        (json!({ "acr": "phr", "auth_time": now as f64 - 0.5 }), true),
        (json!({ "acr": "phr", "auth_time": now.to_string() }), false),
        (json!({ "acr": "phr" }), false),
        (json!({ "acr": "PHR", "auth_time": now }), false),
        (json!({ "acr": ["phr"], "auth_time": now }), false),
        (json!({ "acr": "phr phrh", "auth_time": now }), false),
        (json!({ "auth_time": now }), false),
    ] {
        let answer = bearer(&mut world, &claims, &strong());
        assert_eq!(answer.status.is_none(), met, "{claims}");
        if !met {
            assert_eq!((answer.status(), answer.code().as_str()), (401, "insufficient_user_authentication"));
            let challenge = "Bearer realm=\"oidc\", error=\"insufficient_user_authentication\", \
                 error_description=\"insufficient_user_authentication\", acr_values=\"phr phrh\", max_age=\"300\"";
            assert_eq!(answer.header("www-authenticate"), challenge);
        }
    }
    let only_age = built(Policy::builder().max_age(Duration::from_millis(1_900)));
    let challenge = bearer(&mut world, &json!({}), &only_age).header("www-authenticate").to_owned();
    assert!(challenge.ends_with("insufficient_user_authentication\", max_age=\"1\""), "{challenge}");
}

#[test]
fn a_policy_that_nobody_can_meet_or_that_breaks_out_of_a_header_ends_the_start() {
    let policy = Policy::builder;
    let second = Duration::from_secs(1);
    for (wrong, says) in [
        (policy().role("roles", "admin"), "\"roles\" is no JSON pointer"),
        (policy().role("", "admin"), "is no JSON pointer"),
        (policy().role("/a~2", "admin"), "is no JSON pointer"),
        (policy().role("/a~", "admin"), "is no JSON pointer"),
        (policy().any_role("/roles", &[]), "must name at least one"),
        (policy().role("/roles", ""), "must name at least one"),
        (policy().acr(&[]), "acr must name at least one"),
        (policy().acr(&[""]), "acr must name at least one"),
        (policy().acr(&["a b"]), "printable ASCII"),
        (policy().acr(&["a\", error=\"x"]), "printable ASCII"),
        (policy().acr(&["a\\"]), "printable ASCII"),
        (policy().acr(&["a\r\nset-cookie:a=b"]), "printable ASCII"),
        (policy().scopes(&["read write"]), "printable ASCII"),
        (policy().scopes(&[""]), "printable ASCII"),
        (policy().scopes(&["\u{e9}"]), "printable ASCII"),
        (policy().max_age(second / 2), "at least 1 second"),
    ] {
        let error = wrong.build().unwrap_err();
        assert_eq!(error.setting(), "policy");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(policy().scopes(&[]).max_age(second).build().is_ok());
}

#[test]
fn a_person_steps_up_once_and_is_where_they_wanted_to_go() {
    let mut world = World::new();
    world.provider.support_acr(&["phrh"]);
    let mut browser = Browser::default();
    browser.sign_in(&mut world);
    let redirect = open(&mut browser, &mut world, &strong());
    assert_eq!(parameter(&redirect, "acr_values").as_deref(), Some("phr phrh"));
    assert_eq!(parameter(&redirect, "max_age").as_deref(), Some("300"));
    let claims: Value = serde_json::from_str(&parameter(&redirect, "claims").unwrap()).unwrap();
    assert_eq!(claims["id_token"]["acr"], json!({ "essential": true, "values": ["phr", "phrh"] }));
    let back = follow(&mut browser, &mut world, &redirect);
    assert_eq!((back.status(), back.header("location")), (303, "/transfer?to=bob"));
    let answer = open(&mut browser, &mut world, &strong());
    let identity = answer.identity.expect("no further sign-in");
    assert_eq!(identity.claims().get::<String>("acr").as_deref(), Some("phrh"));
}

#[test]
fn a_session_is_good_for_its_time_and_then_steps_up_again() {
    let mut world = World::new();
    world.provider.support_acr(&["phr"]);
    let mut browser = Browser::default();
    let redirect = open(&mut browser, &mut world, &strong());
    assert_eq!(
        parameter(&redirect, "max_age").as_deref(),
        Some("300"),
        "the first sign-in is asked for it, too"
    );
    follow(&mut browser, &mut world, &redirect);
    world.pass(360);
    assert_eq!(open(&mut browser, &mut world, &strong()).sub(), Some("ada"));
    world.pass(1);
    let redirect = open(&mut browser, &mut world, &strong());
    assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"), "it is still a session");
    follow(&mut browser, &mut world, &redirect);
    assert_eq!(open(&mut browser, &mut world, &strong()).sub(), Some("ada"));
}

#[test]
fn a_provider_that_does_not_deliver_gives_an_error_and_no_round_trip_without_end() {
    let mut world = World::new();
    let mut browser = Browser::default();
    browser.sign_in(&mut world);
    let redirect = open(&mut browser, &mut world, &strong());
    let back = follow(&mut browser, &mut world, &redirect);
    assert_eq!((back.status(), back.code().as_str()), (502, "claim_invalid"));
    assert!(back.header("content-type").starts_with("text/html"));
    assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"), "who was signed in is signed in");
}

#[test]
fn who_cannot_be_redirected_is_challenged_and_a_token_never_is_redirected() {
    let mut world = World::with(config().api_paths(&["/api/".into()]));
    let mut browser = Browser::default();
    browser.sign_in(&mut world);
    let page = || Ask::get("/transfer").page();
    for ask in [
        Ask::get("/api/transfer").page(),
        page().header("x-requested-with", "XMLHttpRequest"),
        page().header("upgrade", "websocket"),
        Ask::get("/transfer").header("sec-fetch-mode", "cors"),
        Ask::get("/transfer").header("accept", "application/json"),
    ] {
        let answer = browser.ask(&mut world, ask.policy(&strong()));
        assert_eq!(answer.status(), 401);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
        assert!(challenge.ends_with("acr_values=\"phr phrh\", max_age=\"300\""), "{challenge}");
    }
    let token = format!("Bearer {}", world.access_token());
    let answer = browser.ask(&mut world, page().header("authorization", &token).policy(&strong()));
    assert_eq!((answer.status(), answer.code().as_str()), (401, "insufficient_user_authentication"));
}

#[test]
fn a_person_without_the_role_is_told_and_not_sent_around() {
    let mut world = World::new();
    world.provider.add_user(DevUser::new("ada").with_claim("roles", json!({ "engineer": {} })));
    let mut browser = Browser::default();
    browser.sign_in(&mut world);
    let engineers = built(Policy::builder().role("/roles", "engineer"));
    assert_eq!(open(&mut browser, &mut world, &engineers).sub(), Some("ada"));
    let admins = built(Policy::builder().role("/roles", "admin").acr(&["phr"]));
    let answer = open(&mut browser, &mut world, &admins);
    assert_eq!((answer.status(), answer.code().as_str()), (403, "insufficient_role"));
    assert!(answer.body.contains("This is not permitted"));
}

#[test]
fn a_session_that_was_renewed_is_kept_whatever_the_policy_says() {
    let mut world = World::new();
    let mut browser = Browser::default();
    browser.sign_in(&mut world);
    world.pass(40_000);
    for policy in [strong(), built(Policy::builder().role("/roles", "nobody"))] {
        let answer = browser.clone().ask(&mut world, Ask::get("/transfer").page().policy(&policy));
        let cookies = answer.all("set-cookie");
        assert!(cookies.iter().any(|cookie| cookie.starts_with("__Host-oidc-session=")), "{cookies:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("vary"), "cookie");
    }
}

#[test]
fn what_has_been_admitted_is_judged_without_being_admitted_again() {
    let mut world = World::with(config().single_use_tokens(true));
    let token = format!("Bearer {}", world.access_token());
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", token.parse().unwrap());
    let incoming =
        Incoming { method: &Method::GET, target: "/api/x", headers: &headers, body: None, presented: None };
    let (guard, engineers) = (world.guard.clone(), built(Policy::builder().role("/roles", "engineer")));
    let admitted = world.run(|now| guard.check(incoming, now));
    let Verdict::Allow { identity: Some(identity), .. } = &admitted else { panic!("{admitted:?}") };
    assert_eq!(guard.permits(identity, &engineers, world.now), Ok(()));
    let error = guard.permits(identity, &strong(), world.now).unwrap_err();
    assert_eq!(error.code(), "insufficient_user_authentication");
    let upheld = world.run(|now| guard.uphold(admitted, incoming, &engineers, now));
    assert!(matches!(&upheld, Verdict::Allow { identity: Some(_), .. }), "{upheld:?}");
    let refused = world.run(|now| guard.uphold(upheld, incoming, &strong(), now));
    assert_eq!(refused.into_response().status(), 401);
    let again = world.run(|now| guard.require_policy(incoming, &engineers, now));
    let again = world.run(|now| guard.uphold(again, incoming, &Policy::default(), now));
    assert_eq!(again.into_response().status(), 401, "what was refused stays so");
}

/// A profile that a person edits grants them nothing.
#[test]
fn a_scope_that_userinfo_names_is_none() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    world.between = Some(Box::new(|request, response| {
        if request.uri().path() == "/userinfo" {
            let mut claims: Value = serde_json::from_slice(response.body()).unwrap();
            claims["scope"] = json!("admin");
            claims["scp"] = json!(["admin"]);
            claims["nickname"] = json!("Countess");
            *response.body_mut() = claims.to_string().into_bytes();
        }
    }));
    let callback = browser.start(&mut world, "/profile");
    assert_eq!(browser.ask(&mut world, callback).status(), 303);
    let identity = browser.open(&mut world, "/").identity.unwrap();
    assert_eq!(identity.claims().get::<String>("nickname").as_deref(), Some("Countess"));
    assert!(identity.claims().scopes().is_empty());
    let admin = Policy::builder().scopes(&["admin"]).build().unwrap();
    let refused = browser.ask(&mut world, Ask::get("/admin").policy(&admin));
    assert_eq!((refused.status(), refused.code().as_str()), (403, "insufficient_scope"));
}
