//! What a store in Redis or Valkey is asked: one script for each operation, which the server runs whole or not at all. Whoever
//! has a connection sends it and hands the answer back; the drivers do, with their feature `redis`.
//!
//! The scripts need Redis 5, Valkey, or what understands the same. Ends are judged by the server's clock. All keys begin with
//! one prefix and share one hash tag, so that they are in one slot of a cluster.

use crate::step::{StoreAnswer, StoreError, StoreOp, StoreResult};
use crate::time::{LAST_SECOND, UnixTime};

use super::milliseconds;

/// One operation, for `EVALSHA` or `EVAL`. Its answer is always a list of strings.
///
/// ```
/// use oidc_core::step::{StoreAnswer, StoreOp};
/// use oidc_core::store::redis::Script;
///
/// let script = Script::new(StoreOp::Get { key: "a".into() }, "oidc:");
/// assert_eq!(script.keys(), ["oidc:{sessions}:record:a"]);
/// let found = script.answer(vec![b"value".to_vec(), b"7".to_vec()]);
/// assert!(found == Ok(StoreAnswer::Record(Some((b"value".to_vec(), 7)))));
/// ```
pub struct Script {
    text: &'static str,
    keys: Vec<String>,
    arguments: Vec<Vec<u8>>,
    read: fn(Vec<Vec<u8>>) -> Option<StoreAnswer>,
}

impl Script {
    /// The most revocations that are kept; beyond, what ends first gives way.
    pub const MOST_REVOCATIONS: usize = 65_536;

    /// For this operation, on keys that begin with `prefix`.
    #[must_use]
    pub fn new(op: StoreOp, prefix: &str) -> Self {
        let name = |kind: &str, key: &str| format!("{prefix}{{sessions}}:{kind}:{key}");
        let revocations = || ["order", "end", "last"].map(|part| name("revoked", part)).to_vec();
        match op {
            StoreOp::Get { key } => Self::of(GET, [name("record", &key)], [], record),
            StoreOp::Put { key, value, version, until } => {
                let next = version.unwrap_or(0).saturating_add(1).to_string();
                let version = version.map(|version| version.to_string()).unwrap_or_default();
                let arguments = [value, version.into(), next.into(), end(until)];
                Self::of(PUT, [name("record", &key)], arguments, taken)
            }
            StoreOp::Delete { key } => {
                Self::of(DELETE, [name("record", &key), name("lease", &key)], [], taken)
            }
            StoreOp::Lease { key, until } => Self::of(TAKE, [name("lease", &key)], [end(until)], taken),
            StoreOp::Consume { key, until } => Self::of(TAKE, [name("used", &key)], [end(until)], taken),
            StoreOp::Revoke { key, until } => {
                let most = Self::MOST_REVOCATIONS.to_string().into();
                Self::of(REVOKE, revocations(), [key.into(), end(until), most], taken)
            }
            StoreOp::RevokedSince { cursor } => {
                Self::of(REVOKED_SINCE, revocations(), [cursor.to_string().into()], revoked)
            }
        }
    }

    fn of(
        text: &'static str,
        keys: impl Into<Vec<String>>,
        arguments: impl Into<Vec<Vec<u8>>>,
        read: fn(Vec<Vec<u8>>) -> Option<StoreAnswer>,
    ) -> Self {
        Self { text, keys: keys.into(), arguments: arguments.into(), read }
    }

    /// The script itself, in Lua: one of a few.
    #[must_use]
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// Its `KEYS`.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Its `ARGV`, binary.
    #[must_use]
    pub fn arguments(&self) -> &[Vec<u8>] {
        &self.arguments
    }

    /// What the server's answer means.
    ///
    /// # Errors
    /// [`StoreError`] when it is none of this script's answers. Nothing of the answer is in it.
    pub fn answer(&self, answer: Vec<Vec<u8>>) -> StoreResult {
        (self.read)(answer).ok_or_else(|| StoreError("not an answer to what was asked".to_owned()))
    }
}

/// Milliseconds, no later than the last time that Redis takes.
fn end(until: UnixTime) -> Vec<u8> {
    milliseconds(until.min(UnixTime::from_secs(LAST_SECOND))).to_string().into()
}

fn record(answer: Vec<Vec<u8>>) -> Option<StoreAnswer> {
    if answer.is_empty() {
        return Some(StoreAnswer::Record(None));
    }
    let [value, version] = <[Vec<u8>; 2]>::try_from(answer).ok()?;
    Some(StoreAnswer::Record(Some((value, number(version)?))))
}

fn taken(answer: Vec<Vec<u8>>) -> Option<StoreAnswer> {
    let [taken] = <[Vec<u8>; 1]>::try_from(answer).ok()?;
    match taken.as_slice() {
        b"0" => Some(StoreAnswer::Taken(false)),
        b"1" => Some(StoreAnswer::Taken(true)),
        _ => None,
    }
}

/// The cursor, then the keys.
fn revoked(answer: Vec<Vec<u8>>) -> Option<StoreAnswer> {
    let mut answer = answer.into_iter();
    let cursor = number(answer.next()?)?;
    let keys: Result<_, _> = answer.map(String::from_utf8).collect();
    Some(StoreAnswer::Revoked(keys.ok()?, cursor))
}

fn number(text: Vec<u8>) -> Option<u64> {
    String::from_utf8(text).ok()?.parse().ok()
}

const GET: &str = "
local found = redis.call('HMGET', KEYS[1], 'value', 'version')
if found[2] then return found end
return {}";

const PUT: &str = "
if (redis.call('HGET', KEYS[1], 'version') or '') ~= ARGV[2] then return {'0'} end
redis.call('HSET', KEYS[1], 'value', ARGV[1], 'version', ARGV[3])
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
return {'1'}";

const DELETE: &str = "
if redis.call('DEL', KEYS[1], KEYS[2]) > 0 then return {'1'} end
return {'0'}";

/// Leases, and what is used up: whoever finds nothing there is the first.
const TAKE: &str = "
if redis.call('SETNX', KEYS[1], '') == 0 then return {'0'} end
redis.call('PEXPIREAT', KEYS[1], ARGV[1])
return {'1'}";

/// Two sorted sets of the same keys, by the place in which they were noted and by their end; all forgotten with the last.
const REVOKE: &str = "
local order, ends, last = KEYS[1], KEYS[2], KEYS[3]
local key, till, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function forget(keys)
  for _, ended in ipairs(keys) do
    redis.call('ZREM', order, ended)
    redis.call('ZREM', ends, ended)
  end
end
forget(redis.call('ZRANGEBYSCORE', ends, '-inf', string.format('%.0f', now)))
local noted = redis.call('ZSCORE', ends, key)
if noted then till = math.max(till, tonumber(noted)) end
if till <= now then return {'1'} end
local excess = redis.call('ZCARD', ends) - most
if not noted and excess >= 0 then forget(redis.call('ZRANGE', ends, 0, excess)) end
local place = math.max((tonumber(redis.call('GET', last) or '0')) + 1, now)
redis.call('ZADD', order, string.format('%.0f', place), key)
redis.call('ZADD', ends, string.format('%.0f', till), key)
redis.call('SET', last, string.format('%.0f', place))
local latest = redis.call('ZREVRANGE', ends, 0, 0, 'WITHSCORES')[2]
for _, name in ipairs(KEYS) do redis.call('PEXPIREAT', name, string.format('%.0f', tonumber(latest))) end
return {'1'}";

const REVOKED_SINCE: &str = "
local order, ends, last = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local cursor = redis.call('GET', last) or '0'
if tonumber(cursor) < tonumber(ARGV[1]) then cursor = ARGV[1] end
local answer = {cursor}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', order, '(' .. ARGV[1], '+inf')) do
  if tonumber(redis.call('ZSCORE', ends, key) or '0') > now then answer[#answer + 1] = key end
end
return answer";
