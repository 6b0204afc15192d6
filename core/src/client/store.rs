//! What the session store is asked, with its failures as errors.

use crate::error::Error;
use crate::step::{Step, StoreAnswer, StoreOp, StoreResult};
use crate::time::UnixTime;

/// A record's value and version.
type Record = (Vec<u8>, u64);

/// The record under a key.
pub(crate) fn get(key: String) -> Step<Result<Option<Record>, Error>> {
    Step::store(StoreOp::Get { key }, |result, _| {
        Step::Done(match result {
            Ok(StoreAnswer::Record(record)) => Ok(record),
            other => Err(failed(other)),
        })
    })
}

/// Whether an operation took effect.
pub(crate) fn take(op: StoreOp) -> Step<Result<bool, Error>> {
    Step::store(op, |result, _| {
        Step::Done(match result {
            Ok(StoreAnswer::Taken(taken)) => Ok(taken),
            other => Err(failed(other)),
        })
    })
}

/// Uses a key up, which only the first caller can do.
pub(crate) fn consume(key: String, until: UnixTime, used_up: Error) -> Step<Result<(), Error>> {
    Step::store(StoreOp::Consume { key, until }, move |result, _| {
        Step::Done(match result {
            Ok(StoreAnswer::Taken(true)) => Ok(()),
            Ok(StoreAnswer::Taken(false)) => Err(used_up),
            other => Err(failed(other)),
        })
    })
}

/// What has been revoked since a cursor, and the next cursor.
pub(crate) fn revoked_since(cursor: u64) -> Step<Result<(Vec<String>, u64), Error>> {
    Step::store(StoreOp::RevokedSince { cursor }, |result, _| {
        Step::Done(match result {
            Ok(StoreAnswer::Revoked(keys, cursor)) => Ok((keys, cursor)),
            other => Err(failed(other)),
        })
    })
}

/// The log is told why; nobody else need know.
fn failed(result: StoreResult) -> Error {
    let reason =
        result.err().map_or_else(|| "its answer is one to another question".to_owned(), |error| error.0);
    tracing::error!(reason, "the session store failed");
    Error::Store
}
