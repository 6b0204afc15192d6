//! What the provider does, seen from outside: as a function, and over a socket.

mod algorithms;
mod assertions;
mod browser;
mod faults;
mod flow;
mod hybrid;
mod logout;
mod mtls;
mod pages;
mod pushed;
mod robust;
mod server;
mod token;
mod token_status;
