//! The machine alone, and flows that share it.

use super::shared::{Load, Shared};
use super::*;
use crate::error::ProviderError;
use crate::step::{Purpose, Step};

const TIMEOUT: Duration = Duration::from_secs(5);

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(100_000 + seconds)
}

fn empty() -> Cached<u8> {
    Cached::empty("document", Lifetimes::default(), Jitter::new(7))
}

fn leased(decision: &Decision<u8>) -> Lease {
    match decision {
        Decision::Fetch(lease, _) => *lease,
        other => panic!("{other:?}"),
    }
}

fn used(decision: &Decision<u8>) -> u8 {
    match decision {
        Decision::Use(held) => *held.document,
        other => panic!("{other:?}"),
    }
}

fn refused(decision: &Decision<u8>) -> Duration {
    match decision {
        Decision::Refuse(wait) => *wait,
        other => panic!("{other:?}"),
    }
}

fn loaded(document: Option<u8>, lifetime: Option<u64>) -> Loaded<u8> {
    let lifetime = lifetime.map(Duration::from_secs);
    Loaded { document, caching: Caching { lifetime, validators: Validators::default() } }
}

fn failure(retry_after: Option<u64>) -> Failure {
    Failure {
        error: ProviderError::Status(Purpose::Keys, 503),
        retry_after: retry_after.map(Duration::from_secs),
    }
}

fn filled(seconds: u64) -> Cached<u8> {
    let mut cached = empty();
    let lease = leased(&cached.decide(Need::Held, TIMEOUT, at(seconds)));
    cached.succeed(lease, loaded(Some(1), None), at(seconds));
    cached
}

#[test]
fn the_first_need_fetches_and_the_others_wait() {
    let mut cached = empty();
    let lease = leased(&cached.decide(Need::Held, TIMEOUT, at(0)));
    assert!(matches!(cached.decide(Need::Held, TIMEOUT, at(0)), Decision::Wait));
    cached.succeed(lease, loaded(Some(7), None), at(0));
    assert_eq!(used(&cached.decide(Need::Held, TIMEOUT, at(1))), 7);
}

#[test]
fn a_lease_that_is_lost_or_lapsed_is_free_again() {
    let mut cached = empty();
    let lost = leased(&cached.decide(Need::Held, TIMEOUT, at(0)));
    cached.release(lost);
    let lapsed = leased(&cached.decide(Need::Held, TIMEOUT, at(0)));
    assert!(matches!(cached.decide(Need::Held, TIMEOUT, at(4)), Decision::Wait));
    let current = leased(&cached.decide(Need::Held, TIMEOUT, at(5)));
    cached.fail(lapsed, &failure(None), at(6));
    assert!(
        matches!(cached.decide(Need::Held, TIMEOUT, at(6)), Decision::Wait),
        "the old lease no longer counts"
    );
    cached.succeed(current, loaded(Some(1), None), at(6));
    assert_eq!(cached.status(at(6)).freshness, Freshness::Fresh);
}

#[test]
fn d20_a_flood_costs_at_most_14_fetches_in_any_minute_and_a_rotation_is_seen_within_5_s() {
    let mut cached = filled(0);
    let fetches: Vec<u64> = (1..600_u64)
        .filter(|second| match cached.decide(Need::NewerThan(at(second - 1)), TIMEOUT, at(*second)) {
            Decision::Fetch(lease, _) => {
                cached.succeed(lease, loaded(Some(1), None), at(*second));
                true
            }
            _ => false,
        })
        .collect();
    let most = (0..540).map(|from| fetches.iter().filter(|at| (from..from + 60).contains(*at)).count()).max();
    assert!((12..=14).contains(&most.unwrap()), "{most:?}");
    assert!(fetches.windows(2).all(|pair| pair[1] - pair[0] <= 5));
}

#[test]
fn a_lost_flow_gives_its_lease_back_and_not_its_charge() {
    let mut cached = filled(0);
    for _ in 0..BURST {
        let lease = leased(&cached.decide(Need::NewerThan(at(0)), TIMEOUT, at(1)));
        cached.release(lease);
    }
    assert_eq!(refused(&cached.decide(Need::NewerThan(at(0)), TIMEOUT, at(1))), REFILL);
}

#[test]
fn d31_what_the_provider_asks_for_is_followed_within_bounds_ahead_of_expiry_and_with_jitter() {
    for (lifetime, longest) in [(None, 600), (Some(0), 60), (Some(300), 300), (Some(1_000_000_000), 600)] {
        let dues: Vec<u64> = (0..200)
            .map(|seed| {
                let mut cached = Cached::empty(
                    "document",
                    Lifetimes::default(),
                    Jitter::new(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15)),
                );
                let lease = leased(&cached.decide(Need::Held, TIMEOUT, at(0)));
                cached.succeed(lease, loaded(Some(1), lifetime), at(0));
                assert!(
                    cached.schedule.renew < cached.schedule.due,
                    "a renewal comes before a request has to"
                );
                (0..)
                    .find(|second| {
                        matches!(cached.decide(Need::Held, TIMEOUT, at(*second)), Decision::Fetch(..))
                    })
                    .unwrap()
            })
            .collect();
        let (first, last) = (*dues.iter().min().unwrap(), *dues.iter().max().unwrap());
        assert!(first >= longest * 79 / 100 && last <= longest, "{lifetime:?}: {first}..{last}");
        assert!(last - first >= longest / 8, "{lifetime:?}: {first}..{last} are spread");
    }
}

#[test]
fn d28_a_failure_keeps_what_is_held_and_backs_off() {
    let mut cached = filled(0);
    let lease = leased(&cached.decide(Need::Held, TIMEOUT, at(600)));
    assert_eq!(used(&cached.decide(Need::Held, TIMEOUT, at(600))), 1, "nobody else waits meanwhile");
    cached.fail(lease, &failure(None), at(601));
    assert_eq!(used(&cached.decide(Need::Held, TIMEOUT, at(601))), 1);
    let status = cached.status(at(601));
    assert_eq!(
        (status.freshness, status.since, status.reason),
        (Freshness::Stale, Some(at(601)), Some("provider_status"))
    );
    leased(&cached.decide(Need::Held, TIMEOUT, at(602)));
}

#[test]
fn d27_what_is_held_ends_at_max_stale_and_not_before() {
    let mut cached = filled(0);
    let fail = |cached: &mut Cached<u8>, second| {
        if let Decision::Fetch(lease, _) = cached.decide(Need::Held, TIMEOUT, at(second)) {
            cached.fail(lease, &failure(None), at(second));
        }
    };
    for second in (600..86_400).step_by(60) {
        fail(&mut cached, second);
    }
    assert!(cached.usable(Need::Held, at(86_399)).is_some());
    assert_eq!(cached.status(at(86_400)).freshness, Freshness::None);
}

#[test]
fn d17_failures_back_off_by_doubling_up_to_five_seconds_in_need() {
    let mut cached = empty();
    let mut now = at(0);
    for pause in [1, 2, 4, 5, 5] {
        let lease = leased(&cached.decide(Need::Held, TIMEOUT, now));
        cached.fail(lease, &failure(None), now);
        let wait = refused(&cached.decide(Need::Held, TIMEOUT, now));
        let pause = Duration::from_secs(pause);
        assert!(wait <= pause && wait >= pause * 3 / 4, "{wait:?} of {pause:?}");
        now = now.saturating_add(wait);
    }
}

#[test]
fn d09_retry_after_is_honoured_up_to_five_minutes() {
    for (asked, honoured) in [(30, 30), (100_000, 300)] {
        let mut cached = empty();
        let lease = leased(&cached.decide(Need::Held, TIMEOUT, at(0)));
        cached.fail(lease, &failure(Some(asked)), at(0));
        assert_eq!(refused(&cached.decide(Need::Held, TIMEOUT, at(0))), Duration::from_secs(honoured));
    }
}

#[test]
fn an_unchanged_document_is_fresh_again_and_asked_for_by_its_validators() {
    let mut cached = empty();
    let Decision::Fetch(lease, asked) = cached.decide(Need::Held, TIMEOUT, at(0)) else { panic!("fetches") };
    assert_eq!(asked, Validators::default());
    let validators = Validators { etag: Some("\"1\"".into()), last_modified: None };
    let caching = Caching { lifetime: None, validators: validators.clone() };
    cached.succeed(lease, Loaded { document: Some(5), caching: caching.clone() }, at(0));
    let Decision::Fetch(lease, asked) = cached.decide(Need::Held, TIMEOUT, at(600)) else {
        panic!("fetches")
    };
    assert_eq!(asked, validators);
    cached.succeed(lease, Loaded { document: None, caching }, at(600));
    let Decision::Use(held) = cached.decide(Need::NewerThan(at(0)), TIMEOUT, at(601)) else {
        panic!("is newer")
    };
    assert_eq!((*held.document, held.asked), (5, at(600)));
}

#[test]
fn an_unchanged_answer_without_anything_held_is_no_document() {
    let mut cached = empty();
    let lease = leased(&cached.decide(Need::Held, TIMEOUT, at(0)));
    assert!(cached.succeed(lease, loaded(None, None), at(0)).is_none());
    leased(&cached.decide(Need::Held, TIMEOUT, at(0)));
}

#[test]
fn while_somebody_renews_no_request_does_and_when_nobody_does_any_more_requests_do() {
    let mut cached = filled(0);
    let mut now = at(0);
    for _ in 0..20 {
        now = cached.attend(now).max(now);
        let lease = leased(&cached.decide(Need::Renewal, TIMEOUT, now));
        assert_eq!(used(&cached.decide(Need::Held, TIMEOUT, now)), 1);
        cached.succeed(lease, loaded(Some(1), None), now);
    }
    let next = cached.attend(now);
    let late = next.saturating_add(Duration::from_secs(59));
    assert_eq!(used(&cached.decide(Need::Held, TIMEOUT, late)), 1);
    leased(&cached.decide(Need::Held, TIMEOUT, late.saturating_add(Duration::from_secs(600))));
}

#[test]
fn f11_a_clock_that_is_set_back_stops_neither_refetching_nor_backing_off() {
    let mut cached = filled(10_000);
    let back = at(6_400);
    let held = cached.at_hand(back).unwrap();
    assert!(held.asked < back, "a token that comes now may be of a newer key");
    leased(&cached.decide(Need::NewerThan(held.asked), TIMEOUT, back));
    let mut cached = filled(10_000);
    let lease = leased(&cached.decide(Need::Held, TIMEOUT, at(10_600)));
    cached.fail(lease, &failure(None), at(10_600));
    let held = cached.decide(Need::Held, TIMEOUT, back);
    assert_eq!(used(&held), 1, "keys are not thrown away");
    leased(&cached.decide(Need::Held, TIMEOUT, back.saturating_add(Duration::from_secs(700))));
}

#[test]
fn c49_a_clock_that_jumps_a_day_ahead_is_survived() {
    let mut cached = filled(0);
    assert_eq!(cached.status(at(86_400)).freshness, Freshness::None);
    let lease = leased(&cached.decide(Need::Held, TIMEOUT, at(86_400)));
    cached.succeed(lease, loaded(Some(2), None), at(86_400));
    assert_eq!(used(&cached.decide(Need::Held, TIMEOUT, at(86_400))), 2);
}

#[test]
fn d33_a_flow_that_is_dropped_in_mid_fetch_lets_the_next_one_fetch() {
    let shared = Shared::new(empty());
    let load: Load<u8> =
        Arc::new(|ask, _| Step::wait(ask.timeout, |_| Step::Done(Ok(loaded(Some(3), None)))));
    drop(shared.obtain(Need::Held, Arc::clone(&load), at(5), at(0)));
    let Step::Wait(_, wake) = shared.obtain(Need::Held, load, at(5), at(0)) else { panic!("fetches") };
    assert!(matches!(wake.resume(at(1)), Step::Done(Ok(held)) if *held.document == 3));
}

#[test]
fn d16_no_more_flows_wait_for_what_may_be_made_up_than_there_are_places() {
    let shared = Shared::new(filled(0));
    let load: Load<u8> = Arc::new(|ask, _| Step::wait(ask.timeout, |_| Step::Done(Err(failure(None)))));
    let obtain = |need| shared.obtain(need, Arc::clone(&load), at(6), at(1));
    let _fetching = obtain(Need::NewerThan(at(0)));
    let waiting: Vec<_> = (0..100).map(|_| obtain(Need::NewerThan(at(0)))).collect();
    assert_eq!(waiting.iter().filter(|step| matches!(step, Step::Wait(..))).count(), 64);
    assert!(matches!(obtain(Need::Held), Step::Done(Ok(_))), "who needs nothing newer does not wait");
    drop(waiting);
    assert!(matches!(obtain(Need::NewerThan(at(0))), Step::Wait(..)));
}

#[test]
fn what_a_glance_shows_is_at_hand_and_nothing_else() {
    let mut shown = 0;
    for seconds in 0..2_000 {
        let now = UnixTime::from_secs(99_000 + seconds);
        let shared = Shared::new(filled(0));
        let held = shared.usable(Need::Held, at(0)).unwrap().document;
        let seen = shared.is_at_hand(Arc::as_ptr(&held), now);
        assert!(!shared.is_at_hand(std::ptr::null(), now));
        let found = shared.at_hand(now).map(|found| found.document);
        assert!(!seen || found.is_some_and(|found| Arc::ptr_eq(&found, &held)), "{now:?}");
        shown += usize::from(seen);
    }
    let first = filled(0);
    let until = (1..2_000).take_while(|seconds| !first.refresh_is_due(Need::Held, at(*seconds))).count();
    assert_eq!(shown, until);
}
