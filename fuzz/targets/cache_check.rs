//! What must hold of the keys that a client holds, whatever happens to its fetches.
//!
//! An input is a row of orders, as in the check of flows: `+` and a digit verifies a token of that key, of which the
//! provider publishes some, `+u` one of a key that never was, `+n` renews; a digit chooses a flow, `=` and a letter answers
//! its step, `-` drops it, `~` and a letter moves the clock on, `^` rotates the provider's keys, `&` adds one. A second
//! account is kept of what the client must hold.

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::Duration;

use http::HeaderValue;
use oidc_core::error::{Error, TokenError};
use oidc_core::keys::Freshness;
use oidc_core::step::{FetchError, FetchResult, Purpose};
use oidc_core::time::UnixTime;
use oidc_core::{Client, Config};

use crate::common::{
    CLIENT, Choices, ISSUER, METADATA, NOW, access_token, answer, client, documents, json, key_set,
    presentable, run,
};
use crate::flows::{Flow, Gain, Running, in_bounds, one_at_a_time};

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let config = Config::resource_server(ISSUER, CLIENT).max_stale(MAX_STALE);
    config.build().expect("the settings are right")
});
const MAX_STALE: Duration = Duration::from_secs(3_600);
const KIDS: [&str; 6] = ["k0", "k1", "k2", "k3", "k4", "k5"];
const MOST: usize = 10;

static TOKENS: LazyLock<[String; 7]> =
    LazyLock::new(|| ["k0", "k1", "k2", "k3", "k4", "k5", "never"].map(|kid| access_token(ISSUER, kid, NOW)));
const NEVER: usize = 6;

/// Checks all that must hold, and tells whether a token was taken.
///
/// # Panics
/// If something does not hold.
pub(crate) fn check(input: &[u8]) -> bool {
    let mut world = World::new();
    let mut orders = Choices(input);
    while !orders.is_empty() {
        world.obey(&mut orders);
        world.account();
    }
    world.recover();
    world.taken
}

/// A key set by the numbers of its keys, one bit for each.
type Set = u8;

struct World {
    client: Client,
    flows: Vec<(Running, Trace)>,
    chosen: usize,
    now: UnixTime,
    published: Set,
    newest: usize,
    /// What the client must hold: the set, and when it was asked for.
    held: Option<(Set, UnixTime)>,
    /// The last lease of a fetch of keys.
    leases: u64,
    /// When fetches of keys began that nothing but a stranger's token can have caused.
    provoked: VecDeque<UnixTime>,
    taken: bool,
}

/// What is known of a flow beside its step.
#[derive(Clone, Copy)]
struct Trace {
    /// The number of the key whose token it verifies; `None` for a renewal.
    key: Option<usize>,
    /// The lease of its fetch of keys, and whether the fetch was conditional.
    lease: Option<(u64, bool)>,
}

impl World {
    fn new() -> Self {
        let (flows, provoked) = Default::default();
        Self {
            client: client(&CONFIG),
            flows,
            chosen: 0,
            now: NOW,
            published: 1,
            newest: 0,
            held: None,
            leases: 0,
            provoked,
            taken: false,
        }
    }

    fn obey(&mut self, orders: &mut Choices<'_>) {
        match orders.next() {
            b'+' if self.flows.len() < MOST => self.start(orders.next()),
            b'=' => self.resume(orders.next()),
            b'-' if !self.flows.is_empty() => drop(self.flows.remove(self.chosen % self.flows.len())),
            b'~' => {
                let milliseconds = match orders.next() {
                    b's' => 1_000,
                    b'f' => 5_000,
                    b'm' => 60_000,
                    b't' => 600_000,
                    b'h' => 3_600_000,
                    b'd' => 86_400_000,
                    _ => 10,
                };
                self.now = self.now.saturating_add(Duration::from_millis(milliseconds));
            }
            b'^' => {
                self.newest = (self.newest + 1) % KIDS.len();
                self.published = 1 << self.newest;
            }
            b'&' => {
                self.newest = (self.newest + 1) % KIDS.len();
                self.published |= 1 << self.newest;
            }
            digit @ b'0'..=b'9' => self.chosen = usize::from(digit - b'0'),
            _ => {}
        }
    }

    fn start(&mut self, kind: u8) {
        let fresh = self.client.key_status(self.now).freshness == Freshness::Fresh;
        let key = match kind {
            b'0'..=b'5' => Some(usize::from(kind - b'0')),
            b'u' => Some(NEVER),
            b'n' => None,
            _ => return,
        };
        let flow = match key {
            Some(key) => Flow::of(self.client.verify_access_token(&TOKENS[key], self.now), |claims| {
                claims.map(Gain::Claims).map_err(Into::into)
            }),
            None => Flow::of(self.client.renew_keys(self.now), |(keys, _)| {
                keys.map(|()| Gain::Other).map_err(Into::into)
            }),
        };
        let deadline = self.now.saturating_add(Duration::from_secs(5));
        self.settle(
            self.flows.len(),
            Running { flow, deadline, since: self.now },
            Trace { key, lease: None },
            fresh,
        );
    }

    fn resume(&mut self, how: u8) {
        if self.flows.is_empty() {
            return;
        }
        let place = self.chosen % self.flows.len();
        let (running, trace) = self.flows.remove(place);
        let mut deadline = running.deadline;
        let fresh = self.client.key_status(self.now).freshness == Freshness::Fresh;
        let flow = match running.flow {
            Flow::Fetch(fetch, reply) => {
                let end = running.since.saturating_add(fetch.timeout);
                // An answer may be late by a minute; one that a driver brings after that is its own fault.
                let late = how == b'z' && self.now <= end.saturating_add(Duration::from_secs(60));
                let result = if late {
                    self.now = self.now.max(end.saturating_add(Duration::from_secs(1)));
                    deadline = UnixTime::since_epoch(Duration::MAX);
                    self.provide(how, fetch.purpose)
                } else if how == b't' || self.now > end {
                    self.now = self.now.max(end);
                    Err(FetchError::Timeout)
                } else {
                    self.provide(how, fetch.purpose)
                };
                if fetch.purpose == Purpose::Keys {
                    self.land(trace, running.since, &result);
                }
                reply(result, self.now)
            }
            Flow::Wait(duration, wake) => {
                self.now = self.now.max(running.since.saturating_add(duration));
                wake((), self.now)
            }
            Flow::Done(_) | Flow::Store(..) => panic!("a verification stores nothing"),
        };
        self.settle(
            place,
            Running { flow, deadline, since: self.now },
            Trace { lease: None, ..trace },
            fresh,
        );
    }

    fn provide(&self, how: u8, purpose: Purpose) -> FetchResult {
        let good = || match purpose {
            Purpose::Keys => {
                json(key_set((0..6).filter(|key| self.published & (1 << key) != 0).map(|key| KIDS[key])))
            }
            _ => json(METADATA),
        };
        let (response, header) = match how {
            b'f' => return Err(FetchError::Failed("connection reset".to_owned())),
            b'l' => return Err(FetchError::TooLarge),
            b'j' => (json("{\"keys\":[}"), None),
            b'e' => (json("{\"keys\":[]}"), None),
            b'h' => (answer(200, "text/html", "<h1>"), None),
            b'5' => (answer(503, "text/plain", ""), None),
            b'm' => (answer(429, "text/plain", ""), Some(("retry-after", "30"))),
            b'r' => (answer(503, "text/plain", ""), Some(("retry-after", "999999999999"))),
            b'n' => (answer(304, "text/plain", ""), Some(("etag", "\"v\""))),
            b'c' => (good(), Some(("cache-control", "no-store"))),
            b'v' => (good(), Some(("etag", "\"v\""))),
            _ => (good(), None),
        };
        let mut response = response?;
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Ok(response)
    }

    /// An answer counts under the last lease alone; a bad one changes nothing.
    fn land(&mut self, trace: Trace, asked: UnixTime, result: &FetchResult) {
        let Some((_, conditional)) = trace.lease.filter(|(lease, _)| *lease == self.leases) else { return };
        let Ok(response) = result else { return };
        let body = std::str::from_utf8(response.body()).unwrap_or_default();
        let set = (0..6).filter(|key| body.contains(KIDS[*key])).fold(0, |set, key| set | (1 << key));
        if response.status() == 200 && set != 0 {
            self.held = Some((set, asked));
        } else if response.status() == 304 && conditional {
            self.held = self.held.map(|(set, _)| (set, asked));
        }
    }

    /// Whether the client must hold this key now.
    fn holds(&self, key: usize) -> bool {
        self.usable().is_some_and(|set| key < NEVER && set & (1 << key) != 0)
    }

    fn usable(&self) -> Option<Set> {
        self.held.filter(|(_, asked)| self.now.saturating_since(*asked) < MAX_STALE).map(|(set, _)| set)
    }

    /// A step that a flow has come to: kept if it is to be answered, else judged. `fresh`: no refresh was due before.
    fn settle(&mut self, place: usize, running: Running, mut trace: Trace, fresh: bool) {
        in_bounds(&running, self.now);
        match running.flow {
            Flow::Done(outcome) => self.judge(*outcome, trace),
            Flow::Fetch(ref fetch, _) => {
                assert!(fetch.shared);
                if fetch.purpose == Purpose::Keys {
                    self.leases += 1;
                    let headers = fetch.request.headers();
                    let conditional =
                        headers.contains_key("if-none-match") || headers.contains_key("if-modified-since");
                    assert!(!conditional || self.held.is_some());
                    trace.lease = Some((self.leases, conditional));
                    if fresh && trace.key.is_some() {
                        self.provoke();
                    }
                }
                self.flows.insert(place, (running, trace));
            }
            Flow::Wait(..) => self.flows.insert(place, (running, trace)),
            Flow::Store(..) => panic!("a verification stores nothing"),
        }
    }

    /// Fetches that strangers cause are few, however many tokens they make up.
    fn provoke(&mut self) {
        self.provoked.push_back(self.now);
        while self
            .provoked
            .front()
            .is_some_and(|first| self.now.saturating_since(*first) >= Duration::from_secs(60))
        {
            self.provoked.pop_front();
        }
        assert!(self.provoked.len() <= 14, "{} fetches in a minute", self.provoked.len());
    }

    /// A token is judged by what must be held, and never refused while its key is.
    fn judge(&mut self, outcome: Result<Gain, Error>, trace: Trace) {
        match (outcome, trace.key) {
            (Ok(_), Some(key)) => {
                assert!(self.holds(key), "{} is not held", TOKENS[key]);
                self.taken = true;
            }
            (Err(Error::Token(error)), key) => {
                presentable(&error, error.code());
                assert!(
                    matches!(error, TokenError::UnknownKey | TokenError::KeysUnavailable { .. }),
                    "{error}"
                );
                assert!(!key.is_some_and(|key| self.holds(key)), "a good token is refused: {error}");
                assert!(error != TokenError::UnknownKey || self.usable().is_some());
                assert!(key.is_some() || self.usable().is_none(), "a renewal has lost what is held");
            }
            (Ok(_), None) => assert!(self.usable().is_some(), "nothing is held"),
            (Err(error), _) => panic!("{error}"),
        }
    }

    /// The client's word on its keys agrees with the account, after every order.
    fn account(&self) {
        let status = self.client.key_status(self.now);
        assert_eq!(status.freshness != Freshness::None, self.usable().is_some(), "{status:?}");
        assert!(status.freshness != Freshness::Fresh || status.reason.is_none());
        one_at_a_time(self.flows.iter().map(|(running, _)| running), self.now);
    }

    fn recover(&mut self) {
        self.flows.clear();
        self.now = self.now.saturating_add(Duration::from_secs(400));
        let key = self.newest;
        let mut provider = |purpose| match purpose {
            Purpose::Keys => self.provide(b'g', purpose),
            purpose => documents(purpose),
        };
        let step = self.client.verify_access_token(&TOKENS[key], self.now);
        run(step, &mut provider, self.now).expect("a good token of a good provider is taken");
    }
}
