//! README's examples for this driver: they compile, they are what README shows, and they are as short as it promises.
#![cfg(feature = "axum")]

#[expect(dead_code, reason = "README shows how a service is made; it is not started here")]
mod bearer;
#[expect(dead_code, reason = "README shows a whole program; it is not started here")]
mod login;
#[cfg(feature = "ws")]
#[expect(dead_code, reason = "README shows a handler; it is not called here")]
mod socket;

const README: &str = include_str!("../../../README.md");

#[test]
fn a_login_takes_at_most_12_lines() {
    assert_shown(include_str!("login.rs"), 12);
}

#[test]
fn a_bearer_route_takes_at_most_8_lines() {
    assert_shown(include_str!("bearer.rs"), 8);
}

#[cfg(feature = "ws")]
#[test]
fn a_websocket_takes_at_most_14_lines() {
    assert_shown(include_str!("socket.rs"), 14);
}

fn assert_shown(example: &str, most_lines: usize) {
    assert!(README.contains(&format!("```rust\n{example}```\n")), "README does not show this:\n{example}");
    let lines = example.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= most_lines, "{lines} lines");
}
