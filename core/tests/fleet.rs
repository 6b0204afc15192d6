//! A fleet of 10,000 instances through one simulated day: three rotations, an outage, a restart of everyone, a flood.
//!
//! Nothing is fetched and nobody waits: each instance is a real client on a clock of its own, and the provider is a
//! function of the time. Its figures are printed by `cargo test -p oidc-core --test fleet -- --nocapture`; its picture is
//! `docs/fleet.svg`, which `FLEET_SVG=write` before that command writes anew.

#[path = "fleet/agenda.rs"]
mod agenda;
#[path = "fleet/day.rs"]
mod day;
#[path = "fleet/instance.rs"]
mod instance;
#[path = "fleet/plot.rs"]
mod plot;
#[path = "fleet/provider.rs"]
mod provider;
#[path = "fleet/report.rs"]
mod report;
#[path = "fleet/tokens.rs"]
mod tokens;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};

use provider::{DAY, MAX_AGE, Millis, OUTAGE, SECOND};
use report::{Answers, PERIODIC, PERIODS, Report};

const INSTANCES: usize = 10_000;
const GROUPS: usize = INSTANCES / day::GROUP;
/// Once it is asked, an answer takes two requests of 50 ms at most.
const TWO_FETCHES: Millis = 100;

/// A token is good as long as its key is published. Planned rotations, an outage, clocks that are a minute off and a start
/// of everyone at once refuse none; nor does a rotation without overlap, but of the key that it withdraws.
#[test]
fn d24_d25_d27_no_good_token_is_refused_all_day() {
    let fleet = with_jitter();
    assert_eq!((fleet.good.refused, fleet.good.unavailable), (0, 0));
    assert!(fleet.good.accepted > 15 * INSTANCES as u64, "{:?}", fleet.good);
    assert!(fleet.longest_wait <= TWO_FETCHES, "{} ms", fleet.longest_wait);
    assert_eq!(fleet.lost, 0, "no answer was due in the moment of the restart");
}

/// There alone, good tokens may have to come again, for as long as the flood has used up what may be fetched.
#[test]
fn d23_a_flooded_instance_takes_the_new_key_within_five_seconds() {
    let Answers { accepted, refused, unavailable } = with_jitter().good_before_notice;
    assert_eq!(refused, 0);
    assert!(accepted > unavailable && unavailable > 0, "{accepted} accepted, {unavailable} to come again");
}

#[test]
fn d20_a_flooded_instance_fetches_at_most_14_times_in_any_minute() {
    let fleet = with_jitter();
    assert!((12..=14).contains(&fleet.most_in_a_minute), "{}", fleet.most_in_a_minute);
    assert_eq!(fleet.made_up.accepted, 0);
    assert!(fleet.made_up.unavailable > 0 && fleet.made_up.refused > 0, "{:?}", fleet.made_up);
}

#[test]
fn d26_a_withdrawn_key_is_taken_for_the_longest_lifetime_at_most() {
    let fleet = with_jitter();
    assert!(fleet.withdrawn.accepted > 0 && fleet.withdrawn.refused > 0, "{:?}", fleet.withdrawn);
    assert!(fleet.withdrawn_accepted_until <= MAX_AGE, "{} ms", fleet.withdrawn_accepted_until);
}

/// Each instance asks for two documents, with pauses of 0.75, 1.5, 3 … 45 seconds at least.
#[test]
fn d27_an_outage_is_met_by_the_back_off_and_is_over_a_minute_after_its_end() {
    let fleet = with_jitter();
    assert!(fleet.good_in_outage.accepted > INSTANCES as u64, "{:?}", fleet.good_in_outage);
    let most = INSTANCES as u64 * 2 * (6 + (OUTAGE.end - OUTAGE.start) / (45 * SECOND));
    let attempts = fleet.total(&OUTAGE);
    assert!((most / 4..=most).contains(&attempts), "{attempts} attempts");
    assert_eq!(fleet.not_fresh_after_outage, 0);
}

#[test]
fn d36_jitter_keeps_the_fleet_from_asking_all_at_once() {
    let (with, without) = (with_jitter(), without_jitter());
    println!("{}", table(with, without));
    let everyone = INSTANCES as u64;
    for (name, period) in PERIODS.iter().filter(|(name, _)| *name == PERIODIC) {
        let (with, without) = (with.peak(period), without.peak(period));
        assert!(without >= everyone, "{name}: {without}");
        assert!(with * 100 <= without, "{name}: {with} a second with jitter, {without} without");
    }
    let (with, without) = (with.peak(&OUTAGE), without.peak(&OUTAGE));
    assert!(with * 10 <= without, "outage: {with} a second with jitter, {without} without");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may read and write its picture")]
fn the_picture_in_the_docs_is_of_this_day() {
    let picture = plot::draw(with_jitter(), without_jitter(), INSTANCES);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fleet.svg");
    if std::env::var("FLEET_SVG").is_ok_and(|wish| wish == "write") {
        std::fs::write(&path, picture).unwrap();
    } else {
        let same = std::fs::read_to_string(&path).is_ok_and(|committed| committed == picture);
        assert!(
            same,
            "docs/fleet.svg is of another day: FLEET_SVG=write cargo test -p oidc-core --test fleet"
        );
    }
}

/// The day of all instances. Tests that run at the same time share the groups among them.
fn with_jitter() -> &'static Report {
    static DAYS: [OnceLock<Report>; GROUPS] = [const { OnceLock::new() }; GROUPS];
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    static FLEET: LazyLock<Report> =
        LazyLock::new(|| (0..GROUPS).fold(Report::new(1), |sum, group| sum.and(day_of(group))));
    fn day_of(group: usize) -> &'static Report {
        DAYS[group].get_or_init(|| day::with_jitter(group))
    }
    while let Some(group) = Some(NEXT.fetch_add(1, Ordering::Relaxed)).filter(|group| *group < GROUPS) {
        day_of(group);
    }
    &FLEET
}

fn without_jitter() -> &'static Report {
    static FLEET: LazyLock<Report> = LazyLock::new(|| day::without_jitter(GROUPS));
    &FLEET
}

fn table(with: &Report, without: &Report) -> String {
    let mut lines = vec![
        format!("{INSTANCES} instances, one day. Requests to the provider, with jitter and without:"),
        format!("{:48}{:>12}{:>12}{:>12}{:>12}", "", "all", "without", "peak/s", "without"),
    ];
    for (name, period) in PERIODS.iter().chain(&[("the whole day", 0..DAY)]) {
        let counts = [with.total(period), without.total(period), with.peak(period), without.peak(period)];
        let [all, all_without, peak, peak_without] = counts;
        lines.push(format!("{name:48}{all:>12}{all_without:>12}{peak:>12}{peak_without:>12}"));
    }
    lines.push(format!("{:48}{:>12}{:>12}{:>12}", "\nTokens", "accepted", "401", "503"));
    for (name, Answers { accepted, refused, unavailable }) in [
        ("good", with.good),
        ("  of them in the outage", with.good_in_outage),
        ("of the new key, flooded, within 5 s", with.good_before_notice),
        ("of the withdrawn key", with.withdrawn),
        ("made up", with.made_up),
    ] {
        lines.push(format!("{name:48}{accepted:>12}{refused:>12}{unavailable:>12}"));
    }
    lines.push(format!("\nlongest wait of a good token: {} ms", with.longest_wait));
    lines.push(format!("most requests of a flooded instance in a minute: {}", with.most_in_a_minute));
    lines.push(format!("withdrawn key taken for: {} s", with.withdrawn_accepted_until / SECOND));
    lines.join("\n")
}
