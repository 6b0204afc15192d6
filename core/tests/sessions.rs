//! Sessions between sign-in and sign-out: in a store, refreshed, and ended, by the rows of the catalogue.
#![cfg(feature = "rsa")]

mod support;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::{HeaderMap, Method, Response};
use oidc_core::config::ConfigBuilder;
use oidc_core::guard::Policy;
use oidc_core::step::{Fetch, FetchError, Reply, StoreAnswer, StoreOp};
use oidc_core::{Incoming, Step, Verdict};
use oidc_dev_provider::Fault;
use support::{Answer, Ask, Browser, ORIGIN, World, config};

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// The life of the dev provider's access tokens, in seconds, and how long before its end they are replaced.
const LIFE: u64 = 3600;
const AHEAD: u64 = 30;

fn settings() -> ConfigBuilder {
    config().cookie_secrets(&[SECRET.to_owned()])
}

fn in_store() -> ConfigBuilder {
    settings().session_store(true)
}

/// Sessions that keep tokens and can be refreshed.
fn refreshable(settings: ConfigBuilder) -> ConfigBuilder {
    settings.scopes("openid profile email offline_access")
}

/// The same sessions in cookies and in a store.
fn both() -> [ConfigBuilder; 2] {
    [refreshable(settings()), refreshable(in_store())]
}

fn signed_in(world: &mut World) -> Browser {
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(world).status(), 303);
    browser
}

/// Another process with the same settings, provider, clock and store.
fn elsewhere(first: World, settings: ConfigBuilder) -> World {
    let seed = first.now.as_secs().wrapping_mul(1_000_003).wrapping_add(first.fetched.len() as u64);
    World { provider: first.provider, store: first.store, now: first.now, ..World::seeded(settings, seed) }
}

fn lives(world: &mut World, browser: &Browser) -> bool {
    browser.clone().open(world, "/").identity.is_some()
}

fn sign_out() -> Ask {
    Ask::method(Method::POST, "/logout").header("origin", ORIGIN)
}

fn api() -> Ask {
    Ask::get("/api/whoami").required()
}

fn page() -> Ask {
    Ask::get("/profile").page().required()
}

/// The access token that a request's handler finds.
fn access_token(world: &World, answer: &Answer) -> Option<String> {
    let session = answer.identity.as_ref().expect("somebody is signed in").session().expect("by a session");
    session.access_token(world.now).map(|token| token.expose().to_owned())
}

fn back_channel(world: &mut World, sub: &str) -> u16 {
    let now = world.now.as_secs();
    let token = world.provider.back_channel_logout(Some(sub), None, "web", now).remove(0).logout_token;
    world.ask(Ask::form("/backchannel-logout", format!("logout_token={token}"))).status()
}

// --- where a session is ---

#[test]
fn a_session_in_the_store_serves_every_process_that_shares_it() {
    let mut first = World::told_of_sign_outs(in_store());
    let mut browser = signed_in(&mut first);
    assert_eq!(browser.open(&mut first, "/").sub(), Some("ada"));
    let mut second = elsewhere(first, in_store());
    assert_eq!(browser.open(&mut second, "/").sub(), Some("ada"));
    assert_eq!(browser.ask(&mut second, sign_out()).status(), 303);
    assert!(!browser.has_session());
}

#[test]
fn a_ticket_is_as_short_whatever_the_session_holds() {
    let mut world = World::told_of_sign_outs(refreshable(in_store()));
    let browser = signed_in(&mut world);
    let value = &browser.cookies["__Host-oidc-session"];
    assert!(value.len() < 200, "{}", value.len());
    assert_eq!(browser.cookies.len(), 1);
}

#[test]
fn k29_a_session_s_name_is_random_and_no_name_leads_to_another_session() {
    let mut world = World::told_of_sign_outs(in_store());
    let mut names: Vec<String> =
        (0..50).map(|_| signed_in(&mut world).cookies["__Host-oidc-session"].clone()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 50);
    // A name that was guessed is under no seal, and what the store shows is not what opens a session.
    let seen = Seen::by(&mut world, |world| drop(signed_in(world)));
    let key = seen.puts[0].clone();
    for guess in ["session:1", "1~session", key.as_str(), key.trim_start_matches("session:")] {
        let answer = world.ask(api().header("cookie", &format!("__Host-oidc-session=1~{guess}")));
        assert_eq!((answer.status(), answer.code().as_str()), (401, "no_credentials"), "{guess}");
    }
}

/// What the store was told while something happened.
#[derive(Default)]
struct Seen {
    puts: Vec<String>,
    values: Vec<Vec<u8>>,
}

impl Seen {
    fn by(world: &mut World, happens: impl FnOnce(&mut World)) -> Self {
        let told = Arc::new(std::sync::Mutex::new(Self::default()));
        let into = Arc::clone(&told);
        world.on_store = Some(Box::new(move |op, _| {
            if let StoreOp::Put { key, value, .. } = op {
                let mut told = into.lock().unwrap();
                told.puts.push(key.clone());
                told.values.push(value.clone());
            }
        }));
        happens(world);
        world.on_store = None;
        std::mem::take(&mut *told.lock().unwrap())
    }
}

#[test]
fn k29_whoever_reads_the_store_learns_nothing_of_a_session() {
    let mut world = World::told_of_sign_outs(refreshable(in_store()));
    let seen = Seen::by(&mut world, |world| drop(signed_in(world)));
    assert!(seen.puts[0].starts_with("session:") && seen.values[1].is_empty(), "{:?}", seen.puts);
    let text = format!("{:?} {}", seen.puts, String::from_utf8_lossy(&seen.values[0]));
    for secret in ["ada", "access_token", "eyJ", "op.example"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn k18_a_second_sign_in_forgets_the_session_that_the_browser_had() {
    let mut world = World::told_of_sign_outs(in_store());
    let mut browser = signed_in(&mut world);
    let first = browser.clone();
    let callback = browser.ask(&mut world, Ask::get("/login").page()).location();
    let callback = support::authorize(&mut world, &callback);
    assert_eq!(browser.ask(&mut world, callback).status(), 303);
    assert!(lives(&mut world, &browser) && !lives(&mut world, &first));
}

#[test]
fn k20_a_session_in_the_store_rolls_and_ends_like_any_other() {
    let limits = || {
        let (idle, absolute) = (std::time::Duration::from_secs(800), std::time::Duration::from_secs(2_000));
        in_store().session_idle(idle).session_absolute(absolute)
    };
    let mut world = World::told_of_sign_outs(limits());
    let mut browser = signed_in(&mut world);
    for _ in 0..2 {
        world.pass(700);
        let answer = browser.open(&mut world, "/");
        assert_eq!((answer.sub(), answer.all("set-cookie").len()), (Some("ada"), 1), "it is renewed");
    }
    world.pass(599);
    assert!(lives(&mut world, &browser));
    world.pass(1);
    assert!(!lives(&mut world, &browser), "2000 seconds are over");
    let unused = signed_in(&mut world);
    world.pass(800);
    assert!(!lives(&mut world, &unused));
}

#[test]
fn sessions_stay_in_cookies_beside_a_store_if_that_is_wanted() {
    let settings = || in_store().sessions_in_cookies(true);
    let mut first = World::told_of_sign_outs(settings());
    let seen = Seen::by(&mut first, |world| {
        let browser = signed_in(world);
        assert!(lives(world, &browser));
    });
    assert!(seen.puts.iter().all(|key| key.starts_with("sid:")), "{:?}", seen.puts);
    let browser = signed_in(&mut first);
    let mut second = elsewhere(first, settings());
    assert!(lives(&mut second, &browser));
    assert_eq!(back_channel(&mut second, "ada"), 200);
    let mut first = elsewhere(second, settings());
    assert!(!lives(&mut first, &browser), "the store tells every process what has ended");
}

#[test]
fn a_session_keeps_the_claims_that_were_chosen_and_those_that_it_needs() {
    for settings in [settings, in_store] {
        let mut world = World::told_of_sign_outs(settings().session_claims(&["email"]));
        let mut browser = signed_in(&mut world);
        let identity = browser.open(&mut world, "/").identity.unwrap();
        let names: Vec<&str> = identity.claims().all().keys().map(String::as_str).collect();
        assert!(names.contains(&"email") && !names.contains(&"name"), "{names:?}");
        for needed in ["iss", "sub", "aud", "exp", "iat", "auth_time", "sid"] {
            assert!(names.contains(&needed), "{needed}");
        }
    }
}

// --- a store that fails ---

#[test]
fn k27_a_store_that_is_down_signs_nobody_out_and_lets_nobody_in() {
    let mut world = World::told_of_sign_outs(in_store());
    let mut browser = signed_in(&mut world);
    let store = world.store.take();
    for ask in [api(), page(), Ask::get("/").page()] {
        let answer = browser.ask(&mut world, ask);
        assert_eq!((answer.status(), answer.code().as_str()), (503, "store_unavailable"));
        assert_eq!(answer.header("retry-after"), "1");
        assert!(answer.all("set-cookie").is_empty() && answer.all("www-authenticate").is_empty());
    }
    let stranger = world.ask(api());
    assert_eq!((stranger.status(), stranger.code().as_str()), (401, "no_credentials"));
    world.store = store;
    assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"), "nothing was lost");
}

#[test]
fn k27_what_is_not_the_session_s_own_record_is_no_session() {
    let mut world = World::told_of_sign_outs(in_store());
    let (ada, mut other) = (signed_in(&mut world), Browser::default());
    world.provider.auto_login(Some("alan"));
    let others = Seen::by(&mut world, |world| drop(other.sign_in(world)));
    let record = others.values[0].clone();
    let other_answers: [(&str, Option<StoreAnswer>); 6] = [
        ("none", Some(StoreAnswer::Record(None))),
        ("empty", Some(StoreAnswer::Record(Some((Vec::new(), 1))))),
        ("garbage", Some(StoreAnswer::Record(Some((b"\xff\xfe{]".to_vec(), 1))))),
        ("somebody else's record", Some(StoreAnswer::Record(Some((record, 1))))),
        ("an answer to another question", Some(StoreAnswer::Taken(true))),
        ("another answer", Some(StoreAnswer::Revoked(Vec::new(), 1))),
    ];
    for (what, given) in other_answers {
        let expected = match given {
            Some(StoreAnswer::Record(_)) => (401, "no_credentials"),
            _ => (503, "store_unavailable"),
        };
        world.on_store = Some(Box::new(move |op, answer| {
            if let (StoreOp::Get { .. }, Some(given)) = (op, &given) {
                *answer = Ok(given.clone());
            }
        }));
        let answer = ada.clone().ask(&mut world, api());
        assert_eq!((answer.status(), answer.code().as_str()), expected, "{what}");
    }
    world.on_store = None;
    assert!(lives(&mut world, &ada));
}

#[test]
fn k27_a_sign_in_that_cannot_be_kept_fails_and_can_be_tried_again() {
    let mut world = World::told_of_sign_outs(in_store());
    let mut browser = Browser::default();
    world.on_store = Some(Box::new(|op, answer| {
        if matches!(op, StoreOp::Put { .. }) {
            *answer = Err(oidc_core::step::StoreError("out of memory".into()));
        }
    }));
    let answer = browser.sign_in(&mut world);
    assert_eq!((answer.status(), answer.code().as_str()), (503, "store_unavailable"));
    assert!(answer.body.contains("try-again") && !browser.has_session());
    world.on_store = None;
    assert_eq!(browser.sign_in(&mut world).status(), 303);
}

#[test]
fn l24_a_sign_out_that_the_store_did_not_hear_of_is_told_and_the_cookie_goes() {
    for failing in ["Get", "Revoke", "Delete", "RevokedSince"] {
        let mut world = World::told_of_sign_outs(in_store());
        let mut browser = signed_in(&mut world);
        world.on_store = Some(Box::new(move |op, answer| {
            if format!("{op:?}") == failing {
                *answer = Err(oidc_core::step::StoreError("down".into()));
            }
        }));
        let answer = browser.ask(&mut world, sign_out().header("accept", "text/html"));
        assert_eq!((answer.status(), answer.code().as_str()), (503, "store_unavailable"), "{failing}");
        assert!(!browser.has_session() && !answer.body.contains("You are signed out"), "{failing}");
    }
}

#[test]
fn l24_a_provider_s_sign_out_that_the_store_did_not_hear_of_can_be_sent_again() {
    let mut world = World::told_of_sign_outs(in_store());
    let browser = signed_in(&mut world);
    let now = world.now.as_secs();
    let token = world.provider.back_channel_logout(Some("ada"), None, "web", now).remove(0).logout_token;
    let ask = || Ask::form("/backchannel-logout", format!("logout_token={token}"));
    let store = world.store.take();
    let answer = world.ask(ask());
    assert_eq!((answer.status(), answer.code().as_str()), (503, "store_unavailable"));
    world.store = store;
    assert_eq!(world.ask(ask()).status(), 200);
    assert!(!lives(&mut world, &browser));
    assert_eq!(world.ask(ask()).status(), 400, "and then it is used up");
}

// --- ends ---

#[test]
fn a_sign_out_here_ends_every_copy_of_the_session() {
    for settings in [settings, in_store] {
        let mut first = World::told_of_sign_outs(settings());
        let mut browser = signed_in(&mut first);
        let (stolen, other) = (browser.clone(), signed_in(&mut first));
        assert_eq!(browser.ask(&mut first, sign_out()).status(), 303);
        assert!(!lives(&mut first, &stolen));
        assert!(lives(&mut first, &other), "the same person elsewhere stays signed in");
        first.pass(1);
        assert!(!lives(&mut first, &stolen));
    }
}

#[test]
fn a_sign_out_by_the_provider_at_one_process_ends_the_session_at_all() {
    let mut first = World::told_of_sign_outs(in_store());
    let (browser, before) = (signed_in(&mut first), signed_in(&mut first));
    assert!(lives(&mut first, &before), "the list has been read once");
    let mut second = elsewhere(first, in_store());
    assert_eq!(back_channel(&mut second, "ada"), 200);
    assert!(!lives(&mut second, &browser));
    let mut third = elsewhere(second, in_store());
    assert!(!lives(&mut third, &browser) && !lives(&mut third, &before));
    third.pass(2);
    let later = signed_in(&mut third);
    assert!(lives(&mut third, &later), "who signs in again is signed in");
}

#[test]
fn l07_a_logout_token_is_good_once_for_all_processes() {
    let mut first = World::told_of_sign_outs(in_store());
    let now = first.now.as_secs();
    drop(signed_in(&mut first));
    let token = first.provider.back_channel_logout(Some("ada"), None, "web", now).remove(0).logout_token;
    let ask = || Ask::form("/backchannel-logout", format!("logout_token={token}"));
    assert_eq!(first.ask(ask()).status(), 200);
    let mut second = elsewhere(first, in_store());
    assert_eq!(second.ask(ask()).status(), 400);
}

#[test]
fn l22_a_front_channel_sign_out_is_told_to_all_processes() {
    let mut first = World::told_of_sign_outs(in_store());
    let mut browser = signed_in(&mut first);
    let sid: String = browser.open(&mut first, "/").identity.unwrap().claims().get("sid").unwrap();
    let mut second = elsewhere(first, in_store());
    let frame = Ask::get(&format!("/frontchannel-logout?iss=https%3A%2F%2Fop.example&sid={sid}"));
    assert_eq!(second.ask(frame).status(), 200);
    let mut first = elsewhere(second, in_store());
    assert!(!lives(&mut first, &browser));
}

/// Anybody can send one. What no session is called must not crowd out what is proven.
#[test]
fn l22_a_front_channel_sign_out_of_no_session_is_told_to_nobody() {
    let mut world = World::told_of_sign_outs(in_store());
    drop(signed_in(&mut world));
    let revoked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&revoked);
    world.on_store = Some(Box::new(move |op, _| {
        if matches!(op, StoreOp::Revoke { .. }) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }));
    for number in 0..50 {
        let frame = format!("/frontchannel-logout?iss=https%3A%2F%2Fop.example&sid=made-up-{number}");
        assert_eq!(world.ask(Ask::get(&frame)).status(), 200);
    }
    assert_eq!(revoked.load(Ordering::Relaxed), 0);
}

// --- fresh tokens ---

#[test]
fn a_session_is_refreshed_before_its_access_token_ends_and_the_handler_finds_a_fresh_one() {
    for settings in both() {
        let mut world = World::told_of_sign_outs(settings);
        let mut browser = signed_in(&mut world);
        let answer = browser.open(&mut world, "/");
        let old = access_token(&world, &answer).unwrap();
        world.pass(LIFE - AHEAD - 1);
        let answer = browser.open(&mut world, "/");
        assert_eq!(access_token(&world, &answer).as_ref(), Some(&old));
        assert_eq!(world.provider.requests("/token"), 1);
        world.pass(1);
        let answer = browser.open(&mut world, "/");
        let fresh = access_token(&world, &answer).unwrap();
        assert_ne!(fresh, old);
        assert_eq!(world.provider.requests("/token"), 2);
        world.pass(LIFE / 2);
        let answer = browser.open(&mut world, "/");
        assert_eq!(access_token(&world, &answer), Some(fresh), "it was kept");
        assert_eq!(world.provider.requests("/token"), 2);
        world.pass(LIFE / 2 - AHEAD);
        assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"), "the refresh token had been replaced");
        assert_eq!(world.provider.requests("/token"), 3);
    }
}

#[test]
fn a_session_without_tokens_is_never_refreshed() {
    let mut world = World::told_of_sign_outs(settings().scopes("openid offline_access").keep_tokens(false));
    let mut browser = signed_in(&mut world);
    world.pass(2 * LIFE);
    let answer = browser.open(&mut world, "/");
    assert_eq!((answer.sub(), access_token(&world, &answer)), (Some("ada"), None));
    assert_eq!(world.provider.requests("/token"), 1);
}

/// Requests at the same time, each at another point of its flow.
struct Crowd {
    steps: VecDeque<Step<Verdict>>,
    fetches: VecDeque<(Fetch, Reply<Verdict>)>,
    verdicts: Vec<Verdict>,
}

impl Crowd {
    fn new() -> Self {
        Self { steps: VecDeque::new(), fetches: VecDeque::new(), verdicts: Vec::new() }
    }

    fn arrive(&mut self, world: &World, browser: &Browser, required: bool) {
        let mut headers = HeaderMap::new();
        let cookies: Vec<String> =
            browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        headers.insert("cookie", cookies.join("; ").parse().unwrap());
        let incoming = Incoming {
            method: &Method::GET,
            target: "/api/thing",
            headers: &headers,
            body: None,
            presented: None,
        };
        let guard = &world.guard;
        self.steps.push_back(if required {
            guard.require(incoming, world.now)
        } else {
            guard.check(incoming, world.now)
        });
    }

    /// Until all are answered: their verdicts, and how many token requests there were. A fetch is answered when nobody has anything
    /// else to do, and only then time passes.
    fn drive(mut self, world: &mut World) -> (Vec<Verdict>, usize) {
        let (mut waits, mut fetches) = (Vec::new(), 0);
        loop {
            while let Some(step) = self.steps.pop_front() {
                match step {
                    Step::Done(verdict) => self.verdicts.push(verdict),
                    Step::Fetch(fetch, reply) => self.fetches.push_back((fetch, reply)),
                    Step::Store(op, reply) => {
                        let result = world.run_store(op);
                        self.steps.push_back(reply.resume(result, world.now));
                    }
                    Step::Wait(duration, wake) => waits.push((duration, wake)),
                }
            }
            if let Some((fetch, reply)) = self.fetches.pop_front() {
                fetches += usize::from(fetch.purpose.name() == "token");
                let result = world.send(fetch);
                self.steps.push_back(reply.resume(result, world.now));
            } else if waits.is_empty() {
                return (self.verdicts, fetches);
            }
            let longest = waits.iter().map(|(duration, _)| *duration).max().unwrap_or_default();
            world.now = world.now.saturating_add(longest);
            self.steps.extend(waits.drain(..).map(|(_, wake)| wake.resume(world.now)));
        }
    }
}

fn allowed(verdicts: &[Verdict]) -> usize {
    verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Allow { identity: Some(_), .. })).count()
}

#[test]
fn k24_a_hundred_requests_at_the_end_of_an_access_token_make_one_refresh() {
    for settings in both() {
        // Just before the access token ends, and after it has ended.
        for passed in [LIFE - 1, LIFE + 1] {
            let mut world = World::told_of_sign_outs(settings.clone());
            let browser = signed_in(&mut world);
            world.pass(passed);
            let mut crowd = Crowd::new();
            for _ in 0..100 {
                crowd.arrive(&world, &browser, true);
            }
            let (verdicts, fetches) = crowd.drive(&mut world);
            assert_eq!((allowed(&verdicts), fetches), (100, 1), "all are served by one refresh");
            assert_eq!(world.provider.requests("/token"), 2, "that, and the sign-in");
            let with_fresh = verdicts.iter().filter(|verdict| match verdict {
                Verdict::Allow { identity: Some(identity), .. } => identity
                    .session()
                    .unwrap()
                    .access_token(world.now.saturating_add(std::time::Duration::from_secs(AHEAD)))
                    .is_some(),
                _ => false,
            });
            let expected = if passed > LIFE { 100 } else { 1 };
            assert!(with_fresh.count() >= expected, "whose token has ended is given a fresh one");
            // Those who come late with the old cookie are given what it was exchanged for.
            world.pass(59);
            assert_eq!(browser.clone().open(&mut world, "/").sub(), Some("ada"));
            assert_eq!(world.provider.requests("/token"), 2);
        }
    }
}

#[test]
fn k24_two_processes_with_a_store_make_one_refresh() {
    let settings = || refreshable(in_store());
    let mut first = World::told_of_sign_outs(settings());
    let browser = signed_in(&mut first);
    first.pass(LIFE + 1);
    let second = World { now: first.now, ..World::with(settings()) };
    let mut crowd = Crowd::new();
    for _ in 0..20 {
        crowd.arrive(&first, &browser, true);
        crowd.arrive(&second, &browser, true);
    }
    let (verdicts, _) = crowd.drive(&mut first);
    assert_eq!(allowed(&verdicts), 40);
    assert_eq!(first.provider.requests("/token"), 2, "one refresh, and the sign-in");
}

#[test]
fn k26_a_provider_that_refuses_a_refresh_ends_the_session() {
    let answers: [(u16, &str, &str); 5] = [
        (400, "application/json", r#"{"error":"invalid_grant"}"#),
        (400, "application/json", r#"{"error":"invalid_request"}"#),
        (400, "application/json", r#"{"error":"unheard_of"}"#),
        (400, "text/html", "<h1>Bad request</h1>"),
        (200, "application/json", r#"{"error":"invalid_grant"}"#),
    ];
    for settings in both() {
        for (status, content_type, body) in answers {
            let mut world = World::told_of_sign_outs(settings.clone());
            let mut browser = signed_in(&mut world);
            let stolen = browser.clone();
            world.pass(LIFE);
            answer_refreshes(&mut world, move || Ok((status, content_type, body)));
            let answer = browser.ask(&mut world, api());
            assert_eq!((answer.status(), answer.code().as_str()), (401, "no_credentials"), "{body}");
            assert!(!browser.has_session(), "its cookie is removed");
            assert!(!lives(&mut world, &stolen));
            world.instead = None;
            let answer = stolen.clone().ask(&mut world, page());
            assert_eq!(answer.status(), 303, "and a person is sent to sign in");
            assert!(!lives(&mut world, &stolen));
        }
    }
}

/// Answers token requests in the provider's place.
fn answer_refreshes(
    world: &mut World,
    answer: impl Fn() -> Result<(u16, &'static str, &'static str), FetchError> + Send + 'static,
) {
    world.instead = Some(Box::new(move |request| {
        let response = |(status, content_type, body): (u16, &str, &str)| {
            let response = Response::builder().status(status).header("content-type", content_type);
            response.body(body.as_bytes().to_vec()).unwrap()
        };
        request.uri().path().ends_with("/token").then(|| answer().map(response))
    }));
}

#[test]
fn k26_a_refresh_that_answers_for_somebody_else_ends_the_session() {
    for settings in both() {
        for fault in [Fault::RefreshInvalidSub, Fault::RefreshInvalidIss] {
            let mut world = World::told_of_sign_outs(settings.clone());
            let browser = signed_in(&mut world);
            world.pass(LIFE);
            world.provider.set_fault(Some(fault));
            assert_eq!(browser.clone().ask(&mut world, api()).status(), 401);
            world.provider.set_fault(None);
            assert!(!lives(&mut world, &browser));
        }
    }
}

#[test]
fn k26_a_provider_that_is_down_ends_no_session_and_is_left_in_peace() {
    for settings in both() {
        for error in [FetchError::Timeout, FetchError::Failed("refused".into()), FetchError::TooLarge] {
            let mut world = World::told_of_sign_outs(settings.clone());
            let mut browser = signed_in(&mut world);
            world.pass(LIFE - 10);
            answer_refreshes(&mut world, move || Err(error.clone()));
            let tried = |world: &World| world.fetched.iter().filter(|purpose| **purpose == "token").count();
            let answer = browser.open(&mut world, "/");
            assert!(answer.sub() == Some("ada") && tried(&world) == 2);
            for _ in 0..20 {
                assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"));
            }
            assert!(tried(&world) <= 3, "{}", tried(&world));
            for _ in 0..120 {
                world.pass(1);
                let answer = browser.open(&mut world, "/");
                assert_eq!(answer.sub(), Some("ada"));
            }
            let answer = browser.open(&mut world, "/");
            assert_eq!(access_token(&world, &answer), None, "it has ended, and nobody is told otherwise");
            assert!(tried(&world) <= 12, "backing off: {}", tried(&world));
            world.instead = None;
            world.pass(60);
            let answer = browser.open(&mut world, "/");
            assert!(access_token(&world, &answer).is_some(), "it recovers");
        }
    }
}

/// A provider that takes the client for another one, as Keycloak does when the secret was changed, is nobody's session's fault.
#[test]
fn k26_a_person_who_is_there_stays_although_no_refresh_succeeds_for_longer_than_the_idle_time() {
    for settings in both() {
        let idle = std::time::Duration::from_secs(900);
        let mut world = World::told_of_sign_outs(settings.session_idle(idle));
        let mut browser = signed_in(&mut world);
        for _ in 0..5 {
            world.pass(800);
            assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"));
        }
        let error = r#"{"error":"unauthorized_client","error_description":"Invalid client credentials"}"#;
        answer_refreshes(&mut world, move || Ok((401, "application/json", error)));
        for _ in 0..100 {
            world.pass(60);
            assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"));
        }
    }
}

/// Keys that are away when the answer is there would take the new refresh token along.
#[test]
fn k26_no_refresh_token_is_spent_while_its_answer_could_not_be_judged() {
    for settings in both() {
        let mut world =
            World::told_of_sign_outs(settings.max_stale(std::time::Duration::from_secs(LIFE / 2)));
        let mut browser = signed_in(&mut world);
        world.pass(LIFE);
        world.instead = Some(Box::new(|request| {
            let keys = request.uri().path().ends_with("/jwks");
            keys.then(|| Err(FetchError::Failed("refused".into())))
        }));
        assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"));
        assert_eq!(world.provider.requests("/token"), 1, "the refresh token is not sent");
        world.instead = None;
        world.pass(61);
        let answer = browser.open(&mut world, "/");
        assert!(access_token(&world, &answer).is_some(), "and serves once the keys are back");
    }
}

#[test]
fn a_refreshed_id_token_s_claims_are_the_session_s_but_for_those_of_the_sign_in() {
    for settings in both() {
        let mut world = World::told_of_sign_outs(settings.userinfo(false));
        let mut browser = signed_in(&mut world);
        let before = browser.open(&mut world, "/").identity.unwrap();
        world
            .provider
            .add_user(oidc_dev_provider::DevUser::new("ada").with_claim("name", "Countess of Lovelace"));
        world.pass(LIFE);
        browser.open(&mut world, "/");
        let after = browser.open(&mut world, "/").identity.unwrap();
        assert_eq!(world.provider.requests("/token"), 2);
        for name in ["iat", "auth_time", "sid"] {
            assert_eq!(before.claims().all().get(name), after.claims().all().get(name), "{name}");
        }
    }
}

#[test]
fn a_shorter_life_of_sessions_holds_for_those_that_are_there() {
    for settings in [settings, in_store] {
        let mut first = World::told_of_sign_outs(settings());
        let browser = signed_in(&mut first);
        let day = std::time::Duration::from_secs(3_600);
        let mut second = elsewhere(first, settings().session_idle(day).session_absolute(day));
        assert!(lives(&mut second, &browser));
        second.pass(3_600);
        assert!(!lives(&mut second, &browser));
    }
}

#[test]
fn k26_an_error_of_the_server_or_of_the_client_s_own_ends_no_session() {
    for settings in both() {
        for (status, body) in [
            (500, "oops"),
            (503, "{}"),
            (429, "{}"),
            (401, r#"{"error":"invalid_client"}"#),
            (400, r#"{"error":"temporarily_unavailable"}"#),
        ] {
            let mut world = World::told_of_sign_outs(settings.clone());
            let mut browser = signed_in(&mut world);
            world.pass(LIFE);
            answer_refreshes(&mut world, move || Ok((status, "application/json", body)));
            assert_eq!(browser.open(&mut world, "/").sub(), Some("ada"), "{status} {body}");
            world.instead = None;
            world.pass(61);
            let answer = browser.open(&mut world, "/");
            assert!(access_token(&world, &answer).is_some(), "{status} {body}");
        }
    }
}

#[test]
fn k23_no_late_write_brings_back_a_session_that_was_signed_out() {
    for settings in both() {
        let mut world = World::told_of_sign_outs(settings);
        let mut browser = signed_in(&mut world);
        let stolen = browser.clone();
        world.pass(LIFE);
        // A refresh is under way when the person signs out.
        let signed_out = Arc::new(AtomicBool::new(false));
        let mut crowd = Crowd::new();
        crowd.arrive(&world, &browser, false);
        let step = crowd.steps.pop_front().unwrap();
        let mut step = step;
        let verdict = loop {
            step = match step {
                Step::Done(verdict) => break verdict,
                Step::Store(op, reply) => {
                    let result = world.run_store(op);
                    reply.resume(result, world.now)
                }
                Step::Fetch(fetch, reply) => {
                    let result = world.send(fetch);
                    if !signed_out.swap(true, Ordering::Relaxed) {
                        world.guard = world.guard.clone();
                        let answer = browser.ask(&mut world, sign_out());
                        assert_eq!(answer.status(), 303);
                    }
                    reply.resume(result, world.now)
                }
                Step::Wait(..) => panic!("nobody else is there"),
            };
        };
        let response = verdict.into_response();
        let mut late = stolen.clone();
        for cookie in response.headers().get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            late.cookies.insert(name.into(), rest.split(';').next().unwrap().into());
        }
        assert!(signed_out.load(Ordering::Relaxed));
        assert!(!lives(&mut world, &late) && !lives(&mut world, &stolen));
    }
}

#[test]
fn k23_a_renewal_that_comes_late_writes_nothing() {
    let mut world = World::told_of_sign_outs(in_store());
    let mut browser = signed_in(&mut world);
    let late = browser.clone();
    world.pass(40_000);
    let mut crowd = Crowd::new();
    crowd.arrive(&world, &browser, false);
    // It has read its session, and is about to write it.
    let mut step = crowd.steps.pop_front().unwrap();
    let write = loop {
        step = match step {
            Step::Store(op @ StoreOp::Put { .. }, reply) => break Step::Store(op, reply),
            Step::Store(op, reply) => {
                let result = world.run_store(op);
                reply.resume(result, world.now)
            }
            other => panic!("{other:?}"),
        };
    };
    assert_eq!(browser.ask(&mut world, sign_out()).status(), 303);
    crowd.steps.push_back(write);
    let (verdicts, _) = crowd.drive(&mut world);
    let headers = verdicts.into_iter().next().unwrap().into_response();
    assert!(headers.headers().get("set-cookie").is_none(), "nothing is renewed");
    assert!(!lives(&mut world, &late));
}

#[test]
fn the_scope_that_was_granted_counts_for_a_session() {
    let mut world = World::told_of_sign_outs(settings());
    let browser = signed_in(&mut world);
    let mut headers = HeaderMap::new();
    let cookie = format!("__Host-oidc-session={}", browser.cookies["__Host-oidc-session"]);
    headers.insert("cookie", cookie.parse().unwrap());
    let (method, target) = (&Method::GET, "/api/thing");
    let incoming = Incoming { method, target, headers: &headers, body: None, presented: None };
    let guard = world.guard.clone();
    for (scope, lets_through) in [("profile", true), ("admin", false)] {
        let policy = Policy::builder().scopes(&[scope]).build().unwrap();
        let verdict = world.run(|now| guard.require_policy(incoming, &policy, now));
        assert_eq!(matches!(verdict, Verdict::Allow { identity: Some(_), .. }), lets_through, "{scope}");
    }
}
