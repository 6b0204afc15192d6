//! The provider behind a socket: a thread listens, a thread per connection asks the provider and delivers its answer.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::answer;
use crate::delivery::{call, deliver, whole};
use crate::http1::{Unread, read_request};
use crate::provider::DevProvider;

/// A provider that listens. It stops when this is dropped, and so do answers on their way.
pub struct Running {
    address: SocketAddr,
    issuer: String,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

impl DevProvider {
    /// Listens on `addr`, such as `127.0.0.1:0`, by the system's clock; the issuer is `http://` and the address bound.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub fn serve(addr: &str) -> io::Result<Running> {
        // Two runs must not draw the same values: a browser may still have a cookie of the last one.
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        DevProvider::serve_as(|issuer| DevProvider::with_seed(issuer, seed as u64), addr)
    }

    /// Listens on `addr` with the provider that `self_builder` makes of the issuer.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub fn serve_as(self_builder: impl FnOnce(&str) -> DevProvider, addr: &str) -> io::Result<Running> {
        let listener = TcpListener::bind(addr)?;
        let address = listener.local_addr()?;
        let provider = self_builder(&format!("http://{address}"));
        let issuer = provider.issuer().to_owned();
        let shared = Arc::new(Shared {
            provider: Mutex::new(provider),
            open: Mutex::new(Open::default()),
            stopped: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        let listener = thread::Builder::new().spawn(move || accept(&listener, &accepting))?;
        Ok(Running { address, issuer, shared, listener: Some(listener) })
    }
}

impl Running {
    /// The provider's issuer.
    pub fn issuer(&self) -> String {
        self.issuer.clone()
    }

    /// Does something with the provider; no request is answered meanwhile.
    pub fn with<R>(&self, f: impl FnOnce(&mut DevProvider) -> R) -> R {
        f(&mut lock(&self.shared.provider))
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it, as dropping does.
    pub fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop();
        // The listener sees that it is to stop when it accepts this.
        let woken = TcpStream::connect_timeout(&reachable(self.address), Duration::from_secs(1)).is_ok();
        if let Some(listener) = self.listener.take().filter(|_| woken) {
            let _ = listener.join();
        }
    }
}

/// Who listens everywhere is reached on the loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

struct Shared {
    provider: Mutex<DevProvider>,
    open: Mutex<Open>,
    stopped: Condvar,
}

/// Connections that are to end when the server does.
#[derive(Default)]
struct Open {
    stopping: bool,
    next: u64,
    streams: BTreeMap<u64, TcpStream>,
}

impl Shared {
    fn stop(&self) {
        let mut open = lock(&self.open);
        open.stopping = true;
        for stream in open.streams.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.stopped.notify_all();
    }

    fn enter(self: &Arc<Self>, stream: &TcpStream) -> io::Result<Option<Entered>> {
        let mut open = lock(&self.open);
        if open.stopping || open.streams.len() >= MAX_CONNECTIONS {
            return Ok(None);
        }
        open.next += 1;
        let id = open.next;
        open.streams.insert(id, stream.try_clone()?);
        Ok(Some(Entered { id, shared: Arc::clone(self) }))
    }

    fn is_stopping(&self) -> bool {
        lock(&self.open).stopping
    }

    /// Waits, and says whether to go on.
    fn pause(&self, duration: Duration) -> bool {
        let open = lock(&self.open);
        let waited = self.stopped.wait_timeout_while(open, duration, |open| !open.stopping);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stopping
    }
}

/// A connection among those that are open, until this is dropped.
struct Entered {
    id: u64,
    shared: Arc<Shared>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        lock(&self.shared.open).streams.remove(&self.id);
    }
}

/// What a panicking test left behind is still the provider.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.is_stopping() {
            return;
        }
        let Ok(stream) = stream else { continue };
        let Ok(Some(entered)) = shared.enter(&stream) else { continue };
        // Whoever hangs up early needs no answer, and whom no thread can serve sees the connection close.
        let _ = thread::Builder::new().spawn(move || converse(stream, &entered.shared));
    }
}

fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let request = match read_request(&mut stream) {
        Ok(request) => request,
        Err(Unread::Gone) => return Ok(()),
        Err(Unread::Refused(status)) => return whole(&mut stream, &answer::text(status, String::new())),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (answer, calls) = {
        let mut provider = lock(&shared.provider);
        (provider.answer(request, now), provider.take_back_channel_calls())
    };
    for due in calls {
        // A client that cannot be reached must not keep a person from signing out.
        let _ = call(&due);
    }
    deliver(stream, &answer, |duration| shared.pause(duration))
}

const MAX_CONNECTIONS: usize = 1024;
