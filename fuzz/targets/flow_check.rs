//! What must hold whatever the provider, the store and the clock do to any flows, in any order.
//!
//! An input is a row of orders: `+` and a letter starts a flow, a digit chooses one, `=` and a letter answers its step,
//! `-` drops it, `~` and a letter moves the clock. What is no order is passed over. Every signature is taken.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use http::{HeaderValue, Method};
use oidc_core::login::LoginState;
use oidc_core::step::{Fetch, FetchError, FetchResult, Purpose, StoreAnswer, StoreError};
use oidc_core::store::Memory;
use oidc_core::time::UnixTime;
use oidc_core::{Callback, Config, Guard, Incoming, LoginOptions, Session, Verdict};

use crate::common::{
    CLIENT, Choices, ISSUER, METADATA, NOW, Raw, access_token, answer, answerable, client, config, documents,
    id_token, json, parameter, run, sign_in, token,
};
use crate::flows::{Flow, Gain, Outcome, Running, in_bounds, one_at_a_time};

static CONFIG: LazyLock<[Config; 2]> = LazyLock::new(|| {
    [false, true].map(|in_store| {
        config().userinfo(true).session_store(in_store).build().expect("the settings are right")
    })
});

/// Checks all that must hold, and tells whether any flow has come to something.
///
/// # Panics
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> bool {
    let in_store = input.first() == Some(&b'$');
    let mut world = World::new(&CONFIG[usize::from(in_store)]);
    let mut orders = Choices(input);
    while !orders.is_empty() {
        world.obey(&mut orders);
    }
    world.recover();
    world.gained
}

/// The most flows at once.
const MOST: usize = 10;

struct World {
    guard: Guard,
    flows: Vec<Running>,
    chosen: usize,
    now: UnixTime,
    /// The clock was set back: bounds that are times hold no more.
    set_back: bool,
    /// A sign-in that was started: what to bring back, its `state` and its `nonce`.
    login: Option<(LoginState, String, String)>,
    session: Option<Box<Session>>,
    /// The PKCE verifiers that were sent.
    redeemed: HashSet<String>,
    store: Memory,
    gained: bool,
}

impl World {
    fn new(config: &Config) -> Self {
        let guard = Guard::new(client(config)).expect("there is a cookie secret");
        let (flows, login, session, redeemed) = Default::default();
        Self {
            guard,
            flows,
            chosen: 0,
            now: NOW,
            set_back: false,
            login,
            session,
            redeemed,
            store: Memory::new(),
            gained: false,
        }
    }

    fn obey(&mut self, orders: &mut Choices<'_>) {
        match orders.next() {
            b'+' if self.flows.len() < MOST => self.start(orders.next()),
            b'=' => self.resume(orders.next()),
            b'-' if !self.flows.is_empty() => drop(self.flows.remove(self.chosen % self.flows.len())),
            b'~' => self.pass(orders.next()),
            digit @ b'0'..=b'9' => self.chosen = usize::from(digit - b'0'),
            _ => {}
        }
    }

    fn pass(&mut self, how_long: u8) {
        let seconds = match how_long {
            b's' => 1,
            b'f' => 5,
            b'm' => 60,
            b't' => 600,
            b'h' => 3_600,
            b'd' => 86_400,
            b'<' | b'[' => {
                self.set_back = true;
                let back = if how_long == b'<' { 10 } else { 3_600 };
                self.now = self.now.saturating_sub(Duration::from_secs(back));
                return;
            }
            _ => 0,
        };
        self.now =
            self.now.saturating_add(Duration::from_secs(seconds)).saturating_add(Duration::from_millis(10));
    }

    fn start(&mut self, kind: u8) {
        let (client, now) = (self.guard.client().clone(), self.now);
        let flow = match kind {
            b'l' => {
                Flow::of(client.begin_login(LoginOptions::default(), now), |begun| begun.map(Gain::Redirect))
            }
            b'c' => {
                let Some((login, state, _)) = self.login.clone() else { return };
                let callback = Callback::parse(&format!("code=c&state={state}")).expect("it is one");
                Flow::of(client.finish_login(login, callback, now), session)
            }
            b'i' => Flow::of(client.verify_id_token(&id_token(ISSUER, "n", now), now), claims),
            b'a' => Flow::of(client.verify_access_token(&access_token(ISSUER, "fuzz", now), now), claims),
            b'u' => Flow::of(client.verify_access_token(&access_token(ISSUER, "none", now), now), claims),
            b'o' => Flow::of(client.verify_logout_token(&logout_token(now), now), |claims| {
                claims.map(|_| Gain::Other).map_err(Into::into)
            }),
            b'r' | b'w' => {
                let Some(held) = self.session.clone() else { return };
                if kind == b'r' {
                    Flow::of(client.refresh(*held, now), session)
                } else {
                    Flow::of(client.userinfo(&held, now), |userinfo| userinfo.map(|_| Gain::Other))
                }
            }
            b'e' => Flow::of(client.logout_url(None, "s", now), |url| url.map(|_| Gain::Other)),
            b'n' => {
                Flow::of(client.renew_keys(now), |(keys, _)| keys.map(|()| Gain::Other).map_err(Into::into))
            }
            b'b' => {
                let bearer = format!("Bearer {}", access_token(ISSUER, "fuzz", now));
                self.ask("/page", &Raw::default().with("authorization", bearer))
            }
            b'p' => self.ask("/login?return_to=/page", &Raw::default().with("accept", "text/html")),
            _ => return,
        };
        let patience = Duration::from_secs(if kind == b'c' { 10 } else { 5 });
        let deadline = now.saturating_add(patience);
        self.settle(self.flows.len(), Running { flow, deadline, since: now });
    }

    fn ask(&self, target: &str, headers: &Raw) -> Flow {
        let incoming = Incoming { method: &Method::GET, target, headers, body: None, presented: None };
        Flow::of(self.guard.check(incoming, self.now), |verdict| Ok(Gain::Verdict(verdict)))
    }

    /// Answers the step of the chosen flow.
    fn resume(&mut self, how: u8) {
        if self.flows.is_empty() {
            return;
        }
        let place = self.chosen % self.flows.len();
        let running = self.flows.remove(place);
        let late = |now: UnixTime, extra| now.max(running.since.saturating_add(extra));
        let flow = match running.flow {
            Flow::Fetch(fetch, reply) => {
                // An answer comes in the fetch's time, unless it is late on purpose.
                if how == b'z' {
                    self.now = late(self.now, fetch.timeout.saturating_add(Duration::from_secs(1)));
                }
                let timely = self.now <= running.since.saturating_add(fetch.timeout);
                if how == b't' || (how != b'z' && !timely) {
                    self.now = late(self.now, fetch.timeout);
                    reply(Err(FetchError::Timeout), self.now)
                } else {
                    reply(self.provide(how, &fetch), self.now)
                }
            }
            Flow::Store(op, reply) => {
                let result = match how {
                    b'f' => Err(StoreError("down".to_owned())),
                    b'x' => Ok(StoreAnswer::Taken(false)),
                    b'e' => Ok(StoreAnswer::Record(None)),
                    _ => self.store.run(op, self.now),
                };
                reply(result, self.now)
            }
            Flow::Wait(duration, wake) => {
                self.now = late(self.now, duration);
                wake((), self.now)
            }
            Flow::Done(_) => panic!("what is done is not kept"),
        };
        // Whoever comes back too late has no claim on its time any more.
        let deadline = if how == b'z' { UnixTime::since_epoch(Duration::MAX) } else { running.deadline };
        self.settle(place, Running { flow, deadline, since: self.now });
    }

    fn provide(&self, how: u8, fetch: &Fetch) -> FetchResult {
        let (status, header) = match how {
            b'f' => return Err(FetchError::Failed("connection reset\n".to_owned())),
            b'l' => return Err(FetchError::TooLarge),
            b'j' => return json("{\"keys\":3"),
            b'e' => return json("{}"),
            b'h' => return answer(200, "text/html", "<h1>"),
            b'x' => return json(METADATA.replace("issuer.example", "other.example")),
            b'i' => return answer(400, "application/json", r#"{"error":"invalid_grant"}"#),
            b'4' => (404, None),
            b'5' => (503, None),
            b'm' => (429, Some(("retry-after", "30"))),
            b'r' => (503, Some(("retry-after", "999999999999"))),
            b'3' => (302, Some(("location", "https://evil.example/"))),
            b'n' => (304, None),
            b'c' => (200, Some(("cache-control", "no-store"))),
            b'v' => (200, Some(("etag", "\"v\""))),
            _ => (200, None),
        };
        let mut response =
            if status == 200 { self.good(fetch.purpose)? } else { answer(status, "text/plain", "")? };
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Ok(response)
    }

    fn good(&self, purpose: Purpose) -> FetchResult {
        let nonce = self.login.as_ref().map(|(.., nonce)| nonce.as_str()).unwrap_or_default();
        match purpose {
            Purpose::Token => {
                let id_token = id_token(ISSUER, nonce, self.now);
                json(format!(
                    r#"{{"access_token":"a","refresh_token":"r","token_type":"Bearer","id_token":"{id_token}"}}"#
                ))
            }
            purpose => documents(purpose),
        }
    }

    /// A step that a flow has come to: kept if it is to be answered, else judged.
    fn settle(&mut self, place: usize, running: Running) {
        if !self.set_back {
            in_bounds(&running, self.now);
        }
        match running.flow {
            Flow::Done(outcome) => self.judge(*outcome),
            Flow::Fetch(ref fetch, _) => {
                self.check_request(fetch);
                self.flows.insert(place, running);
                if !self.set_back {
                    one_at_a_time(self.flows.iter(), self.now);
                }
            }
            Flow::Store(..) | Flow::Wait(..) => self.flows.insert(place, running),
        }
    }

    /// A request goes to the issuer's own endpoints, and carries a code once.
    fn check_request(&mut self, fetch: &Fetch) {
        let place = match fetch.purpose {
            Purpose::Discovery => "/.well-known/openid-configuration",
            Purpose::Keys => "/jwks",
            Purpose::Token => "/token",
            _ => "/userinfo",
        };
        assert_eq!(fetch.request.uri(), &*format!("{ISSUER}{place}"));
        let document = matches!(fetch.purpose, Purpose::Discovery | Purpose::Keys);
        let secret = fetch.request.headers().contains_key("authorization");
        assert_eq!(secret, !document, "credentials go where they must, and nowhere else");
        let form = std::str::from_utf8(fetch.request.body()).expect("a form is text");
        let refresh = parameter(form, "grant_type").is_some_and(|kind| kind == "refresh_token");
        assert_eq!(fetch.shared, document || refresh, "what others wait for outlives its caller");
        if let Some(verifier) = parameter(form, "code_verifier") {
            assert!(self.redeemed.insert(verifier) || self.set_back, "a code is sent twice");
        }
    }

    fn judge(&mut self, outcome: Outcome) {
        match outcome {
            Ok(Gain::Redirect(redirect)) => {
                let query = redirect.url.query().unwrap_or_default();
                let (state, nonce) = (parameter(query, "state"), parameter(query, "nonce"));
                self.login = state.zip(nonce).map(|(state, nonce)| (redirect.login, state, nonce));
            }
            Ok(Gain::Session(session)) => {
                assert_eq!(session.sub(), "ada");
                self.session = Some(session);
                self.gained = true;
            }
            Ok(Gain::Claims(claims)) => {
                assert_eq!(claims.sub(), Some("ada"));
                self.gained = true;
            }
            Ok(Gain::Verdict(Verdict::Allow { identity, .. })) => {
                assert_eq!(identity.expect("a token was presented").sub(), "ada");
            }
            Ok(Gain::Verdict(Verdict::Reply { status, .. })) => {
                assert!([303, 401, 502, 503].contains(&status.as_u16()));
            }
            Ok(Gain::Other) => {}
            Err(error) => answerable(&error),
        }
    }

    /// Whatever has happened: when all are gone and the provider is well, everything works.
    fn recover(&mut self) {
        self.flows.clear();
        if self.set_back {
            // Pauses that lay in the future begin when they are first looked at.
            let token = access_token(ISSUER, "fuzz", self.now);
            let _ = run(self.guard.client().verify_access_token(&token, self.now), documents, self.now);
        }
        self.now = self.now.saturating_add(Duration::from_secs(400));
        let token = access_token(ISSUER, "fuzz", self.now);
        let step = self.guard.client().verify_access_token(&token, self.now);
        let claims = run(step, documents, self.now).expect("a good token of a good provider is taken");
        assert_eq!(claims.aud(), [CLIENT]);
        sign_in(&self.guard, self.now);
    }
}

fn session(result: Result<Session, oidc_core::Error>) -> Outcome {
    result.map(|session| Gain::Session(Box::new(session)))
}

fn claims(result: Result<oidc_core::Claims, oidc_core::error::TokenError>) -> Outcome {
    result.map(Gain::Claims).map_err(Into::into)
}

fn logout_token(now: UnixTime) -> String {
    let (iat, exp) = (now.as_secs(), now.as_secs() + 120);
    let payload = format!(
        r#"{{"iss":"{ISSUER}","aud":"{CLIENT}","iat":{iat},"exp":{exp},"jti":"l","sid":"s","events":{{"http://schemas.openid.net/event/backchannel-logout":{{}}}}}}"#
    );
    token(br#"{"alg":"RS256","kid":"fuzz"}"#, payload.as_bytes())
}
