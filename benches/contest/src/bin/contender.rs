//! One library, asked for rounds on standard input: for a line with a number it verifies a token so many times, and answers
//! with the nanoseconds of its thread; for `threads`, a number of threads and one of times it does so on each of them at
//! once, two tokens in turn, and answers with the nanoseconds that went by until all were done.
//!
//! ```text
//! contender NAME id_token|access_token FIXTURES
//! ```

use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::sync::Barrier;
use std::time::{Duration, Instant};
use std::{env, thread};

use cpu_time::ThreadTime;
use oidc_contest::contenders::{Task, Verify, contender};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, kind, fixtures] = arguments.as_slice() else { panic!("contender NAME TOKEN FIXTURES") };
    let task = Task::read(fixtures, kind);
    let verify = contender(name, &task);
    assert!(verify(&task.token), "{name} refuses {kind}");
    let forged = format!("{}AAAA", &task.token[..task.token.len() - 4]);
    assert!(name.starts_with("part-") || !verify(&forged), "{name} takes a forged {kind}");
    for line in io::stdin().lock().lines() {
        let line = line.expect("standard input is text");
        let elapsed = match line.strip_prefix("threads ") {
            Some(numbers) => on_threads(numbers, &verify, &task),
            None => on_this_thread(number(&line), &verify, &task.token),
        };
        println!("{}", elapsed.as_nanos());
        io::stdout().flush().expect("somebody reads");
    }
}

fn number(text: &str) -> u32 {
    text.trim().parse().expect("a number")
}

fn on_this_thread(times: u32, verify: &Verify, token: &str) -> Duration {
    let begin = ThreadTime::now();
    repeat(times, verify, token);
    begin.elapsed()
}

fn on_threads(numbers: &str, verify: &Verify, task: &Task) -> Duration {
    let (threads, times) = numbers.split_once(' ').expect("two numbers");
    let (threads, times) = (threads.parse::<usize>().expect("a number"), number(times));
    let ready = Barrier::new(threads + 1);
    thread::scope(|scope| {
        let ready = &ready;
        let work = |token| {
            move || {
                ready.wait();
                repeat(times, verify, token);
            }
        };
        let tokens = [&task.token, &task.second].into_iter().cycle().take(threads);
        let workers: Vec<_> = tokens.map(|token| scope.spawn(work(token))).collect();
        ready.wait();
        let begin = Instant::now();
        workers.into_iter().for_each(|worker| worker.join().expect("it verifies"));
        begin.elapsed()
    })
}

fn repeat(times: u32, verify: &Verify, token: &str) {
    for _ in 0..times {
        assert!(verify(black_box(token)));
    }
}
