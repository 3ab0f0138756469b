//! What the script answers.

use drl_core::check::Check;
use drl_core::{Leased, Micros, Outcome, Retry, Timestamp, Verdict};
use drl_store::{Answers, StoreError};
use redis::Value;

use super::Request;
use crate::fault;

/// Reads the answers to `request`.
pub(crate) fn read(request: &Request<'_, '_>, reply: Value) -> Result<Answers, StoreError> {
    let Value::Array(items) = reply else {
        return Err(protocol("an answer that is no list"));
    };
    let mut items = Items(items.into_iter());
    if items.number()? != request.call {
        return Err(protocol("the answer to another call"));
    }
    let at = Timestamp(items.number()?);
    let answers = request.checks.iter().map(|check| items.verdict(check, at)).collect::<Result<_, _>>()?;
    match items.0.next() {
        None => Ok(answers),
        Some(_) => Err(protocol("a longer answer than expected")),
    }
}

struct Items(std::vec::IntoIter<Value>);

impl Items {
    /// One check's answer; the outer error is about the reply as a whole.
    fn verdict(
        &mut self,
        check: &Check<'_>,
        at: Timestamp,
    ) -> Result<Result<Verdict, StoreError>, StoreError> {
        let allowed = match self.0.next() {
            Some(Value::Int(allowed)) => allowed != 0,
            Some(Value::BulkString(text)) => {
                return Ok(Err(fault::spoken(&String::from_utf8_lossy(&text))));
            }
            _ => return Err(protocol("neither a verdict nor an error text")),
        };
        let granted = self.number()?;
        let outcomes = check.asks.iter().map(|_| self.outcome()).collect::<Result<_, _>>()?;
        Ok(Ok(Verdict { allowed, granted, leased: Leased::default(), at, outcomes }))
    }

    fn outcome(&mut self) -> Result<Outcome, StoreError> {
        let retry = match self.0.next() {
            Some(Value::Int(-1)) => Retry::Never,
            Some(Value::Int(0)) => Retry::Now,
            Some(Value::Int(wait)) => Retry::After(Micros(unsigned(wait)?)),
            _ => return Err(protocol("no retry where one belongs")),
        };
        let remaining = self.number()?;
        let reset_after = Micros(self.number()?);
        Ok(Outcome { retry, remaining, reset_after, delay: Micros(self.number()?) })
    }

    fn number(&mut self) -> Result<u64, StoreError> {
        match self.0.next() {
            Some(Value::Int(number)) => unsigned(number),
            _ => Err(protocol("no number where one belongs")),
        }
    }
}

fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| protocol("a negative number"))
}

fn protocol(what: &str) -> StoreError {
    StoreError::Protocol { reason: what.to_owned() }
}
