//! Sockets: who opens one, and when it ends, by the rows of the catalogue. What a driver adds is shown over real sockets.
#![cfg(feature = "rsa")]

mod support;

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method};
use oidc_core::config::ConfigBuilder;
use oidc_core::guard::Source;
use oidc_core::sockets::{Ended, Notice, Sockets};
use oidc_core::time::UnixTime;
use oidc_core::token::AccessToken;
use oidc_core::{Guard, Identity, Incoming, Secret, Step, Verdict};
use oidc_dev_provider::AccessTokenRequest;
use support::{Ask, Browser, ORIGIN, World, config};

/// A handshake with these headers.
fn open(world: &mut World, target: &str, headers: &[(&str, &str)]) -> Result<Identity, (u16, String)> {
    present(world, target, headers, None)
}

fn present(
    world: &mut World,
    target: &str,
    headers: &[(&str, &str)],
    token: Option<&Secret>,
) -> Result<Identity, (u16, String)> {
    let mut map = HeaderMap::new();
    map.insert("upgrade", HeaderValue::from_static("websocket"));
    for (name, value) in headers {
        map.append(http::HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let presented = token.map(|token| (token, Source::Message));
    let incoming = Incoming { method: &Method::GET, target, headers: &map, body: None, presented };
    let guard = world.guard.clone();
    match world.run(|now| guard.admit_socket(incoming, None, now)) {
        Verdict::Allow { identity, .. } => Ok(identity.expect("a socket has an identity")),
        reply @ Verdict::Reply { .. } => Err(error_of(reply)),
    }
}

fn error_of(reply: Verdict) -> (u16, String) {
    let response = reply.into_response();
    assert!(response.headers().get("location").is_none(), "nobody is redirected");
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    (response.status().as_u16(), body["error"].as_str().unwrap().to_owned())
}

fn refused<T>(status: u16, code: &str) -> Result<T, (u16, String)> {
    Err((status, code.to_owned()))
}

fn sub(opened: Result<Identity, (u16, String)>) -> Result<&'static str, (u16, String)> {
    opened.map(|identity| if identity.sub() == "ada" { "ada" } else { "somebody else" })
}

fn signed_in(world: &mut World) -> (Browser, String) {
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(world).status(), 303);
    let cookies: Vec<String> =
        browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (browser, cookies.join("; "))
}

fn token_of(world: &mut World, sub: &str, lifetime: u64) -> String {
    let request = AccessTokenRequest {
        client_id: "web".into(),
        audience: "web".into(),
        sub: sub.into(),
        lifetime,
        ..Default::default()
    };
    world.provider.access_token(request, world.now.as_secs())
}

#[test]
fn w01_nobody_opens_a_socket_without_credentials() {
    let mut world = World::new();
    assert_eq!(sub(open(&mut world, "/ws", &[])), refused(401, "no_credentials"));
    assert_eq!(sub(open(&mut world, "/ws", &[("origin", ORIGIN)])), refused(401, "no_credentials"));
    let made_up = [("cookie", "__Host-oidc-session=1~abc"), ("origin", ORIGIN)];
    assert_eq!(sub(open(&mut world, "/ws", &made_up)), refused(401, "no_credentials"));
    let page = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
    let guard = world.guard.clone();
    let mut map = HeaderMap::new();
    for (name, value) in page {
        map.insert(name, value.parse().unwrap());
    }
    let incoming =
        Incoming { method: &Method::GET, target: "/ws", headers: &map, body: None, presented: None };
    let response = world.run(|now| guard.admit_socket(incoming, None, now)).into_response();
    assert_eq!(response.status(), 401, "not even what looks like a page is redirected");
}

#[test]
fn w02_w03_w04_a_session_opens_a_socket_for_pages_of_this_server_only() {
    let mut world = World::new();
    let (_, cookies) = signed_in(&mut world);
    let with = |world: &mut World, origins: &[&str]| {
        let mut headers = vec![("cookie", cookies.as_str())];
        headers.extend(origins.iter().map(|origin| ("origin", *origin)));
        sub(open(world, "/ws", &headers))
    };
    assert_eq!(with(&mut world, &[ORIGIN]), Ok("ada"));
    for foreign in [
        "https://evil.example",
        "https://rp.example.evil",
        "https://evil-rp.example",
        "https://sub.rp.example",
        "null",
        "",
        "https://RP.example",
        "HTTPS://rp.example",
        "https://rp.example:443",
        "https://rp.example:8443",
        "https://rp.example/",
        "http://rp.example",
        "https://rp.example, https://evil.example",
    ] {
        assert_eq!(with(&mut world, &[foreign]), refused(403, "origin_mismatch"), "{foreign:?}");
    }
    assert_eq!(with(&mut world, &[]), refused(403, "origin_mismatch"), "none");
    assert_eq!(with(&mut world, &[ORIGIN, "https://evil.example"]), refused(403, "origin_mismatch"), "two");
}

/// Browsers tell no origin of a page that only reads from its own server, as the first poll of Socket.IO does.
#[test]
fn w03_without_an_origin_a_session_counts_if_the_browser_says_whose_page_it_is() {
    let mut world = World::new();
    let (_, cookies) = signed_in(&mut world);
    let with = |world: &mut World, site: &str, origin: Option<&str>| {
        let mut headers = vec![("cookie", cookies.as_str()), ("sec-fetch-site", site)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        sub(open(world, "/socket.io/", &headers))
    };
    assert_eq!(with(&mut world, "same-origin", None), Ok("ada"));
    for site in ["same-site", "cross-site", "none", "SAME-ORIGIN", ""] {
        assert_eq!(with(&mut world, site, None), refused(403, "origin_mismatch"), "{site}");
    }
    let foreign = Some("https://evil.example");
    assert_eq!(with(&mut world, "same-origin", foreign), refused(403, "origin_mismatch"));
}

/// Which of these later requests may go on with what somebody has opened.
fn again(world: &mut World, opened: &Identity, headers: &[(&str, &str)]) -> Result<(), (u16, String)> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(http::HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let incoming =
        Incoming { method: &Method::GET, target: "/?sid=1", headers: &map, body: None, presented: None };
    let guard = world.guard.clone();
    match world.run(|now| guard.admit_again(opened, incoming, now)) {
        Verdict::Allow { .. } => Ok(()),
        reply @ Verdict::Reply { .. } => Err(error_of(reply)),
    }
}

fn asking(headers: &HeaderMap) -> Incoming<'_> {
    Incoming { method: &Method::GET, target: "/", headers, body: None, presented: None }
}

/// Nobody could take the fresh cookies: a refresh token that is used up would be lost with them.
#[test]
fn a_session_that_comes_by_a_message_is_taken_as_it_is() {
    let mut world = World::with(config().scopes("openid offline_access"));
    let (_, cookies) = signed_in(&mut world);
    let guard = world.guard.clone();
    let headers = HeaderMap::from_iter([
        (http::header::COOKIE, HeaderValue::try_from(cookies).unwrap()),
        (http::header::ORIGIN, HeaderValue::from_static(ORIGIN)),
    ]);
    world.pass(3_590);
    let asked = guard.admit_socket(asking(&headers), None, world.now);
    assert!(matches!(asked, Step::Fetch(..)), "a request of its own has its tokens refreshed");
    let asked = guard.admit_message(asking(&headers), None, world.now);
    assert!(matches!(asked, Step::Done(Ok(identity)) if identity.sub() == "ada"));
    let foreign = HeaderMap::from_iter([(http::header::COOKIE, headers["cookie"].clone())]);
    for (headers, code) in [(foreign, "origin_mismatch"), (HeaderMap::new(), "no_credentials")] {
        let asked = guard.admit_message(asking(&headers), None, world.now);
        assert!(matches!(asked, Step::Done(Err(error)) if error.code() == code), "{code}");
    }
    let token = Secret::new(token_of(&mut world, "alan", 60));
    // Whom the opening request's own token admitted, it admits only while it lives.
    let bearer = format!("Bearer {}", token_of(&mut world, "ada", 60));
    let before = open(&mut world, "/", &[("authorization", &bearer)]).unwrap();
    let by_header =
        HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::try_from(bearer).unwrap())]);
    let later = world.now.saturating_add(Duration::from_secs(121));
    for (now, code) in [(world.now, "ok"), (later, "expired")] {
        let asked = guard.admit_message(asking(&by_header), Some(&before), now);
        let Step::Done(asked) = asked else { panic!("nothing is to be fetched") };
        assert_eq!(asked.map_or_else(|error| error.code(), |_| "ok"), code);
    }
    let by_token = Incoming { presented: Some((&token, Source::Message)), ..asking(&headers) };
    let identity = world.run(|now| guard.admit_message(by_token, None, now)).unwrap();
    assert_eq!((identity.sub(), identity.source()), ("alan", Source::Message), "a token wins");
}

#[test]
fn w14_each_request_of_a_connection_is_of_the_same_session() {
    let mut world = World::new();
    let (mut browser, mine) = signed_in(&mut world);
    let (_, others) = signed_in(&mut world);
    let opened = open(&mut world, "/", &[("cookie", &mine), ("origin", ORIGIN)]).unwrap();
    let with = |cookies: &'static str| [("cookie", cookies), ("origin", ORIGIN)];
    let (mine, others): (&'static str, &'static str) = (mine.leak(), others.leak());
    assert_eq!(again(&mut world, &opened, &with(mine)), Ok(()));
    assert_eq!(
        again(&mut world, &opened, &with(others)),
        refused(403, "subject_mismatch"),
        "the same person's other one"
    );
    assert_eq!(again(&mut world, &opened, &[]), refused(401, "no_credentials"));
    assert_eq!(again(&mut world, &opened, &[("cookie", mine)]), refused(403, "origin_mismatch"));
    let bearer = format!("Bearer {}", token_of(&mut world, "ada", 60));
    assert_eq!(again(&mut world, &opened, &[("authorization", &bearer)]), refused(403, "subject_mismatch"));
    let out = Ask::method(Method::POST, "/logout").header("origin", ORIGIN);
    assert_eq!(browser.ask(&mut world, out).status(), 303);
    assert_eq!(again(&mut world, &opened, &with(mine)), refused(401, "no_credentials"));
}

#[test]
fn w14_each_request_of_a_connection_is_by_a_token_of_the_same_subject() {
    let mut world = World::new();
    let bearer = |world: &mut World, sub| format!("Bearer {}", token_of(world, sub, 60));
    let mine = bearer(&mut world, "ada");
    let opened = open(&mut world, "/", &[("authorization", &mine)]).unwrap();
    for (headers, verdict) in [
        (vec![("authorization", bearer(&mut world, "ada"))], Ok(())),
        (vec![("authorization", bearer(&mut world, "alan"))], refused(403, "subject_mismatch")),
        (vec![], refused(401, "no_credentials")),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(again(&mut world, &opened, &headers), verdict, "{headers:?}");
    }
    // What came in a message is not sent again.
    let token = Secret::new(token_of(&mut world, "ada", 60));
    let opened = present(&mut world, "/", &[], Some(&token)).unwrap();
    assert_eq!(again(&mut world, &opened, &[]), Ok(()));
}

#[test]
fn w03_a_token_opens_a_socket_from_anywhere() {
    let mut world = World::new();
    let (_, cookies) = signed_in(&mut world);
    let bearer = format!("Bearer {}", world.access_token());
    for origin in [None, Some("https://other.example"), Some("null")] {
        let mut headers = vec![("authorization", bearer.as_str()), ("cookie", cookies.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let identity = open(&mut world, "/ws", &headers).unwrap();
        assert_eq!((identity.sub(), identity.source()), ("ada", Source::Header), "{origin:?}");
    }
    let bad = [("authorization", "Bearer a.b.c"), ("cookie", cookies.as_str()), ("origin", ORIGIN)];
    assert_eq!(
        sub(open(&mut world, "/ws", &bad)),
        refused(401, "malformed"),
        "a session is no second chance"
    );
}

fn with_query(kinds: &[AccessToken]) -> ConfigBuilder {
    config().query_tokens(true).bearer(kinds)
}

#[test]
fn w05_a_token_in_the_query_counts_only_where_that_is_configured_and_for_sockets() {
    let mut world = World::new();
    let target = format!("/ws?access_token={}", world.access_token());
    assert_eq!(sub(open(&mut world, &target, &[])), refused(401, "no_credentials"));

    let mut world = World::with(with_query(&[AccessToken::AtJwt]));
    let token = world.access_token();
    let target = format!("/ws?room=1&access_token={token}");
    let identity = open(&mut world, &target, &[]).unwrap();
    assert_eq!((identity.sub(), identity.source()), ("ada", Source::Query));
    assert_eq!(
        world.ask(Ask::get(&target).header("accept", "*").required()).status(),
        401,
        "no other request takes it"
    );
    for twice in [
        format!("/ws?access_token={token}&access_token={token}"),
        format!("/ws?access_token={token}&id_token={token}"),
    ] {
        assert_eq!(sub(open(&mut world, &twice, &[])), refused(400, "invalid_request"));
    }
    let both = [("authorization", format!("Bearer {token}"))];
    let both: Vec<(&str, &str)> = both.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(sub(open(&mut world, &target, &both)), refused(400, "invalid_request"));
    assert_eq!(sub(open(&mut world, "/ws?access_token=", &[])), refused(401, "malformed"));
    // An ID token is taken only where ID tokens are.
    let (mut browser, _) = signed_in(&mut world);
    let id_token = browser.open(&mut world, "/").identity.unwrap().session().unwrap().id_token().clone();
    let target = format!("/ws?id_token={}", id_token.expose());
    assert_eq!(sub(open(&mut world, &target, &[])), refused(401, "wrong_type"));
}

#[test]
fn w06_a_token_among_the_subprotocols_is_taken_and_never_chosen() {
    let mut world = World::new();
    let token = world.access_token();
    for protocols in
        [format!("bearer, {token}"), format!("chat,bearer,{token}"), format!("bearer, {token}, chat")]
    {
        let identity = open(&mut world, "/ws", &[("sec-websocket-protocol", &protocols)]).unwrap();
        assert_eq!((identity.sub(), identity.source()), ("ada", Source::Protocol), "{protocols}");
        let mut headers = HeaderMap::new();
        headers.insert("sec-websocket-protocol", protocols.parse().unwrap());
        let incoming =
            Incoming { method: &Method::GET, target: "/ws", headers: &headers, body: None, presented: None };
        let guard = world.guard.clone();
        let response = world.run(|now| guard.admit_socket(incoming, None, now)).into_response();
        assert_eq!(response.headers()["sec-websocket-protocol"], "bearer");
    }
    for (protocols, expected) in [
        ("chat", refused(401, "no_credentials")),
        ("bearer", refused(401, "no_credentials")),
        ("bearer, chat", refused(401, "malformed")),
        ("bearer, a.b.c, bearer, a.b.c", refused(400, "invalid_request")),
    ] {
        assert_eq!(
            sub(open(&mut world, "/ws", &[("sec-websocket-protocol", protocols)])),
            expected,
            "{protocols}"
        );
    }
    let lines = [("sec-websocket-protocol", "bearer"), ("sec-websocket-protocol", token.as_str())];
    assert_eq!(sub(open(&mut world, "/ws", &lines)), Ok("ada"), "a list may come in several headers");
}

/// A layer in front has judged it, and a token that is good once must not be used up by the way.
#[test]
fn who_was_admitted_by_a_token_is_not_judged_again() {
    let mut world = World::with(config().single_use_tokens(true));
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {}", world.access_token()).parse().unwrap());
    let incoming =
        Incoming { method: &Method::GET, target: "/ws", headers: &headers, body: None, presented: None };
    let guard = world.guard.clone();
    let Verdict::Allow { identity, .. } = world.run(|now| guard.check(incoming, now)) else { panic!("good") };
    let again = world.run(|now| guard.admit_socket(incoming, identity.as_ref(), now));
    assert!(matches!(again, Verdict::Allow { identity: Some(_), .. }));
    let unaided = world.run(|now| guard.admit_socket(incoming, None, now)).into_response();
    assert_eq!(unaided.status(), 401, "it is used up");
}

#[test]
fn a_token_from_a_first_message_opens_a_socket() {
    let mut world = World::new();
    let token = Secret::new(world.access_token());
    let identity = present(&mut world, "/socket.io/", &[], Some(&token)).unwrap();
    assert_eq!((identity.sub(), identity.source()), ("ada", Source::Message));
    let header = format!("Bearer {}", token.expose());
    let both = present(&mut world, "/socket.io/", &[("authorization", &header)], Some(&token));
    assert_eq!(sub(both), refused(400, "invalid_request"));
}

#[test]
fn w09_a_fresh_token_lengthens_a_socket_and_never_changes_whose_it_is() {
    let mut world = World::new();
    let guard = world.guard.clone();
    let header = format!("Bearer {}", token_of(&mut world, "ada", 100));
    let identity = open(&mut world, "/ws", &[("authorization", &header)]).unwrap();
    world.pass(90);
    let fresh = Secret::new(token_of(&mut world, "ada", 100));
    let renewed = world.run(|now| guard.renew(&identity, &fresh, now)).unwrap();
    assert_eq!(renewed.expires_at(), identity.expires_at().saturating_add(Duration::from_secs(90)));
    assert_eq!(renewed.source(), Source::Message);
    let other = Secret::new(token_of(&mut world, "alan", 100));
    let error = world.run(|now| guard.renew(&identity, &other, now)).unwrap_err();
    assert_eq!((error.code(), error.status().as_u16()), ("subject_mismatch", 403));
    let bad = world.run(|now| guard.renew(&identity, &Secret::new("a.b.c"), now)).unwrap_err();
    assert_eq!(bad.code(), "malformed");
    // A socket that a session opened may go on by a token of the same person.
    let (mut browser, _) = signed_in(&mut world);
    let seated = browser.open(&mut world, "/").identity.unwrap();
    assert!(world.run(|now| guard.renew(&seated, &fresh, now)).is_ok());
    assert!(world.run(|now| guard.renew(&seated, &other, now)).is_err());
}

/// Which sockets have ended, whatever else is to be told.
fn ended<T: Clone>(sockets: &mut Sockets<T>, guard: &Guard, now: UnixTime) -> Vec<(T, Ended)> {
    let due = sockets.due(guard, now).into_iter();
    due.filter_map(|(tell, notice)| match notice {
        Notice::Ended(why) => Some((tell, why)),
        _ => None,
    })
    .collect()
}

#[test]
fn w07_a_socket_ends_with_its_token_and_no_later() {
    let mut world = World::with(config().leeway(Duration::ZERO));
    let guard = world.guard.clone();
    let mut sockets = Sockets::default();
    let mut ids = Vec::new();
    for lifetime in [3, 10, 5] {
        let header = format!("Bearer {}", token_of(&mut world, "ada", lifetime));
        let identity = open(&mut world, "/ws", &[("authorization", &header)]).unwrap();
        ids.push(sockets.enter(identity, lifetime, world.now));
    }
    assert!(ended(&mut sockets, &guard, world.now).is_empty() && !sockets.heeds_sign_outs());
    world.pass(3);
    assert_eq!(ended(&mut sockets, &guard, world.now), [(3, Ended::Expired)]);
    sockets.leave(ids[2]);
    world.pass(4);
    assert!(ended(&mut sockets, &guard, world.now).is_empty(), "one has left, one lives");
    let fresh = Secret::new(token_of(&mut world, "ada", 10));
    let header = format!("Bearer {}", fresh.expose());
    let renewed = open(&mut world, "/ws", &[("authorization", &header)]).unwrap();
    assert!(sockets.renew(ids[1], renewed.clone(), world.now) && !sockets.renew(ids[0], renewed, world.now));
    world.pass(9);
    assert!(ended(&mut sockets, &guard, world.now).is_empty(), "it goes on by the fresh token");
    world.pass(1);
    assert_eq!((ended(&mut sockets, &guard, world.now), sockets.len()), (vec![(10, Ended::Expired)], 0));
    assert_eq!(sockets.next(world.now), None);
}

#[test]
fn a_socket_is_told_once_that_its_end_is_near() {
    for (lifetime, warning) in [(3, 2), (90, 60), (3600, 3570)] {
        let mut world = World::with(config().leeway(Duration::ZERO));
        let guard = world.guard.clone();
        let token = |world: &mut World| format!("Bearer {}", token_of(world, "ada", lifetime));
        let header = token(&mut world);
        let identity = open(&mut world, "/ws", &[("authorization", &header)]).unwrap();
        let mut sockets = Sockets::default();
        let id = sockets.enter(identity, (), world.now);
        for round in 0..2 {
            let look = sockets.next(world.now).unwrap().saturating_since(world.now);
            assert_eq!(look, Duration::from_secs(warning), "{lifetime}, {round}");
            world.pass(warning - 1);
            assert_eq!(sockets.due(&guard, world.now), []);
            world.pass(1);
            assert_eq!(sockets.due(&guard, world.now), [((), Notice::Expiring)]);
            assert_eq!(sockets.due(&guard, world.now), [], "not twice");
            // Whoever has shown a fresh token is warned before the end of that one.
            let header = token(&mut world);
            let renewed = open(&mut world, "/ws", &[("authorization", &header)]).unwrap();
            assert!(sockets.renew(id, renewed, world.now));
        }
        world.pass(lifetime);
        assert_eq!(
            sockets.due(&guard, world.now),
            [((), Notice::Ended(Ended::Expired))],
            "no warning comes late"
        );
    }
}

#[test]
fn a_socket_ends_with_the_key_of_its_token_where_that_is_configured() {
    for configured in [false, true] {
        let mut world = World::with(config().sockets_end_with_key(configured));
        let guard = world.guard.clone();
        let mut sockets = Sockets::default();
        let header = format!("Bearer {}", token_of(&mut world, "ada", 3600));
        let identity = open(&mut world, "/ws", &[("authorization", &header)]).unwrap();
        sockets.enter(identity, "by the old key", world.now);
        let (_, cookies) = signed_in(&mut world);
        let identity = open(&mut world, "/ws", &[("cookie", &cookies), ("origin", ORIGIN)]).unwrap();
        sockets.enter(identity, "by session", world.now);
        assert_eq!(sockets.due(&guard, world.now), []);

        world.provider.rotate_keys(false);
        world.pass(120);
        assert_eq!(sockets.due(&guard, world.now), [], "nobody has asked yet");
        // A token by the new key makes the keys be fetched.
        let header = format!("Bearer {}", token_of(&mut world, "grace", 3600));
        let identity = open(&mut world, "/ws", &[("authorization", &header)]).unwrap();
        sockets.enter(identity, "by the new key", world.now);
        let gone = [("by the old key", Notice::Ended(Ended::KeyWithdrawn))];
        assert_eq!(sockets.due(&guard, world.now), if configured { &gone[..] } else { &[] });
        assert_eq!(sockets.due(&guard, world.now), []);
        assert_eq!(sockets.len(), if configured { 2 } else { 3 });
    }
}

#[test]
fn w08_a_sign_out_ends_the_sockets_of_the_session_within_a_second() {
    for in_store in [false, true] {
        let mut world = World::with(config().session_store(in_store));
        let guard = world.guard.clone();
        let mut sockets = Sockets::default();
        let (mut mine, cookies) = signed_in(&mut world);
        let (_, others) = signed_in(&mut world);
        for (name, cookies) in [
            ("mine", cookies),
            ("mine too", mine.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect()),
            ("another one", others),
        ] {
            let identity = open(&mut world, "/ws", &[("cookie", &cookies), ("origin", ORIGIN)]).unwrap();
            sockets.enter(identity, name, world.now);
        }
        let bearer = format!("Bearer {}", token_of(&mut world, "ada", 3600));
        let identity = open(&mut world, "/ws", &[("authorization", &bearer)]).unwrap();
        sockets.enter(identity, "by token", world.now);
        let look = sockets.next(world.now).unwrap().saturating_since(world.now);
        assert!(look < Duration::from_secs(1) && sockets.heeds_sign_outs());
        assert!(ended(&mut sockets, &guard, world.now).is_empty());
        let out = Ask::method(Method::POST, "/logout").header("origin", ORIGIN);
        assert_eq!(mine.ask(&mut world, out).status(), 303);
        world.run(|now| guard.learn_endings(now)).unwrap();
        let mut ended = ended(&mut sockets, &guard, world.now);
        ended.sort_unstable_by_key(|(name, _)| *name);
        assert_eq!(ended, [("mine", Ended::SignedOut), ("mine too", Ended::SignedOut)]);
    }
}

/// A token lets it go on until the token's end, and not beyond the session's.
#[test]
fn w08_a_sign_out_ends_a_session_s_socket_also_after_a_token_renewed_it() {
    let mut world = World::new();
    let guard = world.guard.clone();
    let (mut browser, cookies) = signed_in(&mut world);
    let identity = open(&mut world, "/ws", &[("cookie", &cookies), ("origin", ORIGIN)]).unwrap();
    let mut sockets = Sockets::default();
    let id = sockets.enter(identity.clone(), (), world.now);
    let token = Secret::new(token_of(&mut world, "ada", 3600));
    let renewed = world.run(|now| guard.renew(&identity, &token, now)).unwrap();
    assert_eq!(renewed.source(), Source::Message);
    assert!(sockets.renew(id, renewed, world.now) && sockets.heeds_sign_outs());
    assert_eq!(sockets.due(&guard, world.now), []);
    let out = Ask::method(Method::POST, "/logout").header("origin", ORIGIN);
    assert_eq!(browser.ask(&mut world, out).status(), 303);
    assert_eq!(ended(&mut sockets, &guard, world.now), [((), Ended::SignedOut)]);
}

/// Another process is told; this one asks the store.
#[test]
fn w08_a_sign_out_elsewhere_ends_sockets_here() {
    let settings = || {
        config()
            .session_store(true)
            .cookie_secrets(&["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned()])
    };
    let mut first = World::with(settings());
    let here = first.guard.clone();
    let (mut browser, cookies) = signed_in(&mut first);
    let mut sockets = Sockets::default();
    let identity = open(&mut first, "/ws", &[("cookie", &cookies), ("origin", ORIGIN)]).unwrap();
    sockets.enter(identity, (), first.now);
    assert!(ended(&mut sockets, &here, first.now).is_empty());
    let mut second = World {
        provider: first.provider,
        store: first.store,
        now: first.now,
        ..World::seeded(settings(), 77)
    };
    let out = Ask::method(Method::POST, "/logout").header("origin", ORIGIN);
    assert_eq!(browser.ask(&mut second, out).status(), 303);
    assert!(ended(&mut sockets, &here, second.now).is_empty(), "not told yet");
    second.run(|now| here.learn_endings(now)).unwrap();
    assert_eq!(ended(&mut sockets, &here, second.now), [((), Ended::SignedOut)]);
}

#[test]
fn w13_sockets_live_on_while_the_provider_is_down() {
    let mut world = World::new();
    let guard = world.guard.clone();
    let header = format!("Bearer {}", token_of(&mut world, "ada", 7200));
    let identity = open(&mut world, "/ws", &[("authorization", &header)]).unwrap();
    let mut sockets = Sockets::default();
    sockets.enter(identity, (), world.now);
    world.down = true;
    world.pass(7200);
    assert!(ended(&mut sockets, &guard, world.now).is_empty(), "until its own end, with the leeway");
    world.pass(60);
    assert_eq!(ended(&mut sockets, &guard, world.now).len(), 1);
}
