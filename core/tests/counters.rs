//! What is counted, by the facade `metrics`.
#![cfg(all(feature = "rsa", feature = "metrics"))]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use oidc_dev_provider::{Endpoint, Fault};
use support::{Browser, World};

/// Counts by name and labels.
#[derive(Default, Clone)]
struct Counts(Arc<Mutex<BTreeMap<String, u64>>>);

struct One(Counts, String);

impl CounterFn for One {
    fn increment(&self, value: u64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
    }

    fn absolute(&self, _: u64) {}
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<&str> = key.labels().map(metrics::Label::value).collect();
        Counter::from_arc(Arc::new(One(self.clone(), format!("{} {}", key.name(), labels.join(" ")))))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn fetches_and_refusals_are_counted() {
    let counts = Counts::default();
    metrics::with_local_recorder(&counts, || {
        let (mut world, mut browser) = (World::new(), Browser::default());
        browser.sign_in(&mut world);
        world.bearer("junk");
        world.bearer("junk");
        world.provider.set_fault(Some(Fault::Status(Endpoint::Jwks, 503)));
        world.pass(700);
        let token = world.access_token();
        world.bearer(&token);
    });
    let counted = counts.0.lock().unwrap().clone();
    let expected = [
        ("oidc_fetches_total discovery ok", 2),
        ("oidc_fetches_total keys ok", 1),
        ("oidc_fetches_total keys provider_status", 1),
        ("oidc_refusals_total malformed", 2),
    ];
    assert_eq!(counted, expected.map(|(name, count)| (name.to_owned(), count)).into());
}
