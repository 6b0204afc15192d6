//! The manual: what is behind the interface.
//!
//! - [`attacks`]: which attacks there are, where each is stopped, and what is not stopped.
//! - [`defaults`]: what holds unless you say otherwise, and why.
//! - [`providers`]: my provider is …, the lines that it takes, and several providers at once.
//! - [`recipes`]: own claims, own stores, own HTTP clients, sign-outs by the provider, tests with the dev provider.
//! - [`sessions`]: how a session lives, is refreshed and ends, and what a store adds.
//! - [`sockets`]: who opens one, when it ends, and how a client goes on with a fresh token.
//! - [`misuse`]: mistakes that do not compile.
//! - [`non_features`]: what is left out on purpose.

pub mod attacks;
pub mod defaults;
pub mod misuse;
pub mod non_features;
pub mod providers;
pub mod recipes;
pub mod sessions;
pub mod sockets;
