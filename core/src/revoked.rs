//! Sessions that have ended, though a cookie of theirs would still open: remembered in this process, and by the store if there
//! is one, until no such cookie opens anyway.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::jose::Claims;
use crate::login::short_hash;
use crate::session::Session;
use crate::time::UnixTime;

/// What has ended, and when.
#[derive(Default)]
pub(crate) struct Revoked {
    /// Here, one session at a time.
    by_us: Rooms,
    /// By logout tokens. Their times are the provider's, as those of ID tokens are.
    by_token: Rooms,
    /// By way of browsers, which anybody can send here: what they name must not crowd out what is proven. Their times are
    /// ours.
    by_browser: Rooms,
    /// How far the store's list has been read.
    cursor: u64,
    /// How much has been noted so far.
    noted: u64,
}

/// Sessions that have ended, as it is noted here and in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    by: By,
    name: String,
    ending: Ending,
}

/// Who has ended them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Us,
    Token,
    Browser,
}

impl By {
    const ALL: [Self; 3] = [Self::Us, Self::Token, Self::Browser];

    fn name(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Token => "token",
            Self::Browser => "browser",
        }
    }
}

impl End {
    /// What a logout token names: one session if it says which, else all of the person's
    /// ([Back-Channel Logout section 2.7](https://openid.net/specs/openid-connect-backchannel-1_0.html#BCActions)).
    pub(crate) fn by_token(claims: &Claims, until: UnixTime, now: UnixTime) -> Vec<Self> {
        let (iss, sub) = (claims.iss(), claims.sub());
        let of_person = |kind| sub.map(|sub| name(iss, kind, sub));
        let names = match claims.get::<String>("sid") {
            Some(sid) => [Some(name(iss, SESSION, &sid)), of_person(UNNAMED_SESSIONS)],
            None => [of_person(PERSON), None],
        };
        let ending = Ending { at: claims.issued_at().unwrap_or(now), until };
        names.into_iter().flatten().map(|name| Self { by: By::Token, name, ending }).collect()
    }

    /// One session, by its name at the provider.
    pub(crate) fn by_browser(iss: &str, sid: &str, until: UnixTime, now: UnixTime) -> Self {
        Self { by: By::Browser, name: name(iss, SESSION, sid), ending: Ending { at: now, until } }
    }

    /// This session, in every copy of it.
    pub(crate) fn by_us(session: &Session, until: UnixTime) -> Self {
        let ending = Ending { at: UnixTime::END, until };
        Self { by: By::Us, name: name(session.claims().iss(), SIGN_IN, session.id()), ending }
    }

    /// What is ended, of a fixed length.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn until(&self) -> UnixTime {
        self.ending.until
    }

    /// As the store keeps it.
    pub(crate) fn to_key(&self) -> String {
        let Ending { at, until } = self.ending;
        // The second after a fraction: what began within it is not to live in one process and be dead in another.
        let at = at.saturating_add(Duration::from_nanos(999_999_999));
        format!("{}.{}.{}.{}", self.by.name(), self.name, at.as_secs(), until.as_secs())
    }

    /// `None` for what this version does not write.
    pub(crate) fn from_key(key: &str) -> Option<Self> {
        let mut parts = key.split('.');
        let by = parts.next().and_then(|name| By::ALL.into_iter().find(|by| by.name() == name))?;
        let name = parts.next()?.to_owned();
        let mut time = || parts.next()?.parse().ok().map(UnixTime::from_secs);
        let ending = Ending { at: time()?, until: time()? };
        parts.next().is_none().then_some(Self { by, name, ending })
    }
}

impl Revoked {
    pub(crate) fn note(&mut self, end: End, now: UnixTime) {
        self.noted = self.noted.saturating_add(1);
        let list = match end.by {
            By::Us => &mut self.by_us,
            By::Token => &mut self.by_token,
            By::Browser => &mut self.by_browser,
        };
        list.note(end.name, end.ending, now);
    }

    /// Changes with everything that is noted; never zero.
    pub(crate) fn state(&self) -> u64 {
        self.noted.saturating_add(1)
    }

    /// How far the store's list has been read.
    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// The next part of the store's list.
    pub(crate) fn learn(&mut self, keys: &[String], cursor: u64, now: UnixTime) {
        let ends = keys.iter().filter_map(|key| End::from_key(key)).filter(|end| now < end.ending.until);
        ends.for_each(|end| self.note(end, now));
        self.cursor = self.cursor.max(cursor);
    }

    /// Whether this session began no later than a sign-out that concerns it.
    pub(crate) fn has_ended(&self, session: &Session) -> bool {
        let issued = session.claims().issued_at().unwrap_or(session.started());
        self.by_us.concern(session, session.started())
            || self.by_token.concern(session, issued)
            || self.by_browser.concern(session, session.started())
    }
}

/// What is remembered of a sign-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ending {
    /// What began later lives.
    at: UnixTime,
    until: UnixTime,
}

/// Sign-outs by what they end, each issuer's by themselves, so that none crowds out another's.
#[derive(Default)]
struct Rooms {
    by_issuer: HashMap<String, Endings>,
}

impl Rooms {
    fn note(&mut self, name: String, ending: Ending, now: UnixTime) {
        let issuer = issuer_in(&name).to_owned();
        self.by_issuer.entry(issuer).or_default().note(name, ending, now);
    }

    fn concern(&self, session: &Session, began: UnixTime) -> bool {
        // All names of a session are of its issuer.
        let room = self.by_issuer.get(&issuer_name(session.claims().iss()));
        room.is_some_and(|endings| endings.concern(session, began))
    }
}

/// Sign-outs by what they end; bounded.
#[derive(Default)]
struct Endings {
    by_name: HashMap<String, Ending>,
    by_until: BTreeSet<(UnixTime, String)>,
    /// Something had to be forgotten too early, and has been complained about.
    overflowing: bool,
}

impl Endings {
    /// The most remembered.
    const MOST: usize = 65_536;

    fn note(&mut self, name: String, ending: Ending, now: UnixTime) {
        while self.by_until.first().is_some_and(|(until, _)| *until <= now) {
            self.forget_first();
        }
        let ending = match self.by_name.remove(&name) {
            Some(known) => {
                self.by_until.remove(&(known.until, name.clone()));
                Ending { at: known.at.max(ending.at), until: known.until.max(ending.until) }
            }
            None => ending,
        };
        self.make_room();
        self.by_until.insert((ending.until, name.clone()));
        self.by_name.insert(name, ending);
    }

    /// The oldest gives way. The log is told once, not by everybody who fills this up.
    fn make_room(&mut self) {
        let full = self.by_name.len() >= Self::MOST;
        if full {
            self.forget_first();
        }
        if full && !self.overflowing {
            tracing::warn!(
                most = Self::MOST,
                "too many sign-outs to remember: the oldest sessions may live on"
            );
        }
        self.overflowing = full;
    }

    fn forget_first(&mut self) {
        if let Some((_, name)) = self.by_until.pop_first() {
            self.by_name.remove(&name);
        }
    }

    fn concern(&self, session: &Session, began: UnixTime) -> bool {
        let ended = |name: &String| self.by_name.get(name).is_some_and(|ending| began <= ending.at);
        !self.by_name.is_empty() && names_of(session).iter().any(ended)
    }
}

/// What may be named: a session at the provider, all sessions of a person, and those of them of which the provider did not
/// say which they are. Those end with any of the person's: it may be theirs.
const SESSION: &str = "sid";
const PERSON: &str = "sub";
const UNNAMED_SESSIONS: &str = "sub without sid";
/// A sign-in here.
const SIGN_IN: &str = "sign-in";

/// By which names a session can be ended.
fn names_of(session: &Session) -> [String; 3] {
    let (iss, sub) = (session.claims().iss(), session.sub());
    let own = match session.claims().get::<String>("sid") {
        Some(sid) => name(iss, SESSION, &sid),
        None => name(iss, UNNAMED_SESSIONS, sub),
    };
    [own, name(iss, PERSON, sub), name(iss, SIGN_IN, session.id())]
}

/// Of a fixed length, whatever the provider or a stranger wrote. It begins with the issuer's.
fn name(iss: &str, kind: &str, value: &str) -> String {
    let of_issuer = short_hash(&format!("{iss}\n{kind}\n{value}"));
    format!("{}{of_issuer}", issuer_name(iss))
}

/// How many characters of a name are the issuer's.
const ISSUER: usize = 6;

fn issuer_name(iss: &str) -> String {
    issuer_in(&short_hash(iss)).to_owned()
}

fn issuer_in(name: &str) -> &str {
    name.get(..ISSUER).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTIL: UnixTime = UnixTime::from_secs(1_000);

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    fn ending(until: UnixTime) -> Ending {
        Ending { at: at(1), until }
    }

    #[test]
    fn l12_a_sign_out_is_remembered_until_its_end_and_no_longer() {
        let mut endings = Endings::default();
        endings.note("a".into(), ending(UNTIL), at(1));
        endings.note("b".into(), ending(at(2_000)), at(999));
        assert_eq!((endings.by_name.len(), endings.by_until.len()), (2, 2));
        endings.note("c".into(), ending(at(2_000)), UNTIL);
        assert!(!endings.by_name.contains_key("a"), "nothing that it concerns lives");
        assert_eq!((endings.by_name.len(), endings.by_until.len()), (2, 2));
    }

    #[test]
    fn a_second_sign_out_lengthens_the_first_and_never_shortens_it() {
        let mut endings = Endings::default();
        endings.note("a".into(), Ending { at: at(9), until: UNTIL }, at(1));
        endings.note("a".into(), Ending { at: at(5), until: at(500) }, at(2));
        let known = endings.by_name["a"];
        assert_eq!((known.at, known.until, endings.by_until.len()), (at(9), UNTIL, 1));
        endings.note("a".into(), Ending { at: at(20), until: at(2_000) }, at(3));
        let known = endings.by_name["a"];
        assert_eq!((known.at, known.until, endings.by_until.len()), (at(20), at(2_000), 1));
    }

    #[test]
    fn l12_memory_is_bounded_and_the_oldest_gives_way() {
        let mut endings = Endings::default();
        for number in 0..Endings::MOST as u64 {
            endings.note(number.to_string(), ending(at(10_000 + number)), at(1));
        }
        assert!(!endings.overflowing && endings.by_name.contains_key("0"));
        endings.note("one more".into(), ending(at(900_000)), at(1));
        assert!(endings.overflowing && !endings.by_name.contains_key("0"), "the oldest is forgotten");
        assert!(endings.by_name.contains_key("1") && endings.by_name.contains_key("one more"));
        assert_eq!((endings.by_name.len(), endings.by_until.len()), (Endings::MOST, Endings::MOST));
        endings.note("later".into(), ending(at(900_000)), at(800_000));
        assert_eq!((endings.by_name.len(), endings.overflowing), (2, false));
    }

    #[test]
    fn no_issuer_crowds_out_what_another_has_ended() {
        let mut rooms = Rooms::default();
        let honest = name("https://a", PERSON, "ada");
        rooms.note(honest.clone(), ending(UNTIL), at(1));
        for number in 0..=Endings::MOST {
            rooms.note(name("https://b", PERSON, &number.to_string()), ending(at(2_000)), at(1));
        }
        let [a, b] = ["https://a", "https://b"].map(|iss| &rooms.by_issuer[&issuer_name(iss)].by_name);
        assert!(a.contains_key(&honest));
        assert_eq!((a.len(), b.len()), (1, Endings::MOST));
    }

    #[test]
    fn an_end_is_read_as_it_was_written_and_nothing_else_is() {
        for by in By::ALL {
            for at in [at(7), UnixTime::from_secs(UnixTime::END.as_secs())] {
                let end =
                    End { by, name: name("https://a", SESSION, "x"), ending: Ending { at, until: UNTIL } };
                assert_eq!(End::from_key(&end.to_key()), Some(end));
            }
        }
        for other in ["", "us", "us.a.1", "us.a.1.x", "us.a.1.2.3", "nobody.a.1.2"] {
            assert_eq!(End::from_key(other), None, "{other}");
        }
    }

    #[test]
    fn what_the_store_has_told_is_not_asked_for_again() {
        let mut revoked = Revoked::default();
        revoked.learn(&["us.a.1.1000".into(), "of a later version".into(), "us.b.1.5".into()], 9, at(10));
        assert_eq!(
            (revoked.by_us.by_issuer.len(), revoked.cursor()),
            (1, 9),
            "b concerns nothing that lives"
        );
        revoked.learn(&[], 8, at(10));
        assert_eq!(revoked.cursor(), 9);
    }

    #[test]
    fn a_name_is_of_one_kind_and_one_issuer() {
        let mut names = vec![name("https://a", SESSION, "x"), name("https://b", SESSION, "x")];
        names.extend([name("https://a", PERSON, "x"), name("https://a", UNNAMED_SESSIONS, "x")]);
        assert!(names.iter().all(|name| name.len() == 22));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 4);
    }
}
