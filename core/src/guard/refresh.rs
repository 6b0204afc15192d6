//! Fresh tokens for a session before its access token ends. However many requests find that it is due, the provider is asked
//! once, since a refresh token that is replaced must not be used twice
//! ([RFC 9700 section 4.14](https://www.rfc-editor.org/rfc/rfc9700#section-4.14)): by turns in this process, and by a lease
//! of the store's across processes.

use std::sync::Arc;
use std::time::Duration;

use super::Guard;
use super::seat::{Place, Seated, Visit};
use crate::client::store;
use crate::error::Error;
use crate::login::short_hash;
use crate::secret::Secret;
use crate::session::Session;
use crate::step::{Step, StoreOp};
use crate::time::UnixTime;
use crate::turns::{Keep, Ticket, Turn, Turns};

/// What a refresh has come to: the session with fresh tokens, or none, since the provider has ended it.
pub(super) type Refreshes = Turns<Option<Session>>;

/// How long those who come with the old refresh token are given what it was exchanged for.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How long a request waits for somebody else's refresh.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a refresh is one process's alone: for longer than it can take.
pub(super) const LEASE: Duration = Duration::from_secs(15);
/// How soon to look again whether another process is done.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How often a session is written although others write it, too.
const ATTEMPTS: u8 = 4;

/// A session that is due for a refresh.
struct Due {
    visit: Arc<Visit>,
    seated: Seated,
    /// The name of the refresh.
    key: String,
    deadline: UnixTime,
}

impl Due {
    /// It need not wait for anybody: the access token still lives, or there is no time left.
    fn goes_on(&self, now: UnixTime) -> bool {
        self.seated.session.access_token(now).is_some() || now >= self.deadline
    }

    fn lease(&self) -> String {
        format!("refresh:{}", self.key)
    }
}

/// The name of a refresh: of this session, with these tokens.
fn turn_of(session: &Session) -> Option<String> {
    let tokens = session.refresh_token().zip(session.last_access_token());
    let name = |(refresh, access): (&Secret, &Secret)| {
        short_hash(&[session.id(), refresh.expose(), access.expose()].join("\n"))
    };
    tokens.map(name)
}

fn remembered(now: UnixTime) -> Keep {
    Keep::until(now.saturating_add(REMEMBERED))
}

type Freshened = Step<Result<Option<Seated>, Error>>;

impl Guard {
    /// The session with fresh tokens if it is due for them. It is as it was where the provider cannot be asked, and none
    /// where the provider refuses.
    pub(super) fn freshen(&self, visit: &Arc<Visit>, seated: Seated, now: UnixTime) -> Freshened {
        let Some(key) = turn_of(&seated.session).filter(|_| seated.session.is_due(now)) else {
            return Step::Done(Ok(Some(seated)));
        };
        let deadline = now.saturating_add(PATIENCE);
        self.take_turn(Due { visit: Arc::clone(visit), seated, key, deadline }, now)
    }

    fn take_turn(&self, due: Due, now: UnixTime) -> Freshened {
        match due.visit.browser.refreshes.take(&due.key, now) {
            Turn::Known(Some(session)) => self.follow(due, session, now),
            Turn::Known(None) => Step::Done(Ok(None)),
            Turn::Wait(wait) if !due.goes_on(now) => {
                let this = self.clone();
                Step::wait(wait, move |now| this.take_turn(due, now))
            }
            Turn::Wait(_) => due.leave_to_others(),
            Turn::BackingOff { .. } => Step::Done(Ok(Some(due.seated))),
            Turn::Yours(turn) => match due.seated.place {
                Place::Cookies => self.ask_provider(due, turn, now),
                Place::Store { .. } => self.lease(due, turn, now),
            },
        }
    }

    /// Goes on with what somebody else's refresh has come to, unless the session has ended since. Whoever of them writes it
    /// first does.
    fn follow(&self, mut due: Due, session: Session, now: UnixTime) -> Freshened {
        if self.home.has_ended(&session) {
            return Step::Done(Ok(None));
        }
        let (this, visit) = (self.clone(), Arc::clone(&due.visit));
        let kept = self.keep(&visit, &session, due.seated.place.clone(), now);
        kept.then(now, move |kept, now| match kept {
            Ok(None) => this.found(&visit, now),
            kept => {
                due.seated.session = session;
                due.seated.keep_from_now_on(kept);
                Step::Done(Ok(Some(due.seated)))
            }
        })
    }

    /// Takes care that no other process refreshes this session, and goes on with what one has come to that did.
    fn lease(&self, due: Due, turn: Ticket<Option<Session>>, now: UnixTime) -> Freshened {
        let this = self.clone();
        let lease = StoreOp::Lease { key: due.lease(), until: now.saturating_add(LEASE) };
        store::take(lease).and_then(now, move |ours, now| {
            this.found(&Arc::clone(&due.visit), now).and_then(now, move |found, now| match found {
                None => Step::Done(Ok(None)),
                Some(seated) if !seated.session.is_due(now) => {
                    turn.done(Some(seated.session.clone()), remembered(now));
                    Step::Done(Ok(Some(seated)))
                }
                Some(seated) if ours => this.ask_provider(Due { seated, ..due }, turn, now),
                Some(seated) if due.goes_on(now) => Due { seated, ..due }.leave_to_others(),
                Some(_) => Step::wait(LOOK_AGAIN, move |now| this.lease(due, turn, now)),
            })
        })
    }

    fn ask_provider(&self, due: Due, turn: Ticket<Option<Session>>, now: UnixTime) -> Freshened {
        let this = self.clone();
        let client = self.client_of_session(&due.seated.session).unwrap_or(&self.client);
        client.refresh(due.seated.session.clone(), now).then(now, move |refreshed, now| match refreshed {
            Ok(session) => {
                turn.done(Some(session.clone()), remembered(now));
                this.keep_refreshed(due, session, ATTEMPTS, now)
            }
            Err(error) if error.ends_session() => {
                tracing::info!(code = error.code(), %error, "the provider has ended a session");
                turn.done(None, remembered(now));
                this.end(&due.seated, now).map(now, |ended| ended.map(|()| None))
            }
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "a session could not be refreshed, and goes on");
                turn.failed(error, now);
                due.give_back(now)
            }
        })
    }

    /// Writes a session with fresh tokens, over whatever was written of it meanwhile, unless it has ended.
    fn keep_refreshed(&self, mut due: Due, session: Session, attempts: u8, now: UnixTime) -> Freshened {
        let this = self.clone();
        self.keep(&due.visit, &session, due.seated.place.clone(), now).then(
            now,
            move |kept, now| match kept {
                Ok(None) if attempts > 0 => {
                    this.found(&Arc::clone(&due.visit), now).and_then(now, move |found, now| match found {
                        Some(seated) => this.keep_refreshed(
                            Due { seated, ..due },
                            session,
                            attempts.saturating_sub(1),
                            now,
                        ),
                        None => Step::Done(Ok(None)),
                    })
                }
                kept => {
                    // What could not be written is remembered, and written by the next request.
                    due.seated.keep_from_now_on(kept);
                    due.seated.session = session;
                    Step::Done(Ok(Some(due.seated)))
                }
            },
        )
    }
}

impl Due {
    /// Goes on as it is, and writes nothing over what others are about to write.
    fn leave_to_others(mut self) -> Freshened {
        self.seated.others_keep = true;
        Step::Done(Ok(Some(self.seated)))
    }

    /// Lets other processes try, too. A lease that cannot be given back lapses.
    fn give_back(self, now: UnixTime) -> Freshened {
        match self.seated.place {
            Place::Cookies => Step::Done(Ok(Some(self.seated))),
            Place::Store { .. } => {
                let lease = store::take(StoreOp::Delete { key: self.lease() });
                lease.map(now, move |_| Ok(Some(self.seated)))
            }
        }
    }
}
