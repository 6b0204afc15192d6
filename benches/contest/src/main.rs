//! Measures contenders in turns, so that whatever else the machine does meets all of them alike, and writes what came of it.
//!
//! ```text
//! contest [ROUNDS] [--svg FILE]
//! ```
//! Each contender is a process of its own, on this side or in the runtime of its language (`others/`, which need
//! `npm ci` and `pip install -r others/requirements.txt`). The table goes to standard output.

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
const CONTENDERS: [(&str, &str, Option<&[&str]>); 11] = [
    ("oidc-core-remembered", "**oidc-core, token remembered**", None),
    ("oidc-core-aws-lc-rs", "**oidc-core, feature `aws-lc-rs`**", None),
    ("oidc-core", "**oidc-core**, pure Rust", None),
    ("jsonwebtoken-aws", "jsonwebtoken 11.1, aws_lc_rs", None),
    ("jsonwebtoken-9", "jsonwebtoken 9.3 (ring), as in jwt-authorizer", None),
    ("josekit", "josekit 0.10 (OpenSSL)", None),
    ("jsonwebtoken-rust", "jsonwebtoken 11.1, rust_crypto", None),
    ("openidconnect", "openidconnect 4.1", None),
    ("jwt-simple", "jwt-simple 0.14, pure Rust", None),
    ("jose", "jose 6 (Node 20)", Some(&["node", "others/jose.mjs"])),
    ("pyjwt", "PyJWT 2 (Python 3.11)", Some(&["python3", "others/pyjwt.py"])),
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let rounds = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(40);
    let svg = arguments.iter().position(|text| text == "--svg").and_then(|at| arguments.get(at + 1));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = here.join("target/fixtures.json");
    oidc_contest::write_fixtures(&fixtures);
    let results = TOKENS.map(|token| measure(here, token, &fixtures, rounds));
    println!("{}", table(&results));
    if let Some(file) = svg {
        fs::write(file, chart(&results[0])).expect("the chart can be written");
    }
}

/// Median nanoseconds of each contender, in their order.
fn measure(here: &Path, token: &str, fixtures: &Path, rounds: usize) -> Vec<f64> {
    let mut workers: Vec<Worker> = CONTENDERS
        .iter()
        .map(|(name, _, command)| Worker::start(here, name, *command, token, fixtures))
        .collect();
    workers.iter_mut().for_each(Worker::calibrate);
    let mut found = vec![Vec::new(); workers.len()];
    for _ in 0..rounds {
        for (worker, found) in workers.iter_mut().zip(&mut found) {
            found.push(worker.round());
        }
    }
    found.into_iter().map(median).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

struct Worker {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    times: u32,
}

impl Worker {
    fn start(here: &Path, name: &str, command: Option<&[&str]>, token: &str, fixtures: &Path) -> Self {
        let ours = |name: &str| env::current_exe().map(|path: PathBuf| path.with_file_name(name));
        let mut command = match command {
            Some([program, script]) => {
                let mut command = Command::new(program);
                command.arg(here.join(script));
                command
            }
            _ => {
                let mut command = Command::new(ours("contender").expect("this program has a path"));
                command.arg(name);
                command
            }
        };
        let mut child = command
            .arg(token)
            .arg(fixtures)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, input, output, times: 1 }
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
        writeln!(self.input, "{}", self.times).expect("the contender listens");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the contender answers");
        line.trim().parse::<f64>().expect("a number of nanoseconds") / f64::from(self.times)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn table(results: &[Vec<f64>; 2]) -> String {
    let base = CONTENDERS.iter().position(|(name, ..)| *name == BASE).expect("the base is a contender");
    let mut table = "| | ID token, µs | × | access token, µs | × |\n|---|--:|--:|--:|--:|\n".to_owned();
    for (at, (_, shown, _)) in CONTENDERS.iter().enumerate() {
        let [id, access] =
            [0, 1].map(|token: usize| (results[token][at] / 1e3, results[token][at] / results[token][base]));
        writeln!(table, "| {shown} | {:.2} | {:.3} | {:.2} | {:.3} |", id.0, id.1, access.0, access.1)
            .expect("a string takes everything");
    }
    table
}

/// Bars of the ID token's times, as long as the times are; the longest ones are cut.
fn chart(times: &[f64]) -> String {
    const LONGEST: f64 = 130e3;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"{}\" font-family=\"sans-serif\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"20\" y=\"28\" font-size=\"17\">One whole verification of an ID token (RS256, 2048 bits), microseconds</text>\n",
        50 + 30 * times.len()
    );
    for (at, ((name, shown, _), time)) in CONTENDERS.iter().zip(times).enumerate() {
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
