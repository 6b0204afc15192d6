//! The goals, each beside what was reached in this run.

use std::fmt::Write as _;

use crate::{CONTENDERS, PARTS, Results};

/// A goal for both tokens, or only for the first.
struct Goal {
    says: &'static str,
    wanted: [Option<f64>; 2],
    /// Less is better, but for the gain of threads.
    at_least: bool,
    reached: fn(&Results) -> f64,
}

const GOALS: &[Goal] = &[
    Goal::most("pure Rust, × jsonwebtoken rust_crypto", [0.20, 0.20], |all| {
        all.time("oidc-core") / all.time("jsonwebtoken-rust")
    }),
    Goal::most("pure Rust, × openidconnect", [0.20, 0.20], |all| {
        all.time("oidc-core") / all.time("openidconnect")
    }),
    Goal::most("pure Rust, × jsonwebtoken aws_lc_rs", [1.10, 0.95], |all| {
        all.time("oidc-core") / all.time("jsonwebtoken-aws")
    }),
    Goal::most("aws-lc-rs, × jsonwebtoken aws_lc_rs", [0.80, 0.70], |all| {
        all.time("oidc-core-aws-lc-rs") / all.time("jsonwebtoken-aws")
    }),
    Goal::most("aws-lc-rs, × the fastest Rust peer", [1.0, 1.0], |all| {
        all.time("oidc-core-aws-lc-rs") / fastest_peer(all)
    }),
    Goal::first("remembered, × the fastest peer without a cache", 0.03, |all| {
        all.time("oidc-core-remembered") / fastest_peer(all)
    }),
    Goal::first("remembered, × fast-jwt's cache", 0.25, |all| {
        all.time("oidc-core-remembered") / all.time("fast-jwt")
    }),
    Goal::most("all but RSA, × one RSA verification by aws-lc-rs", [0.10, 0.25], |all| {
        all.time("part-no-rsa") / all.time("part-rsa-aws-lc")
    }),
    Goal::most("allocations without RSA's", [4.0, 6.0], |all| all.allocations["part-no-rsa"] as f64),
    Goal::first("refusing what is malformed, µs", 2.0, |all| all.time("part-malformed") / 1e3),
    Goal::first("refusing what is oversized, µs", 2.0, |all| all.time("part-oversized") / 1e3),
    Goal::first("refusing another algorithm, µs", 2.0, |all| all.time("part-algorithm") / 1e3),
    Goal::least("two threads, × one: pure Rust", [1.9, 1.9], |all| all.threads["oidc-core"]),
    Goal::least("two threads, × one: remembered", [1.9, 1.9], |all| all.threads["oidc-core-remembered"]),
];

impl Goal {
    const fn most(says: &'static str, wanted: [f64; 2], reached: fn(&Results) -> f64) -> Self {
        Self { says, wanted: [Some(wanted[0]), Some(wanted[1])], at_least: false, reached }
    }

    const fn least(says: &'static str, wanted: [f64; 2], reached: fn(&Results) -> f64) -> Self {
        Self { at_least: true, ..Self::most(says, wanted, reached) }
    }

    const fn first(says: &'static str, wanted: f64, reached: fn(&Results) -> f64) -> Self {
        Self { says, wanted: [Some(wanted), None], at_least: false, reached }
    }
}

/// Nanoseconds of the fastest library in Rust that is not ours.
fn fastest_peer(all: &Results) -> f64 {
    let rust =
        CONTENDERS.iter().filter(|(name, _, command)| command.is_none() && !name.starts_with("oidc-core"));
    rust.map(|(name, ..)| all.time(name)).fold(f64::INFINITY, f64::min)
}

/// One line a goal, and then the parts that they were made of.
pub(crate) fn table(results: &[Results; 2]) -> String {
    let mut table =
        "| goal | ID token | wanted | access token | wanted |\n|---|--:|--:|--:|--:|\n".to_owned();
    for goal in GOALS {
        let sign = if goal.at_least { "≥" } else { "≤" };
        let cells = [0, 1].map(|at: usize| {
            let Some(wanted) = goal.wanted[at] else { return " | ".to_owned() };
            let reached = (goal.reached)(&results[at]);
            let missed = if goal.at_least { reached < wanted } else { reached > wanted };
            let mark = if missed { " **missed**" } else { "" };
            format!("{reached:.3}{mark} | {sign} {wanted}")
        });
        line(&mut table, &format!("| {} | {} |", goal.says, cells.join(" | ")));
    }
    line(&mut table, "");
    for part in PARTS {
        let [id, access] = results.each_ref().map(|results| results.time(part) / 1e3);
        line(&mut table, &format!("{}: {id:.3} / {access:.3} µs", part.trim_start_matches("part-")));
    }
    table
}

fn line(table: &mut String, text: &str) {
    writeln!(table, "{text}").expect("a string takes everything");
}
