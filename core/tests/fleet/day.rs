//! One day of the fleet: what happens to every instance, in the order of time.

use std::ops::Range;
use std::sync::LazyLock;

use oidc_core::error::TokenError;
use oidc_core::keys::Freshness;
use oidc_core::step::{FetchResult, Reply, Wake};
use oidc_core::time::UnixTime;
use oidc_core::{Claims, Step};

use crate::agenda::Agenda;
use crate::instance::{Instance, SKEW};
use crate::provider::{
    DAY, HOUR, Key, MINUTE, Millis, OUTAGE, Provider, ROTATIONS, SECOND, TOKEN_LIFE, WITHDRAWAL,
};
use crate::report::{Presented, Report};
use crate::tokens::Tokens;

/// How many instances are one group. No instance knows of another, so that they need not all be in one queue: a group
/// that fits into a processor's cache takes less time. One instance of each is flooded with tokens whose `kid` is made up.
pub(crate) const GROUP: usize = 100;
const FLOODED: usize = 0;
pub(crate) const FLOOD: Range<Millis> = 14 * HOUR..16 * HOUR;
pub(crate) const RESTART: Millis = 19 * HOUR;
/// When every instance must have recovered from the outage: it pauses for a minute at most.
const RECOVERED: Millis = OUTAGE.end + 61 * SECOND;

/// The mean time between made-up tokens at a flooded instance.
const MADE_UP_EVERY: Millis = 4 * SECOND;
/// The mean time between good tokens; at a flooded instance; and there when the key has just been replaced.
const GOOD_EVERY: Millis = 90 * MINUTE;
const GOOD_EVERY_IN_FLOOD: Millis = 30 * SECOND;
const GOOD_EVERY_IN_ROTATION: Millis = SECOND;
/// Every instance gets a good token so soon after each of these; a flooded one sooner.
const SOON: Millis = 30 * SECOND;
const SOON_IN_FLOOD: Millis = 3 * SECOND;
const EVENTS: [Millis; 6] = [ROTATIONS[0], OUTAGE.start, OUTAGE.end, ROTATIONS[1], WITHDRAWAL, RESTART];

/// The day of one group with jitter as it is.
pub(crate) fn with_jitter(group: usize) -> Report {
    Day::new(|number| Instance::new(group * GROUP + number, true), 1).pass()
}

/// The same day with one entropy for all instances, and with clocks that are right. Since nothing but their traffic is
/// different then, one group stands for so many.
pub(crate) fn without_jitter(groups: usize) -> Report {
    Day::new(|number| Instance::new(number, false), groups as u64).pass()
}

/// What all groups have in common.
static PROVIDER: LazyLock<Provider> = LazyLock::new(Provider::new);
static TOKENS: LazyLock<Tokens> = LazyLock::new(Tokens::new);

struct Day {
    instances: Vec<Instance>,
    agenda: Agenda<(usize, Due)>,
    report: Report,
}

enum Due {
    /// All processes end, and start again.
    Restart,
    /// Looks whether the keys are fresh.
    LookAtKeys,
    /// A good token comes.
    Good,
    /// A made-up token comes.
    MadeUp,
    /// What the process does that was started as the so-manieth.
    Own(u64, Work),
}

enum Work {
    Renew,
    Renewal(Resume<Renewed>),
    Verification(Presented, Resume<Verified>),
}

type Renewed = (Result<(), TokenError>, UnixTime);
type Verified = Result<Claims, TokenError>;

/// A flow in the hands of its driver.
enum Resume<T> {
    Answer(Reply<T>, FetchResult),
    Wake(Wake<T>),
}

impl Day {
    fn new(instance: impl FnMut(usize) -> Instance, weight: u64) -> Self {
        let instances = (0..GROUP).map(instance).collect();
        Self { instances, agenda: Agenda::new(), report: Report::new(weight) }
    }

    fn pass(mut self) -> Report {
        self.begin();
        while let Some(((instance, due), now)) = self.agenda.next() {
            self.carry_out(instance, due, now);
        }
        self.report
    }

    /// Everyone starts at midnight: the worst that a deployment can do.
    fn begin(&mut self) {
        self.restart_everyone(0);
        for instance in 0..GROUP {
            self.await_good(instance, 0);
            self.plan(RECOVERED, instance, Due::LookAtKeys);
        }
        // So that the budgets are not refilled in step with each other, nor with the rotation.
        let begun = FLOOD.start + self.instances[FLOODED].traffic.below(MINUTE);
        self.plan(begun, FLOODED, Due::MadeUp);
        self.plan(RESTART, 0, Due::Restart);
    }

    fn plan(&mut self, time: Millis, instance: usize, due: Due) {
        if time < DAY {
            self.agenda.add(time, (instance, due));
        }
    }

    fn plan_own(&mut self, time: Millis, instance: usize, work: Work) {
        let start = self.instances[instance].starts;
        self.plan(time, instance, Due::Own(start, work));
    }

    fn carry_out(&mut self, instance: usize, due: Due, now: Millis) {
        match due {
            Due::Restart => self.restart_everyone(now),
            Due::LookAtKeys => self.look_at_keys(instance, now),
            Due::Good => {
                self.present_good(instance, now);
                self.await_good(instance, now);
            }
            Due::MadeUp => {
                self.present_made_up(instance, now);
                self.await_made_up(instance, now);
            }
            Due::Own(start, work) if start == self.instances[instance].starts => {
                self.work(instance, work, now);
            }
            Due::Own(_, Work::Verification(..)) => self.report.lost += 1,
            Due::Own(..) => {}
        }
    }

    fn restart_everyone(&mut self, now: Millis) {
        for instance in 0..GROUP {
            self.instances[instance].restart();
            self.plan_own(now, instance, Work::Renew);
        }
    }

    fn look_at_keys(&mut self, instance: usize, now: Millis) {
        let instance = &self.instances[instance];
        if instance.client.key_status(instance.clock(now)).freshness != Freshness::Fresh {
            self.report.not_fresh_after_outage += 1;
        }
    }

    fn work(&mut self, number: usize, work: Work, now: Millis) {
        let instance = &self.instances[number];
        let clock = instance.clock(now);
        match work {
            Work::Renew => {
                let step = instance.client.renew_keys(clock);
                self.renewal(number, step, now);
            }
            Work::Renewal(resume) => self.renewal(number, resume.go(clock), now),
            Work::Verification(token, resume) => self.verification(number, token, resume.go(clock), now),
        }
    }

    fn renewal(&mut self, instance: usize, step: Step<Renewed>, now: Millis) {
        match step {
            Step::Done((_, next)) => {
                let pause = next.saturating_since(self.instances[instance].clock(now));
                let pause = pause.as_nanos().div_ceil(1_000_000) as Millis;
                self.plan_own(now + pause, instance, Work::Renew);
            }
            step => {
                let (resume, time) = self.drive(instance, step, now);
                self.plan_own(time, instance, Work::Renewal(resume));
            }
        }
    }

    fn verification(&mut self, instance: usize, token: Presented, step: Step<Verified>, now: Millis) {
        match step {
            Step::Done(answer) => self.report.record(token, &answer, now),
            step => {
                let (resume, time) = self.drive(instance, step, now);
                self.plan_own(time, instance, Work::Verification(token, resume));
            }
        }
    }

    /// What a driver does, and when it has done it.
    fn drive<T>(&mut self, instance: usize, step: Step<T>, now: Millis) -> (Resume<T>, Millis) {
        match step {
            Step::Fetch(fetch, reply) => {
                self.count_fetch(instance, now);
                let (result, time) = PROVIDER.answer(&fetch, now);
                (Resume::Answer(reply, result), time)
            }
            Step::Wait(duration, wake) => (Resume::Wake(wake), now + duration.as_millis() as Millis),
            other => panic!("{other:?}"),
        }
    }

    fn count_fetch(&mut self, instance: usize, now: Millis) {
        self.report.count_fetch(now);
        if instance == FLOODED {
            let in_a_minute = self.instances[instance].count_fetch(now);
            self.report.count_fetch_of_flooded(in_a_minute, now);
        }
    }

    /// Half of the good tokens are issued this minute, the others are older.
    fn present_good(&mut self, instance: usize, now: Millis) {
        let traffic = &mut self.instances[instance].traffic;
        let age = if traffic.below(2) == 0 { 0 } else { traffic.below(TOKEN_LIFE - 2 * SKEW) };
        let issued = now.saturating_sub(age) / MINUTE * MINUTE;
        self.present(instance, Some(Key::signing(issued)), issued, now);
    }

    fn present_made_up(&mut self, instance: usize, now: Millis) {
        let choice = self.instances[instance].traffic.below(Tokens::MADE_UP);
        self.present(instance, None, choice, now);
    }

    fn present(&mut self, number: usize, key: Option<usize>, which: u64, now: Millis) {
        let instance = &self.instances[number];
        let text = match key {
            Some(_) => &TOKENS.good[(which / MINUTE) as usize],
            None => &TOKENS.made_up[which as usize],
        };
        let token = Presented { key, arrived: now, at_flooded: number == FLOODED };
        let step = instance.client.verify_access_token(text, instance.clock(now));
        self.verification(number, token, step, now);
    }

    fn await_good(&mut self, number: usize, now: Millis) {
        let instance = &mut self.instances[number];
        let every = match now {
            _ if number != FLOODED || !FLOOD.contains(&now) => GOOD_EVERY,
            _ if (WITHDRAWAL..WITHDRAWAL + SOON).contains(&now) => GOOD_EVERY_IN_ROTATION,
            _ => GOOD_EVERY_IN_FLOOD,
        };
        let next = now + instance.traffic.below(2 * every);
        let event = EVENTS.into_iter().find(|event| (now + 1..=next).contains(event));
        let soon = if number == FLOODED { SOON_IN_FLOOD } else { SOON };
        let next = event.map_or(next, |event| event + instance.traffic.below(soon));
        self.plan(next, number, Due::Good);
    }

    fn await_made_up(&mut self, instance: usize, now: Millis) {
        let next = now + self.instances[instance].traffic.below(2 * MADE_UP_EVERY);
        if FLOOD.contains(&next) {
            self.plan(next, instance, Due::MadeUp);
        }
    }
}

impl<T> Resume<T> {
    fn go(self, now: UnixTime) -> Step<T> {
        match self {
            Self::Answer(reply, result) => reply.resume(result, now),
            Self::Wake(wake) => wake.resume(now),
        }
    }
}
