//! Measures contenders in turns, so that whatever else the machine does meets all of them alike, and writes what came of it:
//! a table of the contenders, and one of the goals that this library has set itself.
//!
//! ```text
//! contest [ROUNDS] [--svg FILE]
//! ```
//! Each contender is a process of its own, on this side or in the runtime of its language (`others/`, which need
//! `npm ci` and `pip install -r others/requirements.txt`). The tables go to standard output.

mod goals;

use std::collections::HashMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use oidc_contest::TOKENS;

/// What the ratios are to: the fastest of the usual choices.
const BASE: &str = "jsonwebtoken-aws";

/// Name, how it is called in the table, and how it is started if not by `contender`.
const CONTENDERS: &[(&str, &str, Option<[&str; 2]>)] = &[
    ("oidc-core-remembered", "**oidc-core, token remembered**", None),
    ("fast-jwt", "fast-jwt 6 with its cache (Node 20)", Some(["node", "others/fast-jwt.mjs"])),
    ("oidc-core-aws-lc-rs", "**oidc-core, feature `aws-lc-rs`**", None),
    ("oidc-core", "**oidc-core**, pure Rust", None),
    #[cfg(feature = "boring")]
    ("jwt-simple-boring", "jwt-simple 0.15 (BoringSSL)", None),
    ("jsonwebtoken-aws", "jsonwebtoken 11.1, aws_lc_rs", None),
    ("jsonwebtoken-9", "jsonwebtoken 9.3 (ring), as in jwt-authorizer", None),
    ("josekit", "josekit 0.10 (OpenSSL)", None),
    ("jsonwebtoken-rust", "jsonwebtoken 11.1, rust_crypto", None),
    ("openidconnect", "openidconnect 4.1", None),
    ("jwt-simple", "jwt-simple 0.14, pure Rust", None),
    ("jose", "jose 6 (Node 20)", Some(["node", "others/jose.mjs"])),
    ("pyjwt", "PyJWT 2 (Python 3.11)", Some(["python3", "others/pyjwt.py"])),
];

/// Parts of our own verification, and refusals: measured in the same turns, for the goals.
const PARTS: [&str; 6] =
    ["part-no-rsa", "part-rsa", "part-rsa-aws-lc", "part-malformed", "part-oversized", "part-algorithm"];

/// What is asked for on two threads as well.
const THREADED: [&str; 3] = ["oidc-core", "oidc-core-aws-lc-rs", "oidc-core-remembered"];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let rounds = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(40);
    let svg = arguments.iter().position(|text| text == "--svg").and_then(|at| arguments.get(at + 1));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = here.join("target/fixtures.json");
    oidc_contest::write_fixtures(&fixtures);
    let results = TOKENS.map(|token| Results::measure(here, token, &fixtures, rounds));
    println!("{}", table(&results));
    println!("{}", goals::table(&results));
    if let Some(file) = svg {
        fs::write(file, chart(&results[0])).expect("the chart can be written");
    }
}

/// What was found for one token.
struct Results {
    /// Median nanoseconds of each contender and part.
    times: HashMap<&'static str, f64>,
    /// Allocations of each contender in Rust and of the parts.
    allocations: HashMap<&'static str, u64>,
    /// How many times as much two threads do as one.
    threads: HashMap<&'static str, f64>,
}

impl Results {
    fn measure(here: &Path, token: &str, fixtures: &Path, rounds: usize) -> Self {
        let parts = PARTS.iter().map(|name| (*name, None));
        let all = CONTENDERS.iter().map(|(name, _, command)| (*name, *command)).chain(parts);
        let mut workers: Vec<Worker> =
            all.map(|(name, command)| Worker::start(here, name, command, token, fixtures)).collect();
        workers.iter_mut().for_each(Worker::calibrate);
        let mut times: HashMap<&str, Vec<f64>> = HashMap::new();
        let mut threads: HashMap<&str, Vec<f64>> = HashMap::new();
        for _ in 0..rounds {
            for worker in &mut workers {
                times.entry(worker.name).or_default().push(worker.round());
                if THREADED.contains(&worker.name) {
                    threads.entry(worker.name).or_default().push(worker.gain_of_two_threads());
                }
            }
        }
        let counted = workers.iter().filter(|worker| worker.in_rust);
        let allocations = counted.map(|worker| (worker.name, allocations(worker.name, token, fixtures)));
        Self { allocations: allocations.collect(), times: medians(times), threads: medians(threads) }
    }

    fn time(&self, name: &str) -> f64 {
        self.times[name]
    }
}

fn allocations(name: &str, token: &str, fixtures: &Path) -> u64 {
    let mut command = Command::new(ours("allocations"));
    let output = command.args([name, token]).arg(fixtures).output().expect("it starts");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("it counts")
}

/// Another program of this package.
fn ours(name: &str) -> PathBuf {
    env::current_exe().expect("this program has a path").with_file_name(name)
}

fn medians(found: HashMap<&'static str, Vec<f64>>) -> HashMap<&'static str, f64> {
    found.into_iter().map(|(name, values)| (name, median(values))).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

struct Worker {
    name: &'static str,
    in_rust: bool,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    times: u32,
}

impl Worker {
    fn start(
        here: &Path,
        name: &'static str,
        command: Option<[&str; 2]>,
        token: &str,
        fixtures: &Path,
    ) -> Self {
        let (program, script) = match command {
            Some([program, script]) => (PathBuf::from(program), here.join(script)),
            None => (ours("contender"), name.into()),
        };
        let mut child = Command::new(program)
            .arg(script)
            .arg(token)
            .arg(fixtures)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { name, in_rust: command.is_none(), child, input, output, times: 1 }
    }

    /// Warms up, and finds how many verifications take about 20 ms.
    fn calibrate(&mut self) {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(300) {
            let nanoseconds = self.round();
            self.times = (20e6 / nanoseconds.max(10.0)).clamp(1.0, 1e7) as u32;
        }
    }

    /// Nanoseconds of one verification.
    fn round(&mut self) -> f64 {
        self.ask(&self.times.to_string()) / f64::from(self.times)
    }

    /// How many times as much two threads do as one in the same time.
    fn gain_of_two_threads(&mut self) -> f64 {
        let [one, two] = [1, 2].map(|threads| self.ask(&format!("threads {threads} {}", self.times)));
        2.0 * one / two
    }

    fn ask(&mut self, request: &str) -> f64 {
        writeln!(self.input, "{request}").expect("the contender listens");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the contender answers");
        line.trim().parse().expect("a number of nanoseconds")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn table(results: &[Results; 2]) -> String {
    let mut table = "| | ID token, µs | × | allocations | access token, µs | × | allocations |\n\
         |---|--:|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for (name, shown, _) in CONTENDERS {
        let cells = results.each_ref().map(|results| {
            let time = results.time(name);
            let allocations = results.allocations.get(name).map(u64::to_string).unwrap_or_default();
            format!("{:.2} | {:.3} | {allocations}", time / 1e3, time / results.time(BASE))
        });
        writeln!(table, "| {shown} | {} |", cells.join(" | ")).expect("a string takes everything");
    }
    table
}

/// Bars of the ID token's times, as long as the times are; the longest ones are cut.
fn chart(results: &Results) -> String {
    const LONGEST: f64 = 130e3;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"{}\" font-family=\"sans-serif\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"20\" y=\"28\" font-size=\"17\">One whole verification of an ID token (RS256, 2048 bits), microseconds</text>\n",
        50 + 30 * CONTENDERS.len()
    );
    for (at, (name, shown, _)) in CONTENDERS.iter().enumerate() {
        let time = results.time(name);
        let (y, width) = (44 + 30 * at, (time.min(LONGEST) / LONGEST * 440.0).max(1.0));
        let color = if name.starts_with("oidc-core") { "#2563eb" } else { "#94a3b8" };
        let label = shown.replace("**", "").replace('`', "");
        writeln!(
            svg,
            "<text x=\"330\" y=\"{0}\" text-anchor=\"end\">{label}</text>\
             <rect x=\"340\" y=\"{y}\" width=\"{width:.1}\" height=\"20\" fill=\"{color}\"/>\
             <text x=\"{1:.1}\" y=\"{0}\">{2:.1}</text>",
            y + 15,
            348.0 + width,
            time / 1e3
        )
        .expect("a string takes everything");
    }
    svg + "</svg>\n"
}
