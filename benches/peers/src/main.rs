//! Makes tokens, good ones and changed ones, and puts each before oidc-core and two other libraries.
//!
//! ```text
//! differential [--tokens N] [--seed N] [--out FILE]
//! ```
//! Exit code 0: every difference is explained by a rule, and no token is taken that both others refuse. 1: not so.
//! 2: not asked properly. FILE (`target/differential.jsonl`) gets what was asked and then a line per token, for judges in
//! other languages.

mod changes;
mod draft;
mod judges;
mod keys;
mod known;
mod tally;

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use serde_json::json;

use changes::{CHANGES, Change, Fate};
use draft::Draft;
use judges::{Court, LEEWAY, Verdicts};
use keys::{CLIENT, ISSUER, Keys, Set};
use tally::Tally;

/// As many show every known difference.
const ENOUGH: usize = 50_000;
const THREADS: usize = 2;
/// How many tokens a thread makes before they are written.
const BATCH: usize = 500;
/// jsonwebtoken reads the clock itself, so no verdict may be later than this after the token was made: the times in
/// tokens keep 30 seconds away from where verdicts change.
const PATIENCE: u64 = 20;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("differential: {problem}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(problem) => {
            eprintln!("differential: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let keys = Keys::new();
    let court = Court::new(&keys);
    if let Some(folder) = options.out.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut out = BufWriter::new(File::create(&options.out)?);
    let asked = json!({
        "issuer": ISSUER, "audience": CLIENT, "leeway": LEEWAY, "now": clock(), "tokens": options.tokens, "seed": options.seed,
        "enough": options.tokens >= ENOUGH,
        "keys": { "one": keys.set(Set::One), "many": keys.set(Set::Many) },
    });
    writeln!(out, "{asked}")?;
    let mut tally = Tally::new();
    for start in (0..options.tokens).step_by(BATCH * THREADS) {
        let batches = (start..options.tokens.min(start + BATCH * THREADS)).step_by(BATCH);
        let judged = thread::scope(|scope| {
            let threads: Vec<_> = batches
                .map(|start| {
                    let numbers = start..options.tokens.min(start + BATCH);
                    let (keys, court) = (&keys, &court);
                    scope.spawn(move || {
                        numbers.map(|number| judge(number, options.seed, keys, court)).collect()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no judge panics"))
                .collect::<Vec<Vec<Judged>>>()
        });
        for judged in judged.iter().flatten() {
            tally.add(judged);
            writeln!(out, "{}", judged.line())?;
        }
    }
    out.flush()?;
    Ok(tally.report(options.tokens >= ENOUGH))
}

/// A token, what was done to it, and what became of it.
pub struct Judged {
    number: usize,
    changes: Vec<(&'static str, Fate)>,
    now: u64,
    set: Set,
    token: String,
    verdicts: Verdicts,
}

/// The same for the same number and seed, but for the time.
fn judge(number: usize, seed: u64, keys: &Keys, court: &Court) -> Judged {
    loop {
        let now = clock();
        let random = &mut Rng::with_seed(seed.wrapping_mul(1 << 32).wrapping_add(number as u64));
        let changes = draw(random);
        let mut made = Vec::new();
        let (token, set) = Draft::good(keys, now, random).finish(
            |stage, draft, random| {
                for change in changes.iter().filter(|change| change.stage == stage) {
                    made.push((change.id, (change.apply)(draft, random)));
                }
            },
            random,
        );
        let verdicts = court.judge(&token, set, now);
        if clock() <= now + PATIENCE {
            return Judged { number, changes: made, now, set, token, verdicts };
        }
    }
}

/// A quarter of the tokens stay as they are, half have one change, a quarter two.
fn draw(random: &mut Rng) -> Vec<&'static Change> {
    let count = [0, 1, 1, 2][random.usize(0..4)];
    let first = CHANGES[random.usize(..CHANGES.len())];
    let mut changes = vec![first];
    if count == 2 {
        let fitting: Vec<&Change> = CHANGES.iter().copied().filter(|other| first.goes_with(other)).collect();
        changes.extend(random.choice(&fitting));
    }
    changes.truncate(count);
    changes
}

fn clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

impl Judged {
    fn ids(&self) -> Vec<&'static str> {
        self.changes.iter().map(|(id, _)| *id).collect()
    }

    /// The changes for which it is to be refused.
    fn bad(&self) -> Vec<&'static str> {
        self.changes.iter().filter(|(_, fate)| *fate == Fate::Bad).map(|(id, _)| *id).collect()
    }

    fn line(&self) -> serde_json::Value {
        let Verdicts { ours, openidconnect, jsonwebtoken } = self.verdicts;
        json!({
            "number": self.number, "ids": self.ids(), "bad": self.bad(), "now": self.now, "keys": self.set, "token": self.token,
            "ours": ours.err().unwrap_or("ok"), "openidconnect": openidconnect, "jsonwebtoken": jsonwebtoken,
        })
    }
}

struct Options {
    tokens: usize,
    seed: u64,
    out: PathBuf,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/differential.jsonl");
        let mut options = Self { tokens: 100_000, seed: 1, out };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(format!("{name} needs a value"))?;
            let wrong = |_| format!("{name}: {value:?} is not a number");
            match name.as_str() {
                "--tokens" => options.tokens = value.parse().map_err(wrong)?,
                "--seed" => options.seed = value.parse().map_err(wrong)?,
                "--out" => options.out = PathBuf::from(value),
                _ => return Err(format!("{name} is not an option")),
            }
        }
        if options.tokens == 0 { Err("--tokens: none is too few".to_owned()) } else { Ok(options) }
    }
}
