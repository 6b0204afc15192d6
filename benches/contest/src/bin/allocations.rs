//! How many allocations one verification makes, once it has made some: `allocations NAME id_token|access_token FIXTURES`.
//! A program of its own, since counting takes time.

use std::env;

use oidc_contest::contenders::{Task, contender};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, kind, fixtures] = arguments.as_slice() else { panic!("allocations NAME TOKEN FIXTURES") };
    let task = Task::read(fixtures, kind);
    let verify = contender(name, &task);
    (0..10).for_each(|_| assert!(verify(&task.token)));
    let counted = allocation_counter::measure(|| assert!(verify(&task.token)));
    println!("{}", counted.count_total);
}
