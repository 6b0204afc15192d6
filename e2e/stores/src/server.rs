//! A Redis server of one's own, on a free loopback port, in a folder that goes with it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) struct Server {
    arguments: Vec<String>,
    port: u16,
    folder: PathBuf,
    child: Child,
}

impl Server {
    /// One that has written what it has confirmed, unless the further arguments say otherwise.
    pub(crate) fn start(further: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("oidc-stores-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let own = format!("--port {port} --bind 127.0.0.1 --appendonly yes --appendfsync always --dir");
        let own = own.split(' ').map(str::to_owned).chain([folder.to_string_lossy().into_owned()]);
        let arguments: Vec<String> = own.chain(further.iter().map(|&further| further.to_owned())).collect();
        let child = run(&arguments);
        let server = Self { arguments, port, folder, child };
        server.wait();
        server
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    pub(crate) fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    pub(crate) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// With the data that it had.
    pub(crate) fn start_again(&mut self) {
        self.child = run(&self.arguments);
        self.wait();
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill {name}");
    }

    /// Until it has loaded its data.
    fn wait(&self) {
        let begun = Instant::now();
        let client = redis::Client::open(self.url()).unwrap();
        let answers = || {
            let Ok(mut connection) = client.get_connection() else { return false };
            match redis::cmd("PING").exec(&mut connection) {
                Ok(()) => true,
                // It answers, if only to whoever has the password.
                Err(error) => error.code() == Some("NOAUTH"),
            }
        };
        while !answers() {
            assert!(begun.elapsed() < Duration::from_secs(10), "redis-server does not start");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn run(arguments: &[String]) -> Child {
    let program = std::env::var_os("REDIS_SERVER").unwrap_or("redis-server".into());
    let command = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    command.expect("redis-server is installed")
}
