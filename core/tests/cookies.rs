//! What browsers keep: sealed cookies, their sizes and attributes, and the sessions in them, by the rows of the catalogue.
#![cfg(feature = "rsa")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use http::Method;
use oidc_core::config::ConfigBuilder;
use oidc_core::{Callback, Client, Config, Guard, LoginOptions, Secret, Session};
use oidc_dev_provider::Fault;
use serde_json::{Value, json};
use support::{Answer, Ask, Browser, ISSUER, ORIGIN, START, Seeded, World, config};
use url::{Position, Url};

const SESSION: &str = "__Host-oidc-session";
const ONE_SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OTHER_SECRET: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8";

/// How the application's page is answered to these cookies.
fn with_cookies(world: &mut World, cookies: impl AsRef<[u8]>) -> Answer {
    world.ask(Ask::get("/").raw_header("cookie", cookies.as_ref()))
}

fn cookie_header(cookies: &[(String, String)]) -> String {
    cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

/// The names that an answer removes.
fn removed(answer: &Answer) -> BTreeSet<String> {
    let removing =
        answer.all("set-cookie").into_iter().filter(|cookie| cookie.contains("=; Path=/; Max-Age=0;"));
    removing.map(|cookie| cookie.split('=').next().unwrap().to_owned()).collect()
}

/// These cookies are no session, and are removed; the page is open to all, and so still answered.
fn assert_no_session(world: &mut World, cookies: &str, why: &str) {
    let answer = with_cookies(world, cookies);
    assert!(answer.status.is_none() && answer.identity.is_none(), "{why}: {answer:?}");
    let expected: BTreeSet<String> = cookies
        .split("; ")
        .map(|cookie| cookie.split('=').next().unwrap().to_owned())
        .filter(|name| (1..5).any(|part| *name == format!("{SESSION}.{part}")) || name == SESSION)
        .collect();
    assert_eq!(removed(&answer), expected, "{why}");
}

/// A sign-in of whoever the provider takes the browser for, although somebody may be signed in.
fn sign_in_anew(world: &mut World, browser: &mut Browser) -> Answer {
    let url = browser.open(world, "/login").location();
    let callback = support::authorize(world, &url);
    let answer = browser.ask(world, callback);
    assert_eq!(answer.status(), 303, "{answer:?}");
    answer
}

/// Signed in as ada: the world and the session's one cookie.
fn signed_in() -> (World, String) {
    let (mut world, mut browser) = (World::new(), Browser::default());
    browser.sign_in(&mut world);
    let session = browser.cookies[SESSION].clone();
    (world, session)
}

/// A world whose userinfo adds a claim of so many bytes as one says.
fn padded() -> (World, Arc<AtomicUsize>) {
    let (mut world, size) = (World::new(), Arc::new(AtomicUsize::new(0)));
    let bytes = size.clone();
    world.between = Some(Box::new(move |request, answer| {
        if request.uri().path() == "/userinfo" {
            let mut claims: Value = serde_json::from_slice(answer.body()).unwrap();
            claims["pad"] = "p".repeat(bytes.load(Ordering::Relaxed)).into();
            *answer.body_mut() = claims.to_string().into_bytes();
        }
    }));
    (world, size)
}

#[test]
fn k01_a_flipped_bit_of_any_byte_ends_the_session() {
    let (mut world, session) = signed_in();
    let sealed = Base64UrlUnpadded::decode_vec(session.strip_prefix("1~").unwrap()).unwrap();
    assert!(sealed.len() > 500, "{}", sealed.len());
    let of = |bytes: &[u8]| format!("{SESSION}=1~{}", Base64UrlUnpadded::encode_string(bytes));
    assert_eq!(with_cookies(&mut world, of(&sealed)).sub(), Some("ada"));
    for (index, bit) in (0..sealed.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
        let mut flipped = sealed.clone();
        flipped[index] ^= 1 << bit;
        assert_no_session(&mut world, &of(&flipped), &format!("bit {bit} of byte {index}"));
    }
}

#[test]
fn k01_another_character_a_cut_and_an_addition_end_the_session() {
    let (mut world, session) = signed_in();
    for index in 0..session.len() {
        assert_no_session(&mut world, &format!("{SESSION}={}", &session[..index]), "cut");
        let other = if &session[index..=index] == "A" { "B" } else { "A" };
        let changed = format!("{SESSION}={}{other}{}", &session[..index], &session[index + 1..]);
        assert_no_session(&mut world, &changed, &format!("character {index}"));
    }
    for added in ["A", "AA", "AAA", "AAAA", "=", "~", ".", "%00"] {
        assert_no_session(&mut world, &format!("{SESSION}={session}{added}"), added);
        assert_no_session(&mut world, &format!("{SESSION}={added}{session}"), added);
    }
}

#[test]
fn k01_a_session_under_another_key_is_none() {
    let (_, session) = signed_in();
    let mut other = World::with(config().cookie_secrets(&[ONE_SECRET.into()]));
    assert_no_session(&mut other, &format!("{SESSION}={session}"), "another key");
}

#[test]
fn k02_a_cookie_of_one_kind_is_none_of_another() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    browser.sign_in(&mut world);
    let session = browser.cookies[SESSION].clone();
    let url = browser.open(&mut world, "/login").location();
    let name = browser.cookies.keys().find(|name| name.contains("-login-")).unwrap().clone();
    let login = browser.cookies[&name].clone();
    let callback = support::authorize(&mut world, &url);
    let out = Ask::method(Method::POST, "/logout").header("origin", ORIGIN);
    let mut leaving = browser.clone();
    leaving.ask(&mut world, out);
    let logout = leaving.cookies["__Host-oidc-logout"].clone();

    for (kind, value) in [("login", &login), ("logout", &logout)] {
        assert_no_session(&mut world, &format!("{SESSION}=1~{value}"), kind);
        assert_no_session(&mut world, &format!("{SESSION}={value}"), kind);
    }
    let sealed = session.strip_prefix("1~").unwrap().to_owned();
    for value in [session.clone(), sealed, logout] {
        let answer = world.ask(callback.clone().header("cookie", &format!("{name}={value}")));
        assert_eq!((answer.status(), answer.code().as_str()), (400, "state_mismatch"));
    }
    assert_eq!(world.provider.requests("/token"), 1, "that of the first sign-in");
    let answer = world.ask(callback.header("cookie", &format!("{name}={login}")));
    assert_eq!(answer.status(), 303, "the right one is taken");
}

#[test]
fn k03_with_one_secret_each_application_opens_its_own_cookies_only() {
    let of = |issuer, client| {
        Config::builder(issuer, client, "https://rp.example/callback")
            .client_secret(Secret::new("s3cr&t +%"))
            .cookie_secrets(&[ONE_SECRET.into()])
    };
    let (mut world, mut browser) = (World::with(of(ISSUER, "web")), Browser::default());
    browser.sign_in(&mut world);
    let cookies = format!("{SESSION}={}", browser.cookies[SESSION]);
    assert_eq!(with_cookies(&mut World::with(of(ISSUER, "web")), &cookies).sub(), Some("ada"));
    assert_no_session(&mut World::with(of(ISSUER, "app")), &cookies, "another client");
    assert_no_session(&mut World::with(of("https://op.example/", "web")), &cookies, "another issuer");
}

#[test]
fn k04_a_session_that_is_over_is_none_although_the_browser_sends_it() {
    let (mut world, session) = signed_in();
    let cookies = format!("{SESSION}={session}");
    world.pass(86_399);
    assert_eq!(with_cookies(&mut world, &cookies).sub(), Some("ada"));
    world.pass(1);
    assert_no_session(&mut world, &cookies, "over");
    world.pass(1_000_000_000);
    assert_no_session(&mut world, &cookies, "long over");
}

#[test]
fn k06_a_secret_that_is_none_is_a_bad_setting() {
    let encoded = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let good = || Config::builder(ISSUER, "app", "https://rp.example/callback");
    for (secret, problem) in [
        (String::new(), "fewer than 32 bytes"),
        (encoded(&[7; 31]), "fewer than 32 bytes"),
        (encoded(&[0; 32]), "one byte repeated"),
        (encoded(&[255; 64]), "one byte repeated"),
        ("changeme".repeat(6), "a few characters repeated"),
        ("change-me_".repeat(6), "a few characters repeated"),
        ("secret".repeat(8), "a few characters repeated"),
        (encoded(b"0123456701234567012345670123456701"), "a few characters repeated"),
        ("please change this secret, it is the default one".into(), "not base64url"),
    ] {
        for secrets in [vec![secret.clone()], vec![ONE_SECRET.into(), secret.clone()]] {
            let error = good().cookie_secrets(&secrets).build().unwrap_err();
            assert_eq!(error.setting(), "cookie_secret", "{secret}");
            assert!(error.to_string().contains(problem), "{secret}: {error}");
            assert!(secret.is_empty() || !error.to_string().contains(&secret), "{error}");
        }
    }
    for secret in [ONE_SECRET, OTHER_SECRET] {
        good().cookie_secrets(&[secret.into()]).build().unwrap();
    }
}

#[test]
fn k07_a_cookie_under_the_last_key_is_taken_and_sealed_anew_and_none_once_that_key_is_gone() {
    let world = |secrets: &[&str]| {
        let secrets: Vec<String> = secrets.iter().copied().map(str::to_owned).collect();
        World::with(config().cookie_secrets(&secrets))
    };
    let (mut before, mut browser) = (world(&[ONE_SECRET]), Browser::default());
    browser.sign_in(&mut before);
    let old = browser.cookies[SESSION].clone();
    let mut during = world(&[OTHER_SECRET, ONE_SECRET]);
    assert_eq!(browser.open(&mut during, "/").sub(), Some("ada"));
    let new = browser.cookies[SESSION].clone();
    assert_ne!(new, old);
    assert!(browser.open(&mut during, "/").all("set-cookie").is_empty(), "once");
    let mut after = world(&[OTHER_SECRET]);
    assert_eq!(browser.open(&mut after, "/").sub(), Some("ada"));
    assert_no_session(&mut after, &format!("{SESSION}={old}"), "the old key");
    assert_no_session(&mut before, &format!("{SESSION}={new}"), "not yet known there");
}

/// Signs in with a claim of so many bytes: the session's cookies, which must serve, or the refusal.
fn session_of(world: &mut World, size: &AtomicUsize, bytes: usize) -> Result<Vec<String>, Answer> {
    size.store(bytes, Ordering::Relaxed);
    let mut browser = Browser::default();
    let answer = browser.sign_in(world);
    if answer.status() != 303 {
        assert!(browser.cookies.is_empty(), "nothing is left behind");
        return Err(answer);
    }
    let set = answer.all("set-cookie").into_iter().filter(|cookie| cookie.starts_with(SESSION));
    let set: Vec<String> = set.map(str::to_owned).collect();
    for cookie in &set {
        assert!(cookie.len() <= 4_096, "{bytes}: {}", cookie.len());
        let value = cookie.split(['=', ';']).nth(1).unwrap();
        assert!(!value.is_empty() && value != "1~", "{bytes}: an empty cookie");
    }
    let identity = browser.open(world, "/").identity.expect("it is read again");
    assert_eq!(identity.claims().get::<String>("pad").unwrap().len(), bytes);
    Ok(set)
}

#[test]
fn k08_k09_a_session_of_any_size_is_written_in_cookies_that_fit_and_read_again() {
    let (mut world, size) = padded();
    let count = |world: &mut World, bytes| session_of(world, &size, bytes).map_or(6, |set| set.len());
    for boundary in 1..=4 {
        // The largest session in so many cookies.
        let (mut fits, mut too_large) = (0, 20_000);
        while too_large - fits > 1 {
            let middle = usize::midpoint(fits, too_large);
            if count(&mut world, middle) <= boundary { fits = middle } else { too_large = middle }
        }
        let mut exact = false;
        for bytes in fits - 5..=fits + 5 {
            let set = session_of(&mut world, &size, bytes).unwrap();
            assert_eq!(set.len(), if bytes <= fits { boundary } else { boundary + 1 }, "{bytes}");
            let (first, last) = (set.first().unwrap().len(), set.last().unwrap().len());
            exact |= bytes <= fits && first == last && boundary > 1;
            assert!(bytes != fits || last >= 4_090, "{bytes}: {last} bytes leave room for more");
        }
        assert!(exact || boundary % 2 == 1, "{boundary} cookies were never filled exactly");
    }
}

#[test]
fn k11_every_size_that_fits_five_cookies_serves_and_a_larger_one_is_refused_when_it_is_written() {
    let (mut world, size) = padded();
    let (mut largest, mut refused) = (0, 0);
    for bytes in (1..=19 * 1_024).step_by(193) {
        match session_of(&mut world, &size, bytes) {
            Ok(set) => {
                assert!(set.len() <= 5 && refused == 0, "{bytes}");
                largest = bytes;
            }
            Err(answer) => {
                assert_eq!((answer.status(), answer.code().as_str()), (500, "session_too_large"), "{bytes}");
                assert!(answer.all("location").is_empty(), "no loop");
                assert!(answer.body.contains(r#"id="try-again""#));
                refused += 1;
            }
        }
    }
    assert!(largest > 12 * 1_024 && refused > 20, "{largest} {refused}");
}

/// Signed in, in three cookies.
fn in_three_parts() -> (World, [(String, String); 3]) {
    let (mut world, size) = padded();
    size.store(7_000, Ordering::Relaxed);
    let mut browser = Browser::default();
    browser.sign_in(&mut world);
    let parts: Vec<(String, String)> = browser.cookies.into_iter().collect();
    (world, parts.try_into().unwrap())
}

#[test]
fn k10_parts_that_are_missing_exchanged_or_miscounted_are_no_session() {
    let (mut world, parts) = in_three_parts();
    let [first, second, third] = parts.clone();
    let named = |name: &str, (_, value): &(String, String)| (name.to_owned(), value.clone());
    assert_eq!(with_cookies(&mut world, cookie_header(&parts)).sub(), Some("ada"));
    let reversed = [third.clone(), second.clone(), first.clone()];
    assert_eq!(with_cookies(&mut world, cookie_header(&reversed)).sub(), Some("ada"), "order says nothing");

    for (why, cookies) in [
        ("the first alone", vec![first.clone()]),
        ("no first", vec![second.clone(), third.clone()]),
        ("no second", vec![first.clone(), third.clone()]),
        ("no third", vec![first.clone(), second.clone()]),
        ("exchanged", vec![first.clone(), named(&second.0, &third), named(&third.0, &second)]),
        ("one twice", vec![first.clone(), second.clone(), named(&third.0, &second)]),
        ("a planted one", vec![first.clone(), named(&second.0, &third), second.clone(), third.clone()]),
        ("a negative index", vec![first.clone(), named(&format!("{SESSION}.-1"), &second), third.clone()]),
        (
            "an index too large",
            vec![first.clone(), named(&format!("{SESSION}.99999999"), &second), third.clone()],
        ),
        ("another spelling", vec![named(&format!("{SESSION}_0"), &first), second.clone(), third.clone()]),
        ("a leading zero", vec![first.clone(), named(&format!("{SESSION}.01"), &second), third.clone()]),
    ] {
        assert_no_session(&mut world, &cookie_header(&cookies), why);
    }
    let start = first.1.strip_prefix("3~").unwrap();
    let many = format!("{}~", "9".repeat(40));
    for count in ["0~", "1~", "2~", "4~", "5~", "6~", "-1~", "3.0~", "99999999~", "~", "3", "", &many] {
        let first = (first.0.clone(), format!("{count}{start}"));
        assert_no_session(&mut world, &cookie_header(&[first, second.clone(), third.clone()]), count);
    }
}

#[test]
fn k10_what_was_never_a_part_of_the_session_changes_nothing() {
    let (mut world, parts) = in_three_parts();
    for name in [".3", ".4", ".5", ".99999999", ".-1", "_0", ".0", ".", "-x"] {
        let planted = &[(format!("{SESSION}{name}"), "x".to_owned())][..];
        for cookies in [[&parts[..], planted].concat(), [planted, &parts[..]].concat()] {
            assert_eq!(with_cookies(&mut world, cookie_header(&cookies)).sub(), Some("ada"), "{name}");
        }
    }
}

#[test]
fn k12_a_smaller_session_removes_the_cookies_that_it_no_longer_needs() {
    let (mut world, size) = padded();
    let mut browser = Browser::default();
    for (bytes, kept, gone) in [(7_000, 3, 0), (10_000, 4, 0), (4_000, 2, 2), (0, 1, 1), (7_000, 3, 0)] {
        size.store(bytes, Ordering::Relaxed);
        let answer = sign_in_anew(&mut world, &mut browser);
        let parts = removed(&answer).into_iter().filter(|name| name.starts_with(SESSION)).count();
        assert_eq!((browser.cookies.len(), parts), (kept, gone), "{bytes}");
        let identity = browser.open(&mut world, "/").identity.unwrap();
        assert_eq!(identity.claims().get::<String>("pad").unwrap().len(), bytes);
    }
}

#[test]
fn k13_every_cookie_of_the_name_is_tried_and_two_sessions_are_none() {
    let (mut world, ada) = signed_in();
    world.provider.auto_login(Some("alan"));
    let mut browser = Browser::default();
    browser.sign_in(&mut world);
    let alan = browser.cookies[SESSION].clone();
    let of = |values: &[&str]| {
        let cookies: Vec<_> = values.iter().map(|value| (SESSION.to_owned(), (*value).to_owned())).collect();
        cookie_header(&cookies)
    };
    for values in [&[&ada, "junk"][..], &["junk", &ada], &["", "1~x", &ada, "2~y"], &[&ada, &ada]] {
        assert_eq!(with_cookies(&mut world, of(values)).sub(), Some("ada"), "{values:.20?}");
    }
    for values in [&[&*ada, &*alan][..], &[&alan, &ada], &[&ada, "junk", &alan]] {
        assert_no_session(&mut world, &of(values), "two");
    }
}

#[test]
fn k14_what_other_cookies_there_are_matters_to_nobody() {
    let (mut world, session) = signed_in();
    let own = format!("{SESSION}={session}");
    let long = format!("{}=x", "n".repeat(8_192));
    let many: String = (0..1_000).map(|number| format!("c{number}=x; ")).collect();
    for other in
        ["", ";;", ";;;=;;", "no equals sign", "=v", "=", "a=\"q;\"", "é=ü", " \t ", "a=b=c", &long, &many]
    {
        for header in [format!("{other}; {own}"), format!("{own};{other}"), format!("{own} ; {other}")] {
            assert_eq!(with_cookies(&mut world, header).sub(), Some("ada"), "{other:.20}");
        }
        assert!(with_cookies(&mut world, other).headers.is_empty(), "{other:.20}");
    }
    let latin_1 = [b"name=M\xfcller; ", own.as_bytes(), b"; \xff\xfe=x"].concat();
    assert_eq!(with_cookies(&mut world, latin_1).sub(), Some("ada"), "bytes that are no UTF-8");
    let two = Ask::get("/").raw_header("cookie", b"a=\xff").header("cookie", &own);
    assert_eq!(world.ask(two).sub(), Some("ada"), "two headers");
}

#[test]
fn k15_cookies_are_for_this_host_https_and_no_script() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let attributes = |answer: &Answer| -> Vec<(String, String)> {
        let split = |cookie: &str| {
            let (pair, attributes) = cookie.split_once(';').unwrap();
            (pair.split_once('=').unwrap().0.to_owned(), attributes.trim().to_owned())
        };
        answer.all("set-cookie").into_iter().map(split).collect()
    };
    let start = browser.ask(&mut world, Ask::get("/profile").page().required());
    let [(login, how)] = &attributes(&start)[..] else { panic!("{start:?}") };
    assert!(login.starts_with("__Host-oidc-login-"), "{login}");
    assert_eq!(how, "Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
    let callback = support::authorize(&mut world, &start.location());
    let done = browser.ask(&mut world, callback);
    let lasting = "Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure";
    let over = "Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure";
    assert_eq!(attributes(&done), [(SESSION.into(), lasting.into()), (login.clone(), over.into())]);
    let out = browser.ask(&mut world, Ask::method(Method::POST, "/logout").header("origin", ORIGIN));
    let returning = "Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure";
    let expected = [(SESSION, over), ("__Host-oidc-logout", returning)];
    assert_eq!(attributes(&out), expected.map(|(name, how)| (name.to_owned(), how.to_owned())));
}

#[test]
fn k16_plain_http_is_a_bad_setting_but_on_loopback() {
    let of = |redirect_uri: &str| Config::builder("http://127.0.0.1:9000", "web", redirect_uri).build();
    for redirect_uri in [
        "http://rp.example/callback",
        "http://10.0.0.1/callback",
        "http://0.0.0.0/callback",
        "http://localhost.rp.example/callback",
        "http://127.0.0.1.rp.example/callback",
        "ftp://rp.example/callback",
    ] {
        let error = of(redirect_uri).unwrap_err();
        assert_eq!(error.setting(), "redirect_uri", "{redirect_uri}");
        assert!(error.to_string().contains("must be https"), "{error}");
    }
    for redirect_uri in
        ["http://127.0.0.1:3000/callback", "http://[::1]:3000/callback", "http://localhost:3000/callback"]
    {
        let mut world = World::new();
        let config = Config::builder(ISSUER, "web", redirect_uri).build().unwrap();
        world.guard = Guard::new(Client::new(config, Arc::new(Seeded::new()))).unwrap();
        let answer = world.ask(Ask::get("/login"));
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with("oidc-3000-login-"), "{cookie}");
        assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"), "{cookie}");
    }
}

#[test]
fn k17_a_session_that_was_planted_before_the_sign_in_is_another_ones_after_it() {
    let (mut world, mut attacker, mut victim) = (World::new(), Browser::default(), Browser::default());
    world.provider.auto_login(Some("mallory"));
    attacker.sign_in(&mut world);
    let planted = attacker.cookies[SESSION].clone();
    world.provider.auto_login(Some("ada"));
    for value in [planted.as_str(), "1~known-to-the-attacker"] {
        victim.cookies.insert(SESSION.into(), value.into());
        sign_in_anew(&mut world, &mut victim);
        assert_ne!(victim.cookies[SESSION], value);
        assert_eq!(victim.open(&mut world, "/").sub(), Some("ada"));
        assert_ne!(with_cookies(&mut world, format!("{SESSION}={value}")).sub(), Some("ada"));
    }
}

#[test]
fn k18_a_second_sign_in_makes_a_new_session_and_nothing_of_the_last_one_survives() {
    let (mut world, size) = padded();
    let mut browser = Browser::default();
    size.store(9_000, Ordering::Relaxed);
    browser.sign_in(&mut world);
    let first = browser.cookies[SESSION].clone();
    world.pass(10);
    sign_in_anew(&mut world, &mut browser);
    assert_ne!(browser.cookies[SESSION], first);
    let identity = browser.open(&mut world, "/").identity.unwrap();
    assert_eq!(identity.claims().get::<u64>("iat"), Some(START + 10));
    assert!(serde_json::to_string(&identity).unwrap().contains("Lovelace"));

    world.between = None;
    world.provider.auto_login(Some("nobody-yet"));
    sign_in_anew(&mut world, &mut browser);
    let identity = browser.open(&mut world, "/").identity.unwrap();
    assert_eq!(identity.sub(), "nobody-yet");
    for claim in ["name", "email", "pad"] {
        assert_eq!(identity.claims().get::<Value>(claim), None, "{claim}");
    }
    assert!(!serde_json::to_string(&identity).unwrap().contains("Lovelace"));
}

#[test]
fn k19_whoever_signs_in_second_has_the_browser_to_themselves() {
    let (mut world, size) = padded();
    let mut browser = Browser::default();
    size.store(7_000, Ordering::Relaxed);
    browser.sign_in(&mut world);
    let adas = browser.cookies.clone();
    assert_eq!(adas.len(), 3);
    size.store(0, Ordering::Relaxed);
    world.provider.auto_login(Some("alan"));
    sign_in_anew(&mut world, &mut browser);
    assert!(browser.cookies.values().all(|value| !adas.values().any(|old| old == value)));
    assert_eq!(browser.open(&mut world, "/").sub(), Some("alan"));
    let url =
        browser.ask(&mut world, Ask::method(Method::POST, "/logout").header("origin", ORIGIN)).location();
    let hint = url.query_pairs().find(|(name, _)| name == "id_token_hint").unwrap().1.into_owned();
    let claims = Base64UrlUnpadded::decode_vec(hint.split('.').nth(1).unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&claims).unwrap()["sub"], "alan");
}

fn limits(idle: u64, absolute: u64) -> ConfigBuilder {
    config().session_idle(Duration::from_secs(idle)).session_absolute(Duration::from_secs(absolute))
}

#[test]
fn k20_the_earliest_end_ends_the_session_to_the_second() {
    for (idle, absolute, step, end) in [
        (3_600, 10_800, 3_600, 3_600),
        (3_600, 3_600, 3_600, 3_600),
        // In use all the time, so that the absolute end comes first.
        (3_600, 10_800, 60, 10_800),
        (60, 86_400, 59, 86_400),
    ] {
        let (mut world, mut browser) = (World::with(limits(idle, absolute)), Browser::default());
        browser.sign_in(&mut world);
        while world.now.as_secs() + step < START + end {
            world.pass(step);
            let answer = browser.open(&mut world, "/");
            assert_eq!(answer.sub(), Some("ada"), "{idle} {absolute} {:?}", world.now);
            assert!(answer.identity.unwrap().expires_at().as_secs() <= START + absolute);
        }
        world.pass(START + end - 1 - world.now.as_secs());
        assert_eq!(browser.clone().open(&mut world, "/").sub(), Some("ada"), "the last second");
        world.pass(1);
        assert_eq!(browser.open(&mut world, "/").sub(), None, "{idle} {absolute}");
        assert!(!browser.has_session());
    }
}

#[test]
fn k20_the_end_of_the_id_token_is_not_the_end_of_the_session() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    world.provider.set_fault(Some(Fault::Expired));
    assert_eq!(browser.sign_in(&mut world).code(), "expired", "it counts when one signs in");
    world.provider.set_fault(None);
    browser.sign_in(&mut world);
    world.pass(80_000);
    assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"));
}

#[test]
fn k21_no_cache_keeps_an_answer_that_sets_a_cookie() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    let mut answers = vec![browser.ask(&mut world, Ask::get("/profile").page().required())];
    let callback = support::authorize(&mut world, &answers[0].location());
    answers.push(browser.clone().open(&mut world, "/callback?state=s"));
    answers.push(browser.clone().open(&mut world, "/login"));
    answers.push(browser.ask(&mut world, callback.clone()));
    world.pass(50_000);
    answers.push(browser.open(&mut world, "/"));
    answers.push(world.ask(Ask::get("/").header("cookie", &format!("{SESSION}=junk"))));
    answers.push(world.ask(Ask::get("/api/x").required().header("cookie", &format!("{SESSION}=junk"))));
    answers
        .push(world.ask(Ask::get("/profile").page().required().header("cookie", &format!("{SESSION}=junk"))));
    answers.push(browser.ask(&mut world, Ask::method(Method::POST, "/logout").header("origin", ORIGIN)));
    answers.push(browser.open(&mut world, "/logged-out"));
    let setting: Vec<_> = answers.iter().filter(|answer| !answer.all("set-cookie").is_empty()).collect();
    assert_eq!(setting.len(), answers.len() - 1, "all but the callback of no sign-in");
    for answer in setting {
        assert_eq!(
            (answer.header("cache-control"), answer.header("vary")),
            ("no-store", "cookie"),
            "{answer:?}"
        );
    }
}

#[test]
fn k22_a_renewed_cookie_is_there_before_the_application_answers() {
    let (mut world, mut browser) = (World::new(), Browser::default());
    browser.sign_in(&mut world);
    let old = browser.cookies[SESSION].clone();
    world.pass(86_400 / 8);
    let turn = browser.open(&mut world, "/");
    assert!(turn.status.is_none() && turn.sub() == Some("ada"), "it is the application's turn");
    assert!(turn.header("set-cookie").starts_with(SESSION));
    assert_ne!(browser.cookies[SESSION], old);
    world.pass(86_399);
    assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"), "it lives a day from its renewal");
}

#[test]
fn k30_a_broken_or_old_session_is_removed_on_the_way_to_the_sign_in() {
    let (mut world, parts) = in_three_parts();
    world.pass(86_400);
    for ask in [Ask::get("/profile").page().required(), Ask::get("/login").page()] {
        let answer = world.ask(ask.clone().header("cookie", &cookie_header(&parts)));
        assert_eq!(answer.status(), 303);
        assert_eq!(removed(&answer), parts.iter().map(|(name, _)| name.clone()).collect());
        assert_eq!(answer.all("set-cookie").len(), 4, "and one for the sign-in");
        let answer = world.ask(ask.header("cookie", "other=x"));
        assert_eq!(answer.all("set-cookie").len(), 1);
    }
    let page = world.ask(Ask::get("/api/x").page().required().header("cookie", &cookie_header(&parts)));
    assert_eq!((page.status(), removed(&page).len()), (401, 3));
}

#[test]
fn k30_a_good_session_stays_when_a_sign_in_starts() {
    let (mut world, session) = signed_in();
    let answer = world.ask(Ask::get("/login").page().header("cookie", &format!("{SESSION}={session}")));
    assert!(removed(&answer).is_empty(), "{answer:?}");
}

/// A session with a refresh token.
fn refreshable() -> (World, Client, Session) {
    let mut world = World::with(config().scopes("openid offline_access"));
    let client = world.client();
    let redirect = world.run(|now| client.begin_login(LoginOptions::default(), now)).unwrap();
    let request = http::Request::get(&redirect.url[Position::BeforePath..]).body(Vec::new()).unwrap();
    let response = world.provider.answer(request, START).response;
    let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    let callback = Callback::parse(location.query().unwrap()).unwrap();
    let session = world.run(|now| client.finish_login(redirect.login, callback, now)).unwrap();
    (world, client, session)
}

#[test]
fn k25_an_id_token_that_comes_with_a_refresh_passes_every_check_or_ends_the_session() {
    let good = json!({"iss": ISSUER, "aud": "web", "sub": "ada", "iat": START, "exp": START + 300});
    for (changes, code) in [
        (json!({}), "ok"),
        (json!({"sub": "alan"}), "subject_mismatch"),
        (json!({"iss": "https://evil.example"}), "claim_invalid"),
        (json!({"aud": "other"}), "claim_invalid"),
        (json!({"exp": START - 60}), "expired"),
        (json!({"signature": "wrong"}), "bad_signature"),
    ] {
        let (mut world, client, session) = refreshable();
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let header = json!({"alg": "RS256", "kid": world.provider.current_kid()});
        let mut token = world.provider.sign(&header, &claims);
        if changes.get("signature").is_some() {
            let at = token.rfind('.').unwrap() + 1;
            let other = if token[at..].starts_with('A') { "B" } else { "A" };
            token.replace_range(at..=at, other);
        }
        world.between = Some(Box::new(move |_, answer| {
            let mut tokens: Value = serde_json::from_slice(answer.body()).unwrap();
            tokens["id_token"] = token.clone().into();
            *answer.body_mut() = tokens.to_string().into_bytes();
        }));
        // What is refused is gone: the session was given away.
        let refreshed = world.run(|now| client.refresh(session, now));
        assert_eq!(refreshed.as_ref().map_or_else(oidc_core::Error::code, |_| "ok"), code, "{changes}");
    }
}
